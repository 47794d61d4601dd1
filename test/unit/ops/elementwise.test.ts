import assert from "node:assert/strict";
import fc from "fast-check";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { DType, Tensor } from "../../../core/graph/types.js";
import { inferGraph } from "../../../core/ops/infer.js";
import { definitionOf } from "../../../core/ops/index.js";
import { graphOf, node } from "../../support/graphs.js";
import { absent, batchOf, elementsOf, factsOf, known, of, refuses, scalar, shapeOf } from "../../support/op-facts.js";
import { numbers, runGraph } from "../../support/run-graph.js";

/** NumPy's rule, one axis at a time from the right; undefined where shapes do not fit. */
function broadcast(shapes: readonly (readonly number[])[]): readonly number[] | undefined {
  const out: number[] = [];
  for (let back = 1; back <= Math.max(...shapes.map((s) => s.length)); back++) {
    const sizes = new Set(shapes.map((s) => s.at(-back) ?? 1).filter((d) => d !== 1));
    if (sizes.size > 1) return undefined;
    out.unshift([...sizes][0] ?? 1);
  }
  return out;
}

const shapes = fc.array(fc.constantFrom(1, 1, 2, 3, 5), { maxLength: 4 });

describe("the shape of elementwise operators", () => {
  for (const [op, most] of [["Add", 2], ["Pow", 2], ["Less", 2], ["Where", 3], ["Max", 4], ["Sum", 4]] as const) {
    it(`is that of its broadcast operands: ${op}`, () => {
      const least = op === "Max" || op === "Sum" ? 1 : most;
      fc.assert(
        fc.property(fc.array(shapes, { minLength: least, maxLength: most }), (operands) => {
          const expected = broadcast(operands);
          const facts = operands.map((s, i) => of(s, op === "Where" && i === 0 ? "bool" : "float32"));
          if (expected === undefined) refuses(() => shapeOf(op, facts), /expected shapes that broadcast/);
          else assert.deepEqual(shapeOf(op, facts), expected);
        }),
        { seed: 11, numRuns: 300 },
      );
    });
  } // prettier-ignore

  it("keeps symbols, and lets what is 1 give way", () => {
    assert.deepEqual(shapeOf("Add", [of(["N", 3]), of([3])]), ["N", 3]);
    assert.deepEqual(shapeOf("Add", [of(["N", 1]), of([1, "T"])]), ["N", "T"]);
    assert.deepEqual(shapeOf("Mul", [of(["N", "C"]), of(["N", "C"])]), ["N", "C"]);
  });

  it("takes the number where a symbol meets one, and knows nothing of two symbols", () => {
    assert.deepEqual(shapeOf("Add", [of(["N"]), of([4])]), [4]);
    assert.deepEqual(shapeOf("Add", [of(["N"]), of(["M"])]), ["?"]);
  });

  it("is unknown where an operand's is, but the element type is known", () => {
    assert.deepEqual(factsOf("Add", [of(undefined, "float64"), of([2], "float64")])[0].type, { kind: "tensor", dtype: "float64" });
    assert.deepEqual(factsOf("Equal", [absent, of([2])])[0].type?.dtype, "bool");
    assert.deepEqual(factsOf("Where", [of([2], "bool"), of([2], "float16"), of([1], "float16")])[0].type?.dtype, "float16");
  });
});

