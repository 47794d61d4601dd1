import assert from "node:assert/strict";
import { analyseFreeze, type MarkedParameter } from "../../../core/autodiff/freeze.js";
import { collectParameters } from "../../../core/autodiff/parameters.js";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { Graph, Node, Tensor } from "../../../core/graph/types.js";
import { inferGraph } from "../../../core/ops/infer.js";
import { insertStops } from "../../../core/passes/stop-gradient.js";
import { upgradeOpset } from "../../../core/passes/upgrade-opset.js";
import { graphOf, info, node, ramp } from "../../support/graphs.js";

function analyse(graph: Graph, ys: readonly string[], frozen: readonly string[] = []): readonly MarkedParameter[] {
  const upgraded = upgradeOpset(graph);
  return analyseFreeze(upgraded, ys, collectParameters(graph), (p) => frozen.includes(p.name), inferGraph(upgraded));
}

/** `name: mark` or `name: blocked (reason)`. */
function marks(graph: Graph, ys: readonly string[], frozen: readonly string[] = []): readonly string[] {
  return analyse(graph, ys, frozen).map(({ name, mark, reason }) => `${name}: ${mark}${reason === undefined ? "" : ` (${reason})`}`);
}

function chain(between: readonly Node[], from: string, tensors: Readonly<Record<string, Tensor>> = {}): Graph {
  return graphOf({
    inputs: [info("x", ["N", 3])],
    outputs: ["y"],
    tensors: { w1: ramp(3, 3), w2: ramp(3, 2), ...tensors },
    nodes: [node("MatMul", ["x", "w1"], ["a"]), ...between, node("MatMul", [from, "w2"], ["y"])],
  });
}

describe("the freeze analysis", () => {
  it("leaves trainable what no rule freezes", () => {
    const graph = chain([node("Relu", ["a"], ["h"])], "h");
    assert.deepEqual(marks(graph, ["y"]), ["w1: trainable", "w2: trainable"]);
    assert.deepEqual(marks(graph, ["y"], ["w1"]), ["w1: frozen", "w2: trainable"]);
    assert.deepEqual(marks(graph, ["y"], ["w2"]), ["w1: trainable", "w2: frozen"]);
  });

  it("blocks what lies only behind a stop, and says so", () => {
    const graph = chain([node("Relu", ["a"], ["h"])], "h");
    assert.deepEqual(marks(insertStops(graph, ["h"]), ["y"]), ["w1: blocked (stop)", "w2: trainable"]);
  });

  it("keeps trainable what has a path around a stop", () => {
    const graph = chain([node("Relu", ["a"], ["h"]), node("Add", ["h", "a"], ["s"])], "s");
    assert.deepEqual(marks(insertStops(graph, ["h"]), ["y"]), ["w1: trainable", "w2: trainable"]);
    assert.deepEqual(marks(insertStops(graph, ["s"]), ["y"]), ["w1: blocked (stop)", "w2: trainable"]);
  });

  it("blocks what the loss does not use", () => {
    const graph = chain([node("Relu", ["a"], ["h"])], "h");
    assert.deepEqual(marks(graph, ["h"]), ["w1: trainable", "w2: blocked (unused)"]);
  });

  it("blocks what has only paths through operators without a gradient, or that do not vary", () => {
    const product = chain([node("ReduceProd", ["a"], ["p"], { keepdims: 1 }), node("Mul", ["x", "p"], ["h"])], "h");
    assert.deepEqual(marks(product, ["y"]), ["w1: blocked (op)", "w2: trainable"]);
    const sign = chain([node("Sign", ["a"], ["h"])], "h");
    assert.deepEqual(marks(sign, ["y"]), ["w1: blocked (op)", "w2: trainable"]);
    const unknown = chain([{ ...node("Fancy", ["a"], ["h"]), domain: "com.example" }], "h");
    assert.deepEqual(marks(unknown, ["y"]), ["w1: blocked (op)", "w2: trainable"]);
  });

  it("tells a stop from an operator where both lie on the way", () => {
    // The stop is nearer to the loss: without it the operator would still block.
    const graph = chain([node("Sign", ["a"], ["s"]), node("Relu", ["s"], ["h"])], "h");
    assert.deepEqual(marks(insertStops(graph, ["h"]), ["y"]), ["w1: blocked (stop)", "w2: trainable"]);
  });

  it("marks a frozen tensor frozen whatever lies on its way", () => {
    const graph = chain([node("Sign", ["a"], ["h"])], "h");
    assert.deepEqual(marks(graph, ["y"], ["w1"]), ["w1: frozen", "w2: trainable"]);
  });

  it("gives a tied weight one mark: trainable where one of its uses is", () => {
    const graph = graphOf({
      inputs: [info("x", ["N", 3])],
      outputs: ["y"],
      tensors: { w: ramp(3, 3) },
      nodes: [
        node("MatMul", ["x", "w"], ["a"]),
        node("Transpose", ["w"], ["t"], { perm: [1, 0] }),
        node("Identity", ["t"], ["u"]),
        node("MatMul", ["a", "u"], ["y"]),
      ],
    });
    const [only, ...none] = analyse(insertStops(graph, ["a"]), ["y"]);
    assert.deepEqual([only.name, only.mark, only.uses.length, none.length], ["w", "trainable", 2, 0]);
    assert.deepEqual(marks(insertStops(graph, ["y"]), ["y"]), ["w: blocked (stop)"]);
  });

  it("marks statistics as buffers, whatever the plan says", () => {
    const channels = { scale: ramp(3), bias: ramp(3), mean: ramp(3), variance: ramp(3) };
    const graph = chain([node("BatchNormalization", ["a", "scale", "bias", "mean", "variance"], ["h"])], "h", channels);
    assert.deepEqual(marks(graph, ["y"], ["mean", "bias"]).slice(1, 5), ["scale: trainable", "bias: frozen", "mean: buffer", "variance: buffer"]);
  });

  it("blocks weights inside subgraphs and quantised ones", () => {
    const branch = graphOf({ inputs: [], outputs: ["inner"], tensors: { v: ramp(3, 3) }, nodes: [node("MatMul", ["a", "v"], ["inner"])] });
    const branches = { then_branch: { type: "graph", value: branch }, else_branch: { type: "graph", value: branch } } as const;
    const graph = chain([node("If", ["c"], ["h"], branches, "if")], "h", { c: tensorOf("bool", [1], []) });
    assert.deepEqual(new Set(marks(graph, ["y"])), new Set(["w1: blocked (op)", "v: blocked (op)", "w2: trainable"]));
    assert.deepEqual(new Set(marks(graph, ["y"], ["v"])), new Set(["w1: blocked (op)", "v: frozen", "w2: trainable"]));
  });
});
