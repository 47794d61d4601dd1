import assert from "node:assert/strict";
import fc from "fast-check";
import { gradients } from "../../../core/autodiff/gradients.js";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { Graph, Node } from "../../../core/graph/types.js";
import { insertStops, lowerStops } from "../../../core/passes/stop-gradient.js";
import { prune } from "../../../core/passes/prune.js";
import { failure } from "../../support/failure.js";
import { graphOf, info, node } from "../../support/graphs.js";
import { fed, numbers, runGraph } from "../../support/run-graph.js";

/** Runs the gradients of `ys` and answers the elements of each; undefined where there is none. */
async function evaluate(
  graph: Graph,
  ys: readonly string[],
  xs: readonly string[],
  feeds: Readonly<Record<string, readonly number[]>>,
  seeds?: ReadonlyMap<string, string>,
): Promise<readonly (readonly number[] | undefined)[]> {
  const { graph: full, gradients: names } = gradients(graph, ys, xs, seeds === undefined ? {} : { seeds });
  const wanted = [...new Set(names.filter((name) => name !== undefined))];
  if (wanted.length === 0) return names.map(() => undefined);
  const outputs = await runGraph(
    lowerStops(prune(full, wanted)),
    Object.fromEntries(Object.entries(feeds).map(([name, values]) => [name, fed(tensorOf("float32", values))])),
  );
  return names.map((name) => (name === undefined ? undefined : numbers(outputs[name])));
}

const vectors = (...names: readonly string[]) => names.map((name) => info(name, [2]));

/** Nodes that `gradients` added, by operator. */
function added(graph: Graph, ys: readonly string[], xs: readonly string[]): readonly string[] {
  return gradients(graph, ys, xs)
    .graph.nodes.slice(graph.nodes.length)
    .map((n) => n.opType);
}

