// The check that freed batches keep samples apart: results together, turned round and one by one.

import assert from "node:assert/strict";
import { createExecutor } from "../../../core/runtime/select.js";
import { checkBatchFreedom } from "../../../core/train/batch-check.js";
import type { Graph } from "../../../core/graph/types.js";
import { failure } from "../../support/failure.js";
import { graphOf, info, node } from "../../support/graphs.js";
import { noise } from "../../support/training.js";

describe("the check of freed batches", () => {
  const model = (batch: number | string, nodes: Graph["nodes"]): Graph =>
    graphOf({ opset: 17, inputs: [info("x", [batch, 4])], outputs: [info("y")], nodes, tensors: { w: noise([4, 2], 1) } });
  const product = node("MatMul", ["x", "w"], ["h"]);
  const samples = [1, 2, 3].map((k) => ({ dtype: "float32", shape: [1, 4], data: Float32Array.from([k, -k, k * k, 0.5]) }) as const);
  const check = async (freed: Graph["nodes"], single = freed): Promise<void> =>
    checkBatchFreedom(await createExecutor({ threads: 1 }), { single: model(1, single), freed: model("N", freed), input: "x", output: "y", samples });

  it("passes what keeps samples apart", () => check([product, node("Tanh", ["h"], ["y"])]));

  it("passes one sample", async () => {
    const graph = (batch: number | string): Graph => model(batch, [product, node("Tanh", ["h"], ["y"])]);
    const executor = await createExecutor({ threads: 1 });
    await checkBatchFreedom(executor, { single: graph(1), freed: graph("N"), input: "x", output: "y", samples: samples.slice(0, 1) });
  });

  it("refuses what mixes them, and what gives another number of results", async () => {
    const softmax = [product, node("Softmax", ["h"], ["y"], { axis: 0 })];
    const error = await failure("model/batch-mixes", () => check(softmax));
    assert.match(error.message, /"y" differs by/);
    await failure("model/batch-mixes", () => check([product, node("ReduceMean", ["h"], ["y"], { axes: [0], keepdims: 1 })]));
  });

  it("refuses what depends on the place in the batch", async () => {
    const running = [
      product,
      node("Constant", [], ["axis"], { value: { dtype: "int64", shape: [], data: new Uint8Array(8) } }),
      node("CumSum", ["h", "axis"], ["y"]),
    ];
    await failure("model/batch-mixes", () => check(running));
  });
});
