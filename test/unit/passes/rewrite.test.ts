import assert from "node:assert/strict";
import { attributes, float } from "../../../core/graph/attributes.js";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { Graph } from "../../../core/graph/types.js";
import { fasterKernels } from "../../../core/ops/kernels.js";
import { spelledOut } from "../../../core/ops/recognise.js";
import { rewriteGraph } from "../../../core/passes/rewrite.js";
import { graphOf, info, ints, node, ramp } from "../../support/graphs.js";
import { fed, numbers, runGraph } from "../../support/run-graph.js";

const scalar = (value: number) => tensorOf("float32", [value], []);
const opTypes = (graph: Graph): readonly string[] => graph.nodes.map((n) => n.opType);

/** 0.5 · x · (1 + erf(x ⁄ √2)) as PyTorch's exporter spells it. */
const gelu = graphOf({
  inputs: [info("x", [2, 3, 4])],
  outputs: ["y"],
  nodes: [
    node("Div", ["x", "root"], ["u"]),
    node("Erf", ["u"], ["e"]),
    node("Add", ["e", "one"], ["e1"]),
    node("Mul", ["x", "e1"], ["p"]),
    node("Mul", ["p", "half"], ["y"]),
  ],
  tensors: { root: scalar(Math.SQRT2), one: scalar(1), half: scalar(0.5) },
  opset: 23,
});

/** The same with its factors in another order. */
const geluHalfFirst = graphOf({
  ...{ inputs: gelu.inputs, outputs: ["y"], opset: 23 },
  nodes: [
    node("Mul", ["x", "half"], ["h"]),
    node("Mul", ["invRoot", "x"], ["u"]),
    node("Erf", ["u"], ["e"]),
    node("Add", ["one", "e"], ["e1"]),
    node("Mul", ["e1", "h"], ["y"]),
  ],
  tensors: { invRoot: scalar(Math.SQRT1_2), one: scalar(1), half: scalar(0.5) },
});

/** The approximation by a hyperbolic tangent, its cube as a power or as products. */
function geluTanh(cube: "Pow" | "Mul"): Graph {
  return graphOf({
    ...{ inputs: gelu.inputs, outputs: ["y"], opset: 23 },
    nodes: [
      ...(cube === "Pow" ? [node("Pow", ["x", "three"], ["cube"])] : [node("Mul", ["x", "x"], ["square"]), node("Mul", ["square", "x"], ["cube"])]),
      node("Mul", ["small", "cube"], ["cubic"]),
      node("Add", ["x", "cubic"], ["sum"]),
      node("Mul", ["sum", "slope"], ["u"]),
      node("Tanh", ["u"], ["t"]),
      node("Add", ["t", "one"], ["t1"]),
      node("Mul", ["half", "x"], ["h"]),
      node("Mul", ["h", "t1"], ["y"]),
    ],
    tensors: { three: scalar(3), small: scalar(0.044715), slope: scalar(Math.sqrt(2 / Math.PI)), one: scalar(1), half: scalar(0.5) },
  });
}

/** Layer normalisation in small parts; `subtractions` says how often the mean is subtracted. */
function normalisation({ subtractions = 1, axis = -1, square = "Pow" } = {}): Graph {
  return graphOf({
    inputs: [info("x", [2, 3, 8])],
    outputs: ["y"],
    nodes: [
      node("ReduceMean", ["x", "axes"], ["mean"]),
      node("Sub", ["x", "mean"], ["centre"]),
      ...(subtractions === 2 ? [node("Sub", ["x", "mean"], ["again"])] : []),
      square === "Pow" ? node("Pow", [subtractions === 2 ? "again" : "centre", "two"], ["square"]) : node("Mul", ["centre", "centre"], ["square"]),
      node("ReduceMean", ["square", "axes"], ["variance"]),
      node("Add", ["variance", "epsilon"], ["shifted"]),
      node("Sqrt", ["shifted"], ["deviation"]),
      node("Div", ["centre", "deviation"], ["unit"]),
      node("Mul", ["unit", "scale"], ["scaled"]),
      node("Add", ["scaled", "bias"], ["y"]),
    ],
    tensors: { axes: ints(axis), two: scalar(2), epsilon: scalar(1e-6), scale: ramp(8), bias: ramp(8) },
    opset: 23,
  });
}

async function assertSameResults(before: Graph, after: Graph, shape: readonly number[]): Promise<void> {
  const feeds = { x: fed(ramp(...shape)) };
  const [expected, found] = [await runGraph(before, feeds, { optimise: false }), await runGraph(after, feeds, { optimise: false })];
  numbers(found.y).forEach((value, i) => assert.ok(Math.abs(value - numbers(expected.y)[i]) < 2e-6, `element ${i}`));
}

