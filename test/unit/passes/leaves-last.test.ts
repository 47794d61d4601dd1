import assert from "node:assert/strict";
import { leavesLast } from "../../../core/passes/leaves-last.js";
import { graphOf, info, node } from "../../support/graphs.js";

describe("moving leaves last", () => {
  it("puts nodes that only make outputs behind all others, the last one first", () => {
    const graph = graphOf({
      inputs: [info("x", [2])],
      outputs: ["late", "early", "y"],
      nodes: [
        node("Neg", ["x"], ["a"]),
        node("Abs", ["a"], ["late"]),
        node("Exp", ["a"], ["b"]),
        node("Abs", ["b"], ["early"]),
        node("Tanh", ["b"], ["y"]),
        node("Relu", ["y"], ["unread"]),
      ],
    });
    const ordered = leavesLast(graph);
    assert.deepEqual(
      ordered.nodes.map((n) => n.outputs[0]),
      // An output that another node reads is no leaf.
      ["a", "b", "y", "unread", "early", "late"],
    );
    assert.deepEqual(ordered.outputs, graph.outputs);
  });
});
