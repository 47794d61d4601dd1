import assert from "node:assert/strict";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { Graph } from "../../../core/graph/types.js";
import { insertStops, lowerStops } from "../../../core/passes/stop-gradient.js";
import { failure } from "../../support/failure.js";
import { graphOf, info, node } from "../../support/graphs.js";
import { fed, numbers, runGraph } from "../../support/run-graph.js";

function model(): Graph {
  return graphOf({
    inputs: [info("x", [2])],
    outputs: ["y", "hidden"],
    tensors: { w: tensorOf("float32", [3, 5]) },
    nodes: [
      node("Constant", [], ["c"], { value: tensorOf("float32", [1, 2]) }),
      node("Mul", ["x", "w"], ["hidden"]),
      node("Add", ["hidden", "hidden"], ["twice"]),
      node("Mul", ["twice", "c"], ["scaled"]),
      node("Sub", ["scaled", "w"], ["y"]),
    ],
  });
}

/** `output = type(inputs)` of every node. */
function text(graph: Graph): readonly string[] {
  return graph.nodes.map((n) => `${n.outputs.join()} = ${n.opType}(${n.inputs.join(", ")})`);
}

describe("stops", () => {
  it("stand behind the node that makes a value, which keeps its name for all readers", () => {
    assert.deepEqual(text(insertStops(model(), ["hidden"])).slice(1, 4), [
      "hidden_unstopped = Mul(x, w)",
      "hidden = StopGradient(hidden_unstopped)",
      "twice = Add(hidden, hidden)",
    ]);
  });

  it("stand behind inputs, initializers and constants under a name of their own", () => {
    assert.deepEqual(text(insertStops(model(), ["x", "w", "c"])), [
      "x_stopped = StopGradient(x)",
      "w_stopped = StopGradient(w)",
      "c = Constant()",
      "c_stopped = StopGradient(c)",
      "hidden = Mul(x_stopped, w_stopped)",
      "twice = Add(hidden, hidden)",
      "scaled = Mul(twice, c_stopped)",
      "y = Sub(scaled, w_stopped)",
    ]);
  });

  it("are not doubled, and change nothing where there are none", () => {
    const graph = model();
    assert.equal(insertStops(graph, []), graph);
    const once = insertStops(graph, ["hidden", "hidden"]);
    assert.deepEqual(text(insertStops(once, ["hidden"])), text(once));
  });

  it("name the nearest values where one does not exist", async () => {
    const error = await failure("recipe/unknown-value", () => insertStops(model(), ["hiden"]));
    assert.match(error.message, /stopGradient names the value "hiden"/);
    assert.match(error.hint ?? "", /"hidden"/);
  });

  it("become identities before a graph is run, and compute what the model computes", async () => {
    const graph = model();
    const lowered = lowerStops(insertStops(graph, ["hidden", "w", "x", "c"]));
    assert.ok(lowered.nodes.every((n) => n.domain === "" && n.opType !== "StopGradient"));
    const feeds = { x: fed(tensorOf("float32", [7, -2])) };
    assert.deepEqual(numbers((await runGraph(lowered, feeds)).y), numbers((await runGraph(graph, feeds)).y));
    assert.equal(lowerStops(graph), graph);
  });
});