describe("integer arithmetic on sizes", () => {
  it("computes numbers and symbols, one element at a time", () => {
    assert.deepEqual(elementsOf("Add", [known(2, "N"), known(3, 4)]), [5, "(N+4)"]);
    assert.deepEqual(elementsOf("Sub", [known("N", 9), known("N", 4)]), [0, 5]);
    assert.deepEqual(elementsOf("Mul", [known(2, 3), scalar("N")]), ["2*N", "3*N"]);
    assert.deepEqual(elementsOf("Div", [known(7, -7, "6*N"), known(2, 2, 3)]), [3, -3, "2*N"]);
    assert.deepEqual(elementsOf("Max", [known(1, 8), known(4, 2)]), [4, 8]);
    assert.deepEqual(elementsOf("Neg", [known(3)]), [-3]);
    assert.deepEqual(elementsOf("Cast", [known(3, "N")], { to: 7 }), [3, "N"]);
    assert.deepEqual(elementsOf("Identity", [known("N")]), ["N"]);
  });

  it("gives up where it cannot know", () => {
    assert.equal(elementsOf("Max", [known("N"), known(4)]), undefined);
    assert.equal(elementsOf("Div", [known(4), known(0)]), undefined);
    assert.equal(elementsOf("Add", [known(4), of([1], "int64")]), undefined);
    assert.equal(elementsOf("Cast", [known(3)], { to: 1 }), undefined);
  });

  it("chooses by comparisons: a size is never the −1 that stands for the rest", () => {
    assert.deepEqual(elementsOf("Equal", [known("N", -1, 3), known(-1, -1, 4)]), [0, 1, 0]);
    assert.deepEqual(elementsOf("Equal", [known("(N+2)", "-1*N"), known(-1)]), undefined);
    assert.deepEqual(elementsOf("Equal", [known("(N+2)"), known(-1)]), [0]);
    assert.equal(elementsOf("Equal", [known("N"), known(3)]), undefined);
    const chosen = { type: { kind: "tensor", dtype: "bool", shape: [2] }, ints: [1, 0] } as const;
    assert.deepEqual(elementsOf("Where", [chosen, known(5, 6), known("N", "M")]), [5, "M"]);
  });

  it("reduces whole vectors", () => {
    assert.deepEqual(elementsOf("ReduceProd", [known(2, "N", 3)], { keepdims: 0 }), ["6*N"]);
    assert.deepEqual(elementsOf("ReduceSum", [known(2, 5)]), [7]);
    assert.equal(elementsOf("ReduceProd", [known(2, 3)], { noop_with_empty_axes: 1 }), undefined);
  });

  it("agrees with the runtime on numbers", async () => {
    const [a, c] = [[7, -7, 5, 0, -9], [2, 2, -3, 4, -4]]; // prettier-ignore
    for (const [op, settings] of [["Add"], ["Sub"], ["Mul"], ["Div"], ["Max"], ["Min"], ["Mod"], ["Mod", { fmod: 1 }], ["Pow"]] as const) {
      const [left, right] = op === "Pow" ? [a, [2, 3, 1, 0, 2]] : [a, c];
      const tensors = { a: tensorOf("int64", left), c: tensorOf("int64", right) };
      const { y } = await runGraph(
        graphOf({ inputs: [], outputs: [{ name: "y", type: undefined }], tensors, nodes: [node(op, ["a", "c"], ["y"], settings)] }),
      );
      assert.deepEqual(elementsOf(op, [known(...left), known(...right)], settings)?.map((d) => Number(d) + 0), numbers(y), op); // prettier-ignore
    }
  });
});

describe("the batch in elementwise operators", () => {
  it("keeps its axis, counted from the right among operands", () => {
    assert.deepEqual(batchOf("Add", [of(["N", 3]), of([3])], [0, undefined]), [0, 1]);
    assert.deepEqual(batchOf("Add", [of([1]), of([4, "N", 3])], [undefined, 1]), [1, 1]);
    assert.deepEqual(batchOf("Mul", [of(["N", 3]), of([2, "N", 1])], [0, 1]), [1, 1]);
    assert.deepEqual(batchOf("Relu", [of(["N", 3])], [0]), [0, 1]);
  });

  it("is mixed where operands have it on different axes", () => {
    assert.match(String(batchOf("Add", [of(["N", 1]), of(["N"])], [0, 0])), /different axes/);
  });

  it("does not mix through bounds and slopes, unless they depend on it", () => {
    assert.deepEqual(batchOf("Clip", [of(["N", 3]), of([]), of([])], [0, undefined, undefined]), [0, 1]);
    assert.match(String(batchOf("Clip", [of(["N"]), of([])], [0, 0])), /bounds depend/);
    assert.match(String(batchOf("PRelu", [of(["N", 3]), of(["N", 3])], [0, 0])), /slope depends/);
  });

  it("moves to the front where reduced axes before it are dropped, and ends where it is reduced itself", () => {
    assert.deepEqual(batchOf("ReduceSum", [of([3, "N"]), known(0)], [1, undefined], { keepdims: 0 }), [0, 1]);
    assert.deepEqual(batchOf("ReduceMean", [of(["N", 3]), known(-1)], [0, undefined]), [0, 1]);
    assert.match(String(batchOf("ReduceMax", [of(["N", 3]), known(0, 1)], [0, undefined])), /over the axis of the batch/);
    assert.match(String(batchOf("ReduceSum", [of(["N", 3])], [0])), /over the axis of the batch/);
    assert.match(String(batchOf("ReduceSum", [of(["N", 3]), of([1], "int64")], [0, undefined])), /not known before it runs/);
    assert.deepEqual(batchOf("ArgMax", [of([3, "N"])], [1], { axis: 0, keepdims: 0 }), [0, 1]);
    assert.match(String(batchOf("ArgMax", [of(["N", 3])], [0])), /along the axis of the batch/);
  });
});

