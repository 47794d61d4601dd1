// Whole gradient graphs as text, so that a change of what is emitted shows as a difference that people can read.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gradients } from "../../core/autodiff/gradients.js";
import { printGraph } from "../../core/graph/print.js";
import { tensorOf } from "../../core/graph/tensor.js";
import type { Graph } from "../../core/graph/types.js";
import { inferGraph } from "../../core/ops/infer.js";
import { insertStops } from "../../core/passes/stop-gradient.js";
import { assertGolden } from "../support/golden.js";
import { graphOf, info, node } from "../support/graphs.js";

interface Golden {
  readonly name: string;
  readonly graph: Graph;
  readonly xs: readonly string[];
}

const perceptron = graphOf({
  inputs: [info("x", ["N", 3]), info("w1", [3, 4]), info("b1", [4]), info("w2", [4, 2]), info("b2", [2])],
  outputs: ["loss"],
  nodes: [
    node("MatMul", ["x", "w1"], ["product"]),
    node("Add", ["product", "b1"], ["hidden"]),
    node("Gelu", ["hidden"], ["active"]),
    node("MatMul", ["active", "w2"], ["product2"]),
    node("Add", ["product2", "b2"], ["y"]),
    node("Mul", ["y", "y"], ["square"]),
    node("ReduceMean", ["square"], ["loss"], { keepdims: 0 }),
  ],
});

const attention = graphOf({
  inputs: [info("x", ["N", "T", 8]), info("query", [8, 8]), info("key", [8, 8])],
  outputs: ["y"],
  tensors: { scale: tensorOf("float32", [0.5], []) },
  nodes: [
    node("MatMul", ["x", "query"], ["q"]),
    node("MatMul", ["x", "key"], ["k"]),
    node("Transpose", ["k"], ["kt"], { perm: [0, 2, 1] }),
    node("MatMul", ["q", "kt"], ["scores"]),
    node("Mul", ["scores", "scale"], ["scaled"]),
    node("Softmax", ["scaled"], ["weights"], { axis: -1 }),
    node("MatMul", ["weights", "x"], ["y"]),
  ],
});

const convolution = graphOf({
  inputs: [info("x", ["N", 2, 6, 6]), info("w", [4, 2, 3, 3]), info("b", [4])],
  outputs: ["y"],
  nodes: [
    node("Conv", ["x", "w", "b"], ["c"], { strides: [2, 2], pads: [1, 1, 1, 1] }),
    node("Clip", ["c"], ["a"], { min: { type: "float", value: 0 }, max: { type: "float", value: 6 } }),
    node("GlobalAveragePool", ["a"], ["y"]),
  ],
  opset: 10,
});

const goldens: readonly Golden[] = [
  { name: "perceptron", graph: perceptron, xs: ["w1", "b1", "w2", "b2"] },
  { name: "perceptron-last-layer", graph: perceptron, xs: ["w2", "b2"] },
  { name: "perceptron-stopped", graph: insertStops(perceptron, ["active"]), xs: ["w1", "w2", "b2"] },
  { name: "attention", graph: attention, xs: ["query", "key"] },
  { name: "convolution-opset-10", graph: convolution, xs: ["w", "b"] },
];

describe("the gradient graph of", () => {
  for (const { name, graph, xs } of goldens) {
    it(name, () => {
      const { graph: full, gradients: names } = gradients(graph, [graph.outputs[0].name], xs);
      const facts = inferGraph(full);
      const text = printGraph(full, { types: (value) => facts.get(value)?.type });
      const found = xs.map((x, i) => `d${x} = ${names[i] ?? "none"}\n`);
      assertGolden(join(__dirname, `${name}.txt`), `${text}${found.join("")}`);
    });
  }
});

describe("a golden text", () => {
  it("fails where its file is missing or differs", () => {
    const folder = mkdtempSync(join(tmpdir(), "golden-"));
    const update = process.env.UPDATE_GOLDEN;
    delete process.env.UPDATE_GOLDEN;
    try {
      assert.throws(() => assertGolden(join(folder, "absent.txt"), "text"), /is missing/);
      process.env.UPDATE_GOLDEN = "1";
      assertGolden(join(folder, "written.txt"), "text");
      delete process.env.UPDATE_GOLDEN;
      assertGolden(join(folder, "written.txt"), "text");
      assert.throws(() => assertGolden(join(folder, "written.txt"), "other"), assert.AssertionError);
    } finally {
      if (update !== undefined) process.env.UPDATE_GOLDEN = update;
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
