import assert from "node:assert/strict";
import { collectParameters, scopeOf } from "../../../core/autodiff/parameters.js";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { Graph } from "../../../core/graph/types.js";
import { graphOf, info, ints, node, ramp } from "../../support/graphs.js";

/** `name → path` of every parameter. */
function paths(graph: Graph): readonly string[] {
  return collectParameters(graph).map((p) => `${p.name} → ${p.path}`);
}

describe("the scope of a node", () => {
  const scopes: readonly (readonly [name: string, opType: string, scope: string])[] = [
    ["/blocks/blocks.2/conv/Conv", "Conv", "blocks.2.conv"],
    ["/blocks/blocks.4/blocks.4.0/dw_start/conv/Conv", "Conv", "blocks.4.0.dw_start.conv"],
    ["/layer/Conv_1", "Conv", "layer.Conv_1"],
    ["/conv/conv/Conv", "Conv", "conv"],
    ["/a/ab/Conv", "Conv", "a.ab"],
    ["Conv", "Conv", "Conv"],
    ["conv1", "Conv", "conv1"],
    ["model.features.0", "Conv", "model.features.0"],
    ["", "Conv", "Conv_17"],
    ["/", "Conv", "Conv_17"],
  ];
  for (const [name, opType, scope] of scopes) {
    it(`of "${name}" is "${scope}"`, () => assert.equal(scopeOf({ name, opType }, 17), scope));
  }
});