describe("gradients", () => {
  it("add up what arrives over both sides of a diamond", async () => {
    // y = x² + 3·x² → 8·x
    const graph = graphOf({
      inputs: vectors("x"),
      outputs: ["y"],
      tensors: { three: tensorOf("float32", [3], []) },
      nodes: [node("Mul", ["x", "x"], ["s"]), node("Mul", ["s", "three"], ["t"]), node("Add", ["s", "t"], ["y"])],
    });
    assert.deepEqual(await evaluate(graph, ["y"], ["x"], { x: [1, -2] }), [[8, -16]]);
  });

  it("count an operand as often as a node reads it", async () => {
    const graph = graphOf({ inputs: vectors("x"), outputs: ["y"], nodes: [node("Sum", ["x", "x", "x"], ["y"])] });
    assert.deepEqual(await evaluate(graph, ["y"], ["x"], { x: [1, 2] }), [[3, 3]]);
  });

  it("include an x that is a y itself, and a y behind it", async () => {
    const graph = graphOf({ inputs: vectors("x"), outputs: ["y"], nodes: [node("Neg", ["x"], ["y"])] });
    assert.deepEqual(await evaluate(graph, ["x"], ["x"], { x: [1, 2] }), [[1, 1]]);
    assert.deepEqual(await evaluate(graph, ["x", "y"], ["x"], { x: [1, 2] }), [[0, 0]]);
  });

  it("start from the given seeds", async () => {
    const graph = graphOf({ inputs: vectors("x", "seed"), outputs: ["y"], nodes: [node("Mul", ["x", "x"], ["y"])] });
    const found = await evaluate(graph, ["y"], ["x"], { x: [1, 2], seed: [10, 100] }, new Map([["y", "seed"]]));
    assert.deepEqual(found, [[20, 400]]);
  });

  it("reach values inside the graph and outputs of Constant nodes", async () => {
    const graph = graphOf({
      inputs: vectors("x"),
      outputs: ["y"],
      nodes: [node("Constant", [], ["c"], { value: tensorOf("float32", [5, 7]) }), node("Neg", ["x"], ["h"]), node("Mul", ["h", "c"], ["y"])],
    });
    assert.deepEqual(await evaluate(graph, ["y"], ["h", "c"], { x: [1, 2] }), [
      [5, 7],
      [-1, -2],
    ]);
  });

  it("are undefined where no path exists: beside the loss, behind it, and for a name that nothing reads", () => {
    const graph = graphOf({
      inputs: vectors("x", "other", "unread"),
      outputs: ["y", "z"],
      nodes: [node("Neg", ["x"], ["y"]), node("Neg", ["y"], ["behind"]), node("Mul", ["y", "other"], ["z"])],
    });
    assert.deepEqual(gradients(graph, ["y"], ["other", "behind", "unread"]).gradients, [undefined, undefined, undefined]);
    assert.deepEqual(added(graph, ["y"], ["other", "behind", "unread"]), []);
  });

  it("do not pass through integers, comparisons and shapes", () => {
    const graph = graphOf({
      inputs: vectors("x"),
      outputs: ["y"],
      nodes: [
        node("Cast", ["x"], ["i"], { to: 7 }),
        node("Cast", ["i"], ["f"], { to: 1 }),
        node("Shape", ["x"], ["s"]),
        node("ConstantOfShape", ["s"], ["zeros"]),
        node("Greater", ["x", "zeros"], ["positive"]),
        node("Where", ["positive", "f", "zeros"], ["y"]),
      ],
    });
    assert.deepEqual(gradients(graph, ["y"], ["x"]).gradients, [undefined]);
    assert.deepEqual(gradients(graph, ["i"], ["x"]).gradients, [undefined]);
  });

  it("stop at a stopped value, but not on a path around it", async () => {
    const graph = graphOf({
      inputs: vectors("x"),
      outputs: ["y"],
      nodes: [node("Mul", ["x", "x"], ["s"]), node("Add", ["s", "x"], ["y"])],
    });
    const stopped = insertStops(graph, ["s"]);
    assert.deepEqual(await evaluate(stopped, ["y"], ["x"], { x: [3, 4] }), [[1, 1]]);
    assert.deepEqual(await evaluate(graph, ["y"], ["x"], { x: [3, 4] }), [[7, 9]]);
    assert.deepEqual(gradients(insertStops(graph, ["s", "x"]), ["y"], ["x"]).gradients, [undefined]);
  });

  it("sum what broadcasting spread, also where that shows only at run time", async () => {
    const nodes = [node("Mul", ["x", "b"], ["y"])];
    for (const shape of [[1], ["K"]]) {
      const graph = graphOf({ inputs: [info("x", ["N"]), info("b", shape)], outputs: ["y"], nodes });
      assert.deepEqual(await evaluate(graph, ["y"], ["b"], { x: [1, 2, 3], b: [5] }), [[6]]);
    }
    const graph = graphOf({ inputs: [info("x", ["N"]), info("b", ["K"])], outputs: ["y"], nodes });
    assert.deepEqual(await evaluate(graph, ["y"], ["b", "x"], { x: [4], b: [1, 2, 3] }), [[4, 4, 4], [6]]);
  });

  it("leave the forward graph as it is, and its inputs and outputs", () => {
    const graph = graphOf({ inputs: vectors("x"), outputs: [info("y", [2])], nodes: [node("Exp", ["x"], ["y"])], opset: 23 });
    const { graph: full } = gradients(graph, ["y"], ["x"]);
    assert.deepEqual(full.nodes.slice(0, 1), graph.nodes);
    assert.deepEqual([full.inputs, full.outputs], [graph.inputs, graph.outputs]);
    assert.equal(graph.nodes.length, 1);
  });

  it("are named after the value that they belong to", () => {
    const graph = graphOf({
      inputs: [info("x", [2]), info("w", [2])],
      outputs: ["y"],
      nodes: [node("Mul", ["x", "w"], ["h"]), node("Tanh", ["h"], ["y"])],
    });
    const { graph: full, gradients: names } = gradients(graph, ["y"], ["x", "w"]);
    assert.deepEqual(names, ["x_grad", "w_grad"]);
    const made = full.nodes.slice(2).flatMap((n) => n.outputs);
    assert.deepEqual(made, ["y_grad", "h_grad", "h_grad.1", "h_grad.2", "x_grad", "w_grad"]);
  });
});

