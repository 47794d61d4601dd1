import assert from "node:assert/strict";
import type { Graph } from "../../../core/graph/types.js";
import { mergeEqual } from "../../../core/passes/merge-equal.js";
import { graphOf, info, node, ramp } from "../../support/graphs.js";

const windows = { kernel_shape: [2, 2], strides: [2, 2] };
const shown = (graph: Graph) => graph.nodes.map((n) => [n.opType, n.inputs, n.outputs]);

describe("merging equal nodes", () => {
  it("makes all outputs in the first of them", () => {
    const graph = graphOf({
      inputs: [info("x", [1, 1, 4, 4])],
      outputs: ["z", "w"],
      nodes: [
        node("MaxPool", ["x"], ["y"], windows),
        node("Relu", ["y"], ["z"]),
        node("MaxPool", ["x"], ["again", "places"], windows),
        node("MaxUnpool", ["again", "places"], ["w"], windows),
      ],
    });
    assert.deepEqual(shown(mergeEqual(graph)), [
      ["MaxPool", ["x"], ["y", "places"]],
      ["Relu", ["y"], ["z"]],
      ["MaxUnpool", ["y", "places"], ["w"]],
    ]);
  });

  it("follows a merged value to the nodes that read it", () => {
    const graph = graphOf({
      inputs: [info("x", [2])],
      outputs: ["y"],
      nodes: [
        node("Exp", ["x"], ["a"]),
        node("Exp", ["x"], ["b"]),
        node("Neg", ["a"], ["c"]),
        node("Neg", ["b"], ["d"]),
        node("Add", ["c", "d"], ["y"]),
      ],
    });
    assert.deepEqual(shown(mergeEqual(graph)), [
      ["Exp", ["x"], ["a"]],
      ["Neg", ["a"], ["c"]],
      ["Add", ["c", "c"], ["y"]],
    ]);
  });

  it("keeps what differs in attributes or operands, is random, or makes an output under a name of its own", () => {
    const graph = graphOf({
      inputs: [info("x", [2, 3]), info("y", [2, 3])],
      outputs: ["sum", "same"],
      nodes: [
        node("Softmax", ["x"], ["a"], { axis: 0 }),
        node("Softmax", ["x"], ["b"], { axis: 1 }),
        node("Softmax", ["y"], ["c"], { axis: 1 }),
        node("RandomNormalLike", ["x"], ["r"]),
        node("RandomNormalLike", ["x"], ["s"]),
        node("Sum", ["a", "b", "c", "r", "s"], ["sum"]),
        node("Sum", ["a", "b", "c", "r", "s"], ["same"]),
      ],
    });
    assert.equal(mergeEqual(graph), graph);
  });

  it("leaves what a subgraph reads", () => {
    const branch = graphOf({ inputs: [], outputs: ["r"], nodes: [node("Add", ["b", "k"], ["r"])] });
    const graph = graphOf({
      inputs: [info("x", [2]), info("flag", [], "bool")],
      outputs: ["y", "z"],
      nodes: [
        node("Exp", ["x"], ["a"]),
        node("Exp", ["x"], ["b"]),
        node("Neg", ["a"], ["z"]),
        node("If", ["flag"], ["y"], { then_branch: { type: "graph", value: branch }, else_branch: { type: "graph", value: branch } }),
      ],
      tensors: { k: ramp(2) },
    });
    assert.equal(mergeEqual(graph), graph);
  });
});