describe("parameters", () => {
  it("are the tensors in weight slots, with the names of their slots", () => {
    const graph = graphOf({
      inputs: [info("x", ["N", 3, 8, 8])],
      outputs: ["y"],
      tensors: { k: ramp(4, 3, 3, 3), b: ramp(4), slope: ramp(4, 1, 1), g: ramp(4), be: ramp(4), m: ramp(4), v: ramp(4) },
      nodes: [
        node("Conv", ["x", "k", "b"], ["c"], {}, "/stem/conv/Conv"),
        node("BatchNormalization", ["c", "g", "be", "m", "v"], ["n"], {}, "/stem/norm/BatchNormalization"),
        node("PRelu", ["n", "slope"], ["y"], {}, "/stem/act/PRelu"),
      ],
    });
    assert.deepEqual(paths(graph), [
      "k → stem.conv/weight",
      "b → stem.conv/bias",
      "g → stem.norm/scale",
      "be → stem.norm/bias",
      "m → stem.norm/mean",
      "v → stem.norm/var",
      "slope → stem.act/slope",
    ]);
    assert.deepEqual(collectParameters(graph).map((p) => p.kind), ["parameter", "parameter", "parameter", "parameter", "buffer", "buffer", "parameter"]); // prettier-ignore
  });

  it("are operands of Add, Mul, Concat and Expand that have more than one element, and no others", () => {
    const graph = graphOf({
      inputs: [info("x", ["N", 3])],
      outputs: ["y"],
      tensors: {
        bias: ramp(3),
        gain: ramp(3),
        token: ramp(1, 3),
        base: ramp(1, 3),
        half: ramp(1),
        one: tensorOf("float32", [1], []),
        minuend: ramp(3),
        divisor: ramp(3),
        exponent: ramp(3),
        bound: tensorOf("float32", [1], []),
        target: ints(2, 3),
      },
      nodes: [
        node("Add", ["x", "bias"], ["a"]),
        node("Mul", ["gain", "a"], ["b"]),
        node("Concat", ["token", "b"], ["c"], { axis: 0 }),
        node("Expand", ["base", "target"], ["d"]),
        node("Mul", ["c", "half"], ["e"]),
        node("Add", ["e", "one"], ["f"]),
        node("Sub", ["f", "minuend"], ["g"]),
        node("Div", ["g", "divisor"], ["h"]),
        node("Pow", ["h", "exponent"], ["i"]),
        node("Clip", ["i", "bound"], ["j"]),
        node("Concat", ["j", "d"], ["y"], { axis: 0 }),
      ],
    });
    assert.deepEqual(collectParameters(graph).map((p) => p.name), ["bias", "gain", "token", "base"]); // prettier-ignore
  });

  it("may be Constant nodes, and are called by their output", () => {
    const graph = graphOf({
      inputs: [info("x", ["N", 3])],
      outputs: ["y"],
      nodes: [node("Constant", [], ["w"], { value: ramp(3, 2) }), node("MatMul", ["x", "w"], ["y"])],
    });
    assert.deepEqual(paths(graph), ["w → MatMul_1/weight"]);
  });

  it("are listed once where layers share them, also through Identity and Transpose", () => {
    const graph = graphOf({
      inputs: [info("x", ["N", 3])],
      outputs: ["y"],
      tensors: { w: ramp(3, 3) },
      nodes: [
        node("MatMul", ["x", "w"], ["a"], {}, "/encoder/MatMul"),
        node("Identity", ["w"], ["copy"]),
        node("Transpose", ["copy"], ["t"], { perm: [1, 0] }),
        node("MatMul", ["a", "t"], ["y"], {}, "/decoder/MatMul"),
      ],
    });
    const [tied, ...others] = collectParameters(graph);
    assert.deepEqual([tied.path, tied.uses.map((u) => u.index), others.length], ["encoder/weight", [0, 3], 0]);
  });

  it("are found behind what cuts, reshapes or converts them: sliced positions, parts of a joint projection, weights stored in half precision", () => {
    const graph = graphOf({
      inputs: [info("x", ["N", 2, 3])],
      outputs: ["y"],
      tensors: {
        w: tensorOf("float16", new Array<number>(18).fill(1), [3, 6]),
        positions: ramp(1, 5, 3),
        first: ints(0),
        last: ints(2),
        axis: ints(1),
      },
      nodes: [
        node("Cast", ["w"], ["wide"], { to: 1 }, "/Cast"),
        node("Split", ["wide"], ["q", "k"], { axis: 1, num_outputs: 2 }, "/Split"),
        node("Slice", ["positions", "first", "last", "axis"], ["near"], {}, "/Slice"),
        node("Add", ["x", "near"], ["placed"], {}, "/embed/Add"),
        node("MatMul", ["placed", "q"], ["a"], {}, "/query/MatMul"),
        node("MatMul", ["a", "k"], ["y"], {}, "/key/MatMul"),
      ],
    });
    assert.deepEqual(paths(graph), ["positions → embed/bias", "w → query/weight"]);
    assert.deepEqual(
      collectParameters(graph).map((p) => p.uses.map((u) => u.index)),
      [[3], [4, 5]],
    );
  });

  it("are not what settings are made of", () => {
    const graph = graphOf({
      inputs: [info("x", ["N", 2, 4, 4])],
      outputs: ["y"],
      tensors: { same: tensorOf("float32", [1, 1]), twice: tensorOf("float32", [2, 2]) },
      nodes: [node("Concat", ["same", "twice"], ["scales"], { axis: 0 }, "/Concat"), node("Resize", ["x", "", "scales"], ["y"], {}, "/Resize")],
    });
    assert.deepEqual(paths(graph), []);
  });

  it("are found in subgraphs, which may also use those around them", () => {
    const branch = graphOf({ inputs: [], outputs: ["r"], tensors: { inner: ramp(3, 3) }, nodes: [
      node("MatMul", ["a", "inner"], ["q"], {}, "/branch/MatMul"),
      node("Add", ["q", "outer"], ["r"], {}, "/branch/Add"),
    ] }); // prettier-ignore
    const graph = graphOf({
      inputs: [info("a", ["N", 3]), info("c", [], "bool")],
      outputs: ["y"],
      tensors: { outer: ramp(3) },
      nodes: [node("If", ["c"], ["y"], { then_branch: { type: "graph", value: branch } }, "if")],
    });
    const found = collectParameters(graph);
    assert.deepEqual(
      found.map((p) => [p.name, p.path, p.nested, p.value]),
      [
        ["inner", "branch/weight", true, "y"],
        ["outer", "branch/bias", false, "outer"],
      ],
    );
  });
});