/** y = Relu(x · w1 + b1) · w2 + b2 */
const perceptron = graphOf({
  inputs: [info("x", ["N", 3])],
  outputs: ["y"],
  tensors: {
    w1: tensorOf("float32", new Float32Array(12), [3, 4]),
    b1: tensorOf("float32", new Float32Array(4)),
    w2: tensorOf("float32", new Float32Array(8), [4, 2]),
    b2: tensorOf("float32", new Float32Array(2)),
  },
  nodes: [
    node("MatMul", ["x", "w1"], ["p"]),
    node("Add", ["p", "b1"], ["q"]),
    node("Relu", ["q"], ["h"]),
    node("MatMul", ["h", "w2"], ["r"]),
    node("Add", ["r", "b2"], ["y"]),
  ],
});

describe("frozen parameters", () => {
  it("get no gradient nodes: only what lies between a trainable tensor and the loss does", () => {
    const seed = ["Shape", "Expand"];
    // b2: the seed, summed over the batch. Nothing of the layers before it.
    assert.deepEqual(added(perceptron, ["y"], ["b2"]), [...seed, "ReduceSum"]);
    // w2: hᵀ · dy
    assert.deepEqual(added(perceptron, ["y"], ["w2"]), [...seed, "Gemm"]);
    // b1: through w2 and the Relu, with nothing for w2 itself.
    assert.deepEqual(added(perceptron, ["y"], ["b1"]), [...seed, "Gemm", "HardSigmoid", "Mul", "ReduceSum"]);
    assert.deepEqual(added(perceptron, ["y"], []), []);
  });

  it("cost as many nodes as they have, one by one", () => {
    const count = (xs: readonly string[]): number => added(perceptron, ["y"], xs).length;
    assert.ok(count(["w1", "b1", "w2", "b2"]) > count(["w1", "w2", "b2"]));
    assert.ok(count(["w1", "w2", "b2"]) > count(["w2", "b2"]));
    assert.ok(count(["w2", "b2"]) > count(["b2"]));
  });
});