describe("operators without a gradient of their own", () => {
  const floats = tensorOf("float32", [-1.5, 0, 2.5, 0.5, -0.5, 7], [2, 3]);
  const row = tensorOf("float32", [0, 0, 2.5], [3]);
  const bits = tensorOf("uint8", [1, 2, 3, 4, 5, 6], [2, 3]);
  const truths = tensorOf("bool", [1, 0, 1, 0, 1, 1], [2, 3]);
  const truth = tensorOf("bool", [1], []);
  const forms: readonly (readonly [string, readonly Tensor[], Parameters<typeof node>[3]?])[] = [
    ["Sign", [floats]],
    ["Floor", [floats]],
    ["Ceil", [floats]],
    ["Round", [floats]],
    ["Equal", [floats, row]],
    ["Greater", [floats, row]],
    ["Less", [floats, row]],
    ["GreaterOrEqual", [floats, row]],
    ["LessOrEqual", [floats, row]],
    ["And", [truths, truth]],
    ["Or", [truth, truths]],
    ["Xor", [truths, truths]],
    ["Not", [truths]],
    ["IsNaN", [floats]],
    ["IsInf", [floats], { detect_negative: 0 }],
    ["BitShift", [bits, bits], { direction: "LEFT" }],
    ["BitwiseAnd", [bits, bits]],
    ["BitwiseOr", [bits, bits]],
    ["BitwiseXor", [bits, bits]],
    ["BitwiseNot", [bits]],
    ["Mod", [floats, row], { fmod: 1 }],
    ["ReduceProd", [floats, tensorOf("int64", [1])]],
    ["ArgMax", [floats]],
    ["ArgMax", [floats], { axis: -1, keepdims: 0 }],
    ["ArgMin", [floats], { axis: 1, select_last_index: 1 }],
    ["RandomNormal", [], { shape: [2, 3] }],
    ["RandomUniform", [], { shape: [4], dtype: 11 }],
    ["RandomNormalLike", [floats]],
    ["RandomUniformLike", [bits], { dtype: 1 }],
    ["Bernoulli", [tensorOf("float32", [0, 1, 0.5])]],
    ["Bernoulli", [tensorOf("float32", [0, 1, 0.5])], { dtype: 9 }],
    ["Multinomial", [floats], { sample_size: 5 }],
    ["Multinomial", [floats], { sample_size: 2, dtype: 7 }],
  ];
  for (const [i, [op, operands, settings = {}]] of forms.entries()) {
    it(`have the types and shapes that a run gives them: ${op} (${i})`, async () => {
      const tensors = Object.fromEntries(operands.map((tensor, k) => [`x${k}`, tensor]));
      const graph = graphOf({
        inputs: [],
        outputs: [{ name: "y", type: undefined }],
        tensors,
        nodes: [node(op, Object.keys(tensors), ["y"], settings)],
      });
      const { y } = await runGraph(graph);
      const type = inferGraph(graph).get("y")?.type;
      assert.deepEqual([type?.dtype, type?.shape], [y.dtype, y.shape]);
    });
  }

  it("pass no gradient, as their records say", () => {
    const jumping = forms.filter(([op]) => op !== "Mod" && op !== "ReduceProd");
    for (const [opType] of jumping) assert.equal(definitionOf({ opType, domain: "" })?.grad, "zero", opType);
  });

  it("are random where they draw numbers", () => {
    for (const opType of ["RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"])
      assert.equal(definitionOf({ opType, domain: "" })?.random, true);
  });
});

describe("Cast", () => {
  it("has the element type that its attribute names", () => {
    const types: readonly (readonly [number, DType])[] = [[1, "float32"], [7, "int64"], [9, "bool"], [10, "float16"], [11, "float64"], [16, "bfloat16"]]; // prettier-ignore
    for (const [to, dtype] of types) assert.deepEqual(factsOf("Cast", [of(["N", 2])], { to })[0].type, { kind: "tensor", dtype, shape: ["N", 2] });
    assert.equal(factsOf("CastLike", [of([2]), of([9], "int32")])[0].type?.dtype, "int32");
  });
});

describe("the shape of reductions", () => {
  it("keeps axes as 1 or drops them, counted from either end", () => {
    assert.deepEqual(shapeOf("ReduceSum", [of(["N", 3, 4]), known(1, -1)]), ["N", 1, 1]);
    assert.deepEqual(shapeOf("ReduceSum", [of(["N", 3, 4]), known(-2)], { keepdims: 0 }), ["N", 4]);
    assert.deepEqual(shapeOf("ReduceMax", [of(["N", 3])]), [1, 1]);
    assert.deepEqual(shapeOf("ReduceMean", [of(undefined)], { keepdims: 0 }), []);
  });

  it("knows the rank where only the number of axes is known", () => {
    assert.deepEqual(shapeOf("ReduceSum", [of([2, 3, 4]), of([1], "int64")], { keepdims: 0 }), ["?", "?"]);
    assert.deepEqual(shapeOf("ReduceSum", [of([2, 3, 4]), of([1], "int64")]), ["?", "?", "?"]);
    assert.equal(shapeOf("ReduceSum", [of([2, 3, 4]), of(["K"], "int64")], { keepdims: 0 }), undefined);
  });

  it("is the same where no axes are given and none are meant", () => {
    assert.deepEqual(shapeOf("ReduceSum", [of(["N", 3])], { noop_with_empty_axes: 1 }), ["N", 3]);
    assert.deepEqual(shapeOf("ReduceSum", [of(["N", 3]), known()], { noop_with_empty_axes: 1 }), ["N", 3]);
    assert.deepEqual(shapeOf("ReduceSum", [of(["N", 3]), known()]), [1, 1]);
  });

  it("refuses axes that a tensor does not have, and doubled ones", () => {
    refuses(() => shapeOf("ReduceSum", [of([2, 3]), known(2)]), /axis within/);
    refuses(() => shapeOf("ReduceSum", [of([2, 3]), known(1, -1)]), /once/);
  });
});
