import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { float } from "../../../core/graph/attributes.js";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { Graph } from "../../../core/graph/types.js";
import { allDefinitions, internalOpset } from "../../../core/ops/index.js";
import { upgradeOpset } from "../../../core/passes/upgrade-opset.js";
import type { GradientCase } from "../../support/gradient-case.js";
import { graphOf, info, node, ramp } from "../../support/graphs.js";
import { fed, numbers, runGraph } from "../../support/run-graph.js";

/** Several older forms in one graph of opset 7, inside and around a subgraph, with names that upgrades might want for themselves. */
function old(): Graph {
  const branch = graphOf({
    inputs: [],
    outputs: [info("inner", [2])],
    nodes: [node("ReduceMax", ["clipped"], ["m"], { axes: [1], keepdims: 0 }), node("Clip", ["m"], ["inner"], { max: float(0.5) })],
    opset: 9,
  });
  return graphOf({
    inputs: [info("x", [2, 3]), info("c", [], "bool")],
    outputs: [info("y", [2])],
    tensors: { upgraded: tensorOf("float32", [0.25], [1]) },
    nodes: [
      node("Dropout", ["x"], ["dropped"], { ratio: float(0.5) }, "dropout"),
      node("Clip", ["dropped"], ["clipped"], { min: float(-0.3), max: float(0.3) }, "clip"),
      node("If", ["c"], ["chosen"], { then_branch: { type: "graph", value: branch }, else_branch: { type: "graph", value: branch } }, "if"),
      node("Add", ["chosen", "upgraded"], ["y"], {}, "add"),
    ],
    opset: 9,
  });
}

const feeds = { x: fed(ramp(2, 3)), c: fed(tensorOf("bool", [1], [])) };

describe("upgrading the opset", () => {
  it("answers the graph itself where it is in the internal form, and the same answer each time", () => {
    const modern = graphOf({ inputs: [info("x", [2])], outputs: ["y"], nodes: [node("Neg", ["x"], ["y"])], opset: internalOpset });
    assert.equal(upgradeOpset(modern), modern);
    const graph = old();
    assert.equal(upgradeOpset(graph), upgradeOpset(graph));
    assert.equal(upgradeOpset(upgradeOpset(graph)), upgradeOpset(graph));
  });

  it("computes the same, in subgraphs too", async () => {
    const graph = old();
    const [before, after] = [await runGraph(graph, feeds), await runGraph(upgradeOpset(graph), feeds)];
    assert.deepEqual(numbers(after.y), numbers(before.y));
    assert.deepEqual(after.y.shape, [2]);
  });

  it("leaves the given graph alone, keeps every name, and gives new tensors names of their own", () => {
    const graph = old();
    const text = JSON.stringify(graph.nodes, (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value));
    const result = upgradeOpset(graph);
    assert.equal(
      JSON.stringify(graph.nodes, (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value)),
      text,
    );
    assert.deepEqual(result.nodes.map((n) => n.name), graph.nodes.map((n) => n.name)); // prettier-ignore
    assert.deepEqual(result.nodes.map((n) => n.outputs), graph.nodes.map((n) => n.outputs)); // prettier-ignore
    assert.equal(result.initializers.get("upgraded"), graph.initializers.get("upgraded"));
    assert.deepEqual([...result.initializers.keys()], ["upgraded", "upgraded.1", "upgraded.2", "upgraded.3"]);
    const branches = ["then_branch", "else_branch"].flatMap((name) => {
      const branch = result.nodes[2].attributes.get(name);
      return branch?.type === "graph" ? [...branch.value.initializers.keys()] : [];
    });
    assert.equal(new Set([...branches, ...result.initializers.keys()]).size, 8);
  });

  it("sets the opset, of the subgraphs too, and no other domain's", () => {
    const result = upgradeOpset({ ...old(), opsets: new Map([["", 9], ["com.example", 3]]) }); // prettier-ignore
    assert.deepEqual([...result.opsets], [["", internalOpset], ["com.example", 3]]); // prettier-ignore
    const branch = result.nodes[2].attributes.get("then_branch");
    assert.equal(branch?.type === "graph" ? branch.value.opsets.get("") : undefined, internalOpset);
  });

  it("passes by operators that nobody knows", () => {
    const custom = { ...node("Clip", ["x"], ["y"], { min: float(0) }), domain: "com.example" };
    const graph = graphOf({ inputs: [info("x", [2])], outputs: ["y"], nodes: [custom], opset: 9 });
    assert.deepEqual(upgradeOpset(graph).nodes, [custom]);
  });

  it("gives bounds the type of what they limit", () => {
    const nodes = [node("Cast", ["x"], ["h"], { to: 10 }), node("Clip", ["h"], ["y"], { min: float(0) })];
    const result = upgradeOpset(graphOf({ inputs: [info("x", [2])], outputs: ["y"], nodes, opset: 9 }));
    assert.equal(result.initializers.get("upgraded")?.dtype, "float16");
  });

  it("passes through all the forms between, one after the other", () => {
    // Opset 13 made Split's sizes an input, 18 made the number of parts an attribute.
    const graph = graphOf({ inputs: [info("x", [4])], outputs: ["a", "b"], nodes: [node("Split", ["x"], ["a", "b"], { axis: 0 })], opset: 11 });
    const [split] = upgradeOpset(graph).nodes;
    assert.deepEqual(split.attributes.get("num_outputs"), { type: "int", value: 2n });
    assert.deepEqual(split.inputs, ["x"]);
  });

  it("keeps the inference form of an old Dropout and its mask", async () => {
    const graph = graphOf({
      inputs: [info("x", [2, 3])],
      outputs: ["y"],
      nodes: [node("Dropout", ["x"], ["y", "mask"], { ratio: float(0.9) })],
      opset: 7,
    });
    assert.deepEqual(numbers((await runGraph(upgradeOpset(graph), feeds)).y), numbers(feeds.x));
  });

  it("has an older form of every differentiable operator among the gradient cases, which compare its numbers", () => {
    const folder = join(__dirname, "../../gradients");
    const load = createRequire(__filename);
    const cases = readdirSync(folder)
      .filter((file) => file.endsWith(".cases.ts"))
      .flatMap((file) => (load(join(folder, file)) as { readonly cases: readonly GradientCase[] }).cases);
    const forms = allDefinitions()
      .filter((definition) => typeof definition.grad === "function")
      .flatMap(({ type, upgrades }) => upgrades.map(({ to }) => ({ type, to })));
    const missing = forms.filter(({ type, to }) => !cases.some((test) => test.op === type && (test.opset ?? internalOpset) < to));
    assert.deepEqual(missing, []);
    assert.ok(forms.length > 15);
  });
});
