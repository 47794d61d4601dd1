// The demo's model and pictures, for the bench: the backbone up to its pooled features with a new head, and digits as it reads them.

import { readFile, writeFile } from "node:fs/promises";
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

const model = join(root, "node_modules", "detypify-service", "train", "model.onnx");
const table = join(root, "media", "examples", "digits", "digits.csv");
const head = { after: "mean", layers: [{ type: "flatten" }, { type: "dense", units: 10, bias: true }] } as const;
const transform: readonly TransformStep[] = [
  { reshape: [1, 8, 8] },
  { scale: { from: [0, 16], to: [0, 1] } },
  { resize: [208, 208] },
  { pad: [side, side] },
];

/** x [batch, 1, 224, 224] → features [batch, 336] → head → logits [batch, 10]. */
export async function demoModel(): Promise<Graph> {
  const read = await readModel(model);
  const inlined = { ...read, graph: inlineFunctions(inferenceForm(read.graph)) };
  return freeBatch(attachHead(inlined, { ...head, seed: 0 }).model).graph;
}

/** A recipe of the same model on the samples of a table. */
export function demoRecipe(csv: string): object {
  return { model, head, data: { csv, features: ["p*"], label: "label", transform }, loss: { type: "crossEntropy" }, seed: 0 };
}

/** Writes a table of the first `count` digits; answers its path. */
export async function writeDemoTable(folder: string, count: number): Promise<string> {
  const lines = (await readFile(table, "utf8")).split("\n").slice(0, count + 1);
  const path = join(folder, "digits.csv");
  await writeFile(path, `${lines.join("\n")}\n`);
  return path;
}

/** The first `count` handwritten digits, made larger as the recipe does. */
export async function demoSamples(count: number): Promise<Pick<Material, "samples" | "labels">> {
  const lines = (await readFile(table, "utf8")).trim().split("\n");
  const rows = lines.slice(1, count + 1).map((line) => line.split(",").map(Number));
  const enlarge = compileTransform(transform, [64]);
  const pictures = new Float32Array(rows.length * side * side);
  for (const [i, row] of rows.entries())
    enlarge.apply(Float32Array.from(row.slice(0, 64)), pictures.subarray(i * side * side, (i + 1) * side * side));
  const labels = rows.map((row) => row[64]);
  return { samples: tensorOf("float32", pictures, [rows.length, 1, side, side]), labels: tensorOf("int64", labels) };
}
