// What the shape rules say of operators against what onnxruntime makes of them. Operators with a gradient are compared by their gradient
// cases; these are the others, and the edges of Slice.

import assert from "node:assert/strict";
import fc from "fast-check";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { Graph, Node, Tensor } from "../../../core/graph/types.js";
import { inferGraph } from "../../../core/ops/infer.js";
import { graphOf, info, ints, node, ramp } from "../../support/graphs.js";
import { compileGraph, fed, numbers, runGraph } from "../../support/run-graph.js";

interface Form {
  readonly node: Node;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

function form(opType: string, tensors: Readonly<Record<string, Tensor>>, settings: Parameters<typeof node>[3] = {}): Form {
  return { node: node(opType, Object.keys(tensors), ["y"], settings), tensors };
}

const one = (value: number): Tensor => tensorOf("int64", [value], []);

const forms: readonly Form[] = [
  form("Shape", { x: ramp(2, 3, 4) }),
  form("Shape", { x: ramp(2, 3, 4) }, { start: 1 }),
  form("Shape", { x: ramp(2, 3, 4) }, { start: -3, end: -1 }),
  form("Shape", { x: ramp(2, 3, 4) }, { start: -9, end: 9 }),
  form("Size", { x: ramp(2, 3, 4) }),
  form("Range", { start: one(2), limit: one(11), delta: one(4) }),
  form("Range", { start: one(5), limit: one(0), delta: one(-2) }),
  form("Range", { start: one(5), limit: one(0), delta: one(1) }),
  form("ConstantOfShape", { shape: ints(2, 3) }),
  form("ConstantOfShape", { shape: ints(3) }, { value: ints(7) }),
  form("Constant", {}, { value: ramp(2, 2) }),
  form("Constant", {}, { value_ints: [4, 5] }),
  form("Constant", {}, { value_int: 4 }),
  form("Constant", {}, { value_floats: { type: "floats", value: [1, 2, 3] } }),
  form("OneHot", { indices: ints(0, 2), depth: one(3), values: tensorOf("float32", [0, 1]) }),
  form("OneHot", { indices: ints(0, 2), depth: one(3), values: tensorOf("float32", [0, 1]) }, { axis: 0 }),
  form("GatherND", { x: ramp(2, 3, 4), indices: tensorOf("int64", [0, 1, 1, 2], [2, 2]) }),
  form("GatherND", { x: ramp(2, 3, 4), indices: tensorOf("int64", [1, 2], [2, 1]) }, { batch_dims: 1 }),
  form("ScatterElements", { x: ramp(3, 2), indices: tensorOf("int64", [0, 1], [1, 2]), updates: ramp(1, 2) }),
  form("ScatterND", { x: ramp(3, 2), indices: tensorOf("int64", [2], [1, 1]), updates: ramp(1, 2) }),
  form("Einsum", { a: ramp(2, 3, 4), c: ramp(4, 5) }, { equation: "bij,jk->bik" }),
  form("Einsum", { a: ramp(2, 3), c: ramp(3, 4) }, { equation: "ij,jk" }),
  form("Pad", { x: ramp(3, 4), pads: ints(1, 0, 2, 1) }, { mode: "reflect" }),
  form("Pad", { x: ramp(3, 4), pads: ints(1, 2) , value: tensorOf("float32", [0], []), axes: ints(-1) }, { mode: "edge" }),
]; // prettier-ignore

function graphWith({ node: own, tensors }: Form): Graph {
  return graphOf({ inputs: [], outputs: [{ name: "y", type: undefined }], nodes: [own], tensors, opset: 23 });
}

describe("the shape rules", () => {
  for (const one of forms) {
    const settings = [...one.node.attributes.keys()].join(" ");
    it(`agree with onnxruntime on ${one.node.opType} ${settings} (form ${forms.indexOf(one)})`, async () => {
      const graph = graphWith(one);
      const { y } = await runGraph(graph);
      const facts = inferGraph(graph).get("y");
      assert.deepEqual([facts?.type?.dtype, facts?.type?.shape], [y.dtype, y.shape]);
      if (facts?.ints !== undefined) assert.deepEqual(facts.ints, numbers(y));
    });
  }

  it("agree with onnxruntime on Slice for any bounds and steps", async () => {
    const compiled = await compileGraph(
      graphOf({
        inputs: ["x", "starts", "ends", "axes", "steps"].map((name) => info(name, ["size"], "int64")),
        outputs: [{ name: "y", type: undefined }],
        nodes: [node("Slice", ["x", "starts", "ends", "axes", "steps"], ["y"])],
        opset: 23,
      }),
    );
    const bound = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom(2 ** 31 - 1, -(2 ** 31 - 1)));
    const step = fc.integer({ min: -3, max: 3 }).filter((k) => k !== 0);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 7 }), bound, bound, step, async (size, start, end, k) => {
        const tensors = {
          x: ints(...Array.from({ length: size }, (_, i) => i)),
          starts: ints(start),
          ends: ints(end),
          axes: ints(0),
          steps: ints(k),
        };
        const feeds = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, fed(tensor)]));
        const { y } = await compiled.run(feeds);
        const facts = inferGraph(graphWith({ node: node("Slice", Object.keys(tensors), ["y"]), tensors })).get("y");
        assert.deepEqual([facts?.type?.shape, facts?.ints], [y.shape, numbers(y)]);
      }),
      { numRuns: 300 },
    );
    await compiled.release();
  });
});
