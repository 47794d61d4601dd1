// The demo's model and pictures, for the bench: the backbone up to its pooled features with a new head, and digits as it reads them.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { compileTransform, type TransformStep } from "../../core/data/transforms.js";
import { tensorOf } from "../../core/graph/tensor.js";
import type { Graph } from "../../core/graph/types.js";
import { readModel } from "../../core/onnx/file.js";
import { freeBatch } from "../../core/passes/batch.js";
import { inferenceForm } from "../../core/passes/inference-form.js";
import { inlineFunctions } from "../../core/passes/inline-functions.js";
import { attachHead } from "../../core/train/surgery.js";
import type { Material } from "./rows.js";

const root = join(__dirname, "..", "..");
const side = 224;

/** x [batch, 1, 224, 224] → features [batch, 336] → head → logits [batch, 10]. */
export async function demoModel(): Promise<Graph> {
  const model = await readModel(join(root, "node_modules", "detypify-service", "train", "model.onnx"));
  const inlined = { ...model, graph: inlineFunctions(inferenceForm(model.graph)) };
  const layers = [{ type: "flatten" }, { type: "dense", units: 10, bias: true }] as const;
  return freeBatch(attachHead(inlined, { after: "mean", layers, seed: 0 }).model).graph;
}

/** The first `count` handwritten digits, made larger as the demo's recipe does. */
export async function demoSamples(count: number): Promise<Pick<Material, "samples" | "labels">> {
  const text = await readFile(join(root, "media", "examples", "digits", "digits.csv"), "utf8");
  const table = text
    .trim()
    .split("\n")
    .slice(1, count + 1)
    .map((line) => line.split(",").map(Number));
  const steps: readonly TransformStep[] = [
    { reshape: [1, 8, 8] },
    { scale: { from: [0, 16], to: [0, 1] } },
    { resize: [208, 208] },
    { pad: [side, side] },
  ];
  const transform = compileTransform(steps, [64]);
  const pictures = new Float32Array(table.length * side * side);
  for (const [i, row] of table.entries())
    transform.apply(Float32Array.from(row.slice(0, 64)), pictures.subarray(i * side * side, (i + 1) * side * side));
  return {
    samples: tensorOf("float32", pictures, [table.length, 1, side, side]),
    labels: tensorOf(
      "int64",
      table.map((row) => row[64]),
    ),
  };
}