describe("an operator without a gradient", () => {
  const unsupported = (extra: readonly Node[], y: string): Graph =>
    graphOf({
      inputs: [info("x", [2]), info("w", [2])],
      outputs: [y],
      nodes: [node("Mul", ["x", "w"], ["a"]), node("ReduceProd", ["a"], ["p"], { keepdims: 1 }, "product"), ...extra],
    });

  it("is named, with its reason and the value from which training is possible", async () => {
    const graph = unsupported([node("Neg", ["p"], ["y"])], "y");
    const error = await failure("model/no-gradient", () => gradients(graph, ["y"], ["w"]));
    assert.match(error.message, /ReduceProd "product": no gradient \(/);
    assert.equal(error.data.cut, "p");
    assert.match(error.hint ?? "", /from "p" on/);
    // From the cut on, it is.
    assert.deepEqual(gradients(graph, ["y"], ["p"]).gradients, ["p_grad"]);
  });

  it("gives a cut that no path goes round", async () => {
    const graph = graphOf({
      inputs: [info("x", [2]), info("w", [2])],
      outputs: ["y"],
      nodes: [
        node("Mul", ["x", "w"], ["a"]),
        node("ReduceProd", ["a"], ["p"], { keepdims: 1 }, "first"),
        node("ReduceProd", ["p"], ["q"], { keepdims: 1 }, "second"),
        node("Add", ["p", "q"], ["both"]),
        node("Neg", ["both"], ["y"]),
      ],
    });
    const error = await failure("model/no-gradient", () => gradients(graph, ["y"], ["w"]));
    assert.equal(error.data.cut, "both");
    assert.deepEqual(gradients(insertStops(graph, ["both"]), ["y"], ["w"]).gradients, [undefined]);
  });

  it("is named with the value of the model whose rank is not known", async () => {
    const graph = graphOf({
      inputs: [info("x", ["N", 1, 3]), info("w", [3, 2])],
      outputs: ["y"],
      nodes: [node("Squeeze", ["x"], ["flat"], {}, "/Squeeze"), node("MatMul", ["flat", "w"], ["y"], {}, "/head/MatMul")],
    });
    const error = await failure("model/unknown-rank", () => gradients(graph, ["y"], ["w"], { seeds: new Map([["y", "x"]]) }));
    assert.match(error.message, /MatMul "\/head\/MatMul": the rank of "flat" is not known/);
  });

  it("does not matter where nothing that is trained lies before it", () => {
    const graph = unsupported([node("Mul", ["p", "w"], ["y"])], "y");
    assert.deepEqual(gradients(insertStops(graph, ["p"]), ["y"], ["w"]).gradients.length, 1);
    assert.notEqual(gradients(insertStops(graph, ["p"]), ["y"], ["w"]).gradients[0], undefined);
    assert.deepEqual(gradients(graph, ["a"], ["w"]).gradients.length, 1);
  });

  it("gives the cut behind all of them where there are several side by side", async () => {
    const graph = unsupported(
      [node("ReduceProd", ["w"], ["p2"], { keepdims: 1 }, "second"), node("Add", ["p", "p2"], ["joined"]), node("Neg", ["joined"], ["y"])],
      "y",
    );
    const error = await failure("model/no-gradient", () => gradients(graph, ["y"], ["w"]));
    assert.equal(error.data.cut, "joined");
  });

  it("may be one that nobody knows, or a subgraph that reads the value", async () => {
    const custom: Node = { ...node("Fancy", ["a"], ["p"], {}, "fancy"), domain: "com.example" };
    const graph = graphOf({ inputs: vectors("x", "w"), outputs: ["p"], nodes: [node("Mul", ["x", "w"], ["a"]), custom] });
    const error = await failure("model/no-gradient", () => gradients(graph, ["p"], ["w"]));
    assert.match(error.message, /Fancy "fancy": no gradient \(Frostline has no gradient for com\.example\.Fancy\)/);

    const branch = graphOf({ inputs: [], outputs: ["inner"], nodes: [node("Neg", ["w"], ["inner"])] });
    const conditional = graphOf({
      inputs: [info("c", [], "bool"), info("w", [2])],
      outputs: [info("y", [2])],
      nodes: [node("If", ["c"], ["y"], { then_branch: { type: "graph", value: branch }, else_branch: { type: "graph", value: branch } }, "if")],
    });
    const nested = await failure("model/no-gradient", () => gradients(conditional, ["y"], ["w"]));
    assert.match(nested.message, /If "if"/);
  });
});

describe("gradients of random graphs", () => {
  const binary = ["Add", "Sub", "Mul"] as const;
  const unary = ["Neg", "Identity", "StopGradient", "Sign", "Tanh"] as const;
  const step = fc.record({ op: fc.constantFrom(...binary, ...unary), from: fc.nat(), other: fc.nat() });

  it("exist exactly for the inputs from which a path leads to the loss", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        const values = ["x0", "x1", "x2"];
        // Which inputs each value varies with, by a walk of its own.
        const varies = new Map(values.map((x) => [x, new Set([x])]));
        const nodes = steps.map(({ op, from, other }, i): Node => {
          const operands = [from, ...((binary as readonly string[]).includes(op) ? [other] : [])].map((k) => values[k % values.length]);
          const y = `v${i}`;
          values.push(y);
          const passes = op !== "StopGradient" && op !== "Sign";
          varies.set(y, new Set(passes ? operands.flatMap((v) => [...(varies.get(v) ?? [])]) : []));
          return { ...node(op, operands, [y]), domain: op === "StopGradient" ? "frostline" : "" };
        });
        const y = `v${steps.length - 1}`;
        const graph = graphOf({ inputs: vectors("x0", "x1", "x2"), outputs: [y], nodes });
        const xs = ["x0", "x1", "x2"];
        const found = gradients(graph, [y], xs).gradients.map((name) => name !== undefined);
        assert.deepEqual(found, xs.map((x) => varies.get(y)?.has(x) === true)); // prettier-ignore
      }),
      { seed: 3, numRuns: 200 },
    );
  });
});
