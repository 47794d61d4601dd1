import assert from "node:assert/strict";
import { prune } from "../../../core/passes/prune.js";
import { bindInputs } from "../../../core/passes/specialise.js";
import { graphOf, info, node, ramp, thrown } from "../../support/graphs.js";

const graph = graphOf({
  inputs: [info("x", ["N", 4]), info("mask", ["N", "T"])],
  outputs: [info("y", ["N", 3]), info("z", ["N", 4])],
  nodes: [node("MatMul", ["x", "w"], ["h"]), node("Add", ["h", "b"], ["y"]), node("Add", ["x", "c"], ["z"])],
  tensors: { w: ramp(4, 3), b: ramp(3), c: ramp(4) },
  valueTypes: [info("h", ["N", 3])],
});

describe("pruning", () => {
  it("keeps only what the outputs need", () => {
    const pruned = prune(graph, ["h"]);
    assert.deepEqual(pruned.nodes, [graph.nodes[0]]);
    assert.deepEqual([...pruned.initializers.keys()], ["w"]);
    assert.deepEqual(pruned.inputs, [graph.inputs[0]]);
    assert.deepEqual(pruned.outputs, [info("h", ["N", 3])]);
    assert.deepEqual([...pruned.valueTypes.keys()], []);
    assert.deepEqual(prune(graph, ["h"], { keepInputs: true }).inputs, graph.inputs);
  });

  it("keeps what a subgraph reads", () => {
    const branch = graphOf({ inputs: [], outputs: ["r"], nodes: [node("Add", ["h", "c"], ["r"])] });
    const outer = graphOf({
      inputs: [info("x", [1, 4]), info("flag", [], "bool")],
      outputs: ["y"],
      nodes: [
        node("MatMul", ["x", "w"], ["h"]),
        node("If", ["flag"], ["y"], { then_branch: { type: "graph", value: branch }, else_branch: { type: "graph", value: branch } }),
      ],
      tensors: { w: ramp(4, 4), c: ramp(4), unused: ramp(2) },
    });
    assert.deepEqual([...prune(outer, ["y"]).initializers.keys()], ["w", "c"]);
    assert.equal(prune(outer, ["y"]).nodes.length, 2);
  });
});

describe("binding inputs", () => {
  it("puts numbers in place of symbols, in every declared type", () => {
    const bound = bindInputs(graph, new Map([["x", { kind: "tensor", dtype: "float32", shape: [8, 4] }]]));
    assert.deepEqual(bound.inputs, [info("x", [8, 4]), info("mask", [8, "T"])]);
    assert.deepEqual(bound.outputs, [info("y", [8, 3]), info("z", [8, 4])]);
    assert.deepEqual(bound.valueTypes.get("h"), info("h", [8, 3]));
  });

  it("refuses a type that the input cannot have", () => {
    const type = (shape: readonly number[]) => new Map([["x", { kind: "tensor", dtype: "float32", shape } as const]]);
    const error = thrown(() => bindInputs(graph, type([8, 5])));
    assert.equal(error.code, "model/input-type");
    assert.match(error.message, /"x": expected float32 \[N, 4\], got float32 \[8, 5\]/);
    assert.throws(() => bindInputs(graph, type([8])));
    const both = new Map([...type([8, 4]), ["mask", { kind: "tensor", dtype: "float32", shape: [7, 2] } as const]]);
    assert.match(thrown(() => bindInputs(graph, both)).message, /"mask": expected N = 8/);
  });
});