describe("rewriting a graph", () => {
  for (const [name, graph] of Object.entries({ "as PyTorch exports it": gelu, "with its factors in another order": geluHalfFirst })) {
    it(`recognises GELU ${name}`, async () => {
      const found = rewriteGraph(graph, spelledOut);
      assert.deepEqual(opTypes(found), ["Gelu"]);
      assert.deepEqual(found.nodes[0].outputs, ["y"]);
      await assertSameResults(graph, found, [2, 3, 4]);
    });
  }

  for (const cube of ["Pow", "Mul"] as const) {
    it(`recognises GELU by a hyperbolic tangent, its cube by ${cube}`, async () => {
      const graph = geluTanh(cube);
      const found = rewriteGraph(graph, spelledOut);
      assert.deepEqual(opTypes(found), ["Gelu"]);
      assert.deepEqual(found.nodes[0].attributes, attributes({ approximate: "tanh" }));
      await assertSameResults(graph, found, [2, 3, 4]);
    });
  }

  for (const settings of [{}, { subtractions: 2 }, { axis: 2 }, { square: "Mul" }]) {
    it(`recognises layer normalisation (${JSON.stringify(settings)})`, async () => {
      const graph = normalisation(settings);
      const found = rewriteGraph(graph, spelledOut);
      assert.deepEqual(opTypes(found), ["LayerNormalization"]);
      assert.deepEqual(found.nodes[0].inputs, ["x", "scale", "bias"]);
      assert.equal(found.nodes[0].attributes.get("epsilon")?.type, "float");
      await assertSameResults(graph, found, [2, 3, 8]);
    });
  }

  it("leaves what only looks alike", () => {
    const half = (value: number): Graph => ({ ...gelu, initializers: new Map([...gelu.initializers, ["half", scalar(value)]]) });
    assert.deepEqual(opTypes(rewriteGraph(half(0.4), spelledOut)), opTypes(gelu));
    const root: Graph = { ...gelu, initializers: new Map([...gelu.initializers, ["root", scalar(2)]]) };
    assert.deepEqual(opTypes(rewriteGraph(root, spelledOut)), opTypes(gelu));
    const overRows = normalisation({ axis: 1 });
    assert.deepEqual(opTypes(rewriteGraph(overRows, spelledOut)), opTypes(overRows));
  });

  it("keeps a value inside a pattern that is read elsewhere", async () => {
    const graph: Graph = { ...gelu, outputs: [info("y"), info("e1")] };
    const found = rewriteGraph(graph, spelledOut);
    assert.deepEqual(opTypes(found), ["Div", "Erf", "Add", "Gelu"]);
    const { e1 } = await runGraph(found, { x: fed(ramp(2, 3, 4)) });
    assert.equal(e1.data.length, 24);
  });

  it("keeps names and readers when a replaced value goes on", () => {
    const graph: Graph = { ...gelu, nodes: [...gelu.nodes, node("Relu", ["y"], ["z"])], outputs: [info("z")] };
    const found = rewriteGraph(graph, spelledOut);
    assert.deepEqual(
      found.nodes.map((n) => [n.opType, n.inputs, n.outputs]),
      [
        ["Gelu", ["x"], ["y"]],
        ["Relu", ["y"], ["z"]],
      ],
    );
  });

  it("answers the very graph where no pattern could be", () => {
    const graph = graphOf({ inputs: [info("x", [2])], outputs: ["y"], nodes: [node("Relu", ["x"], ["y"])] });
    assert.equal(rewriteGraph(graph, [...spelledOut, ...fasterKernels]), graph);
  });

  it("takes the slope of Relu behind a pool of the pool's results", async () => {
    const windows = { kernel_shape: [2, 2], strides: [2, 2] };
    const graph = graphOf({
      inputs: [info("x", [1, 2, 4, 6]), info("dy", [1, 2, 2, 3])],
      outputs: ["dx"],
      nodes: [
        node("Relu", ["x"], ["r"]),
        node("MaxPool", ["r"], ["y", "places"], windows),
        node("MaxUnpool", ["dy", "places", "shape"], ["sent"], windows),
        node("HardSigmoid", ["r"], ["slope"], { alpha: float(3e38), beta: float(0) }),
        node("Mul", ["sent", "slope"], ["dx"]),
      ],
      tensors: { shape: ints(1, 2, 4, 6) },
      opset: 23,
    });
    const found = rewriteGraph(graph, fasterKernels);
    assert.deepEqual(opTypes(found), ["Relu", "MaxPool", "HardSigmoid", "Mul", "MaxUnpool"]);
    assert.deepEqual(found.nodes[2].inputs, ["y"]);
    const feeds = { x: fed(ramp(1, 2, 4, 6)), dy: fed(ramp(1, 2, 2, 3)) };
    const [expected, got] = [await runGraph(graph, feeds), await runGraph(found, feeds)];
    assert.deepEqual(numbers(got.dx), numbers(expected.dx));
    assert.ok(numbers(got.dx).filter((v) => v !== 0).length > 4);

    const another: Graph = { ...graph, nodes: graph.nodes.map((n) => (n.opType === "HardSigmoid" ? { ...n, inputs: ["x"] } : n)) };
    assert.deepEqual(opTypes(rewriteGraph(another, fasterKernels)), opTypes(another));
  });

  it("spells layer normalisation out for the runtime, with the same results", async () => {
    const graph = rewriteGraph(normalisation(), spelledOut);
    const lowered = rewriteGraph(graph, fasterKernels);
    assert.ok(!opTypes(lowered).includes("LayerNormalization"));
    const older: Graph = { ...graph, opsets: new Map([["", 17]]) };
    assert.deepEqual(opTypes(rewriteGraph(older, fasterKernels)), ["LayerNormalization"]);
    await assertSameResults(graph, lowered, [2, 3, 8]);
  });
});
