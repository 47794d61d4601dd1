// The rows of the bench's table: which model is trained how, and what is aimed at. Files that the sides read are written here.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Graph, Tensor } from "../../core/graph/types.js";
import { writeModel } from "../../core/onnx/file.js";
import { writeSafetensors } from "../../core/train/safetensors.js";
import { demoModel, demoRecipe, demoSamples, writeDemoTable } from "./demo.js";
import { cnn, integerTensor, mlp, transformer, uniformTensor } from "./models.js";
import type { Task, TaskOptimizer, WholeRun } from "./protocol.js";

/** What a task is made from. */
export interface TaskSource {
  readonly name: string;
  readonly kind: Task["kind"];
  readonly sizes: Readonly<Record<string, number>>;
  readonly freeze: readonly string[];
  readonly optimizer: TaskOptimizer;
  readonly batchSize: number;
  /** Whole runs are measured, not steps. */
  readonly whole?: { readonly epochs: number; readonly cached: boolean };
  readonly material: () => Material | Promise<Material>;
}

export interface Row extends TaskSource {
  readonly title: string;
  /** Most that our time may be of PyTorch's. */
  readonly target: { readonly intel: number; readonly amd: number };
}

/** A model and the samples that it is trained on. */
export interface Material {
  readonly graph: Graph;
  readonly samples: Tensor;
  readonly labels: Tensor;
}

/** Samples of a whole run. */
const wholeSamples = 640;

/** Different batches that are trained on in turn. */
const batchesPerRow = 10;

export const adam: TaskOptimizer = { type: "adam", learningRate: 0.001, betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0 };
const adamw: TaskOptimizer = { ...adam, type: "adamw", learningRate: 0.0003, weightDecay: 0.01 };

const transformerSizes = { layers: 4, width: 384, heads: 6, tokens: 128, vocabulary: 1000, classes: 10 };

const transformerRow = {
  kind: "transformer",
  sizes: transformerSizes,
  optimizer: adamw,
  batchSize: 8,
  material: () => ({
    graph: transformer(transformerSizes),
    samples: integerTensor("samples", [8 * batchesPerRow, transformerSizes.tokens], transformerSizes.vocabulary),
    labels: integerTensor("labels", [8 * batchesPerRow], transformerSizes.classes),
  }),
} as const;

const demoRow = {
  kind: "backbone",
  sizes: {},
  freeze: ["*", "!head.*"],
  optimizer: { ...adamw, learningRate: 0.001 },
  batchSize: 32,
  material: async () => ({ graph: await demoModel(), ...(await demoSamples(wholeSamples)) }),
} as const;

export const rows: readonly Row[] = [
  {
    ...transformerRow,
    name: "transformer",
    title: "transformer, 4 layers, d = 384, batch 8 × 128, AdamW, all trainable",
    target: { intel: 0.8, amd: 1 },
    freeze: [],
  },
  {
    ...transformerRow,
    name: "transformer-head",
    title: "same, only the head trainable, no cache",
    target: { intel: 0.6, amd: 0.9 },
    freeze: ["*", "!head.*"],
  },
  {
    name: "mlp",
    title: "MLP 784-512-512-10, batch 128, Adam",
    target: { intel: 0.8, amd: 0.8 },
    kind: "mlp",
    sizes: { layers: 3 },
    freeze: [],
    optimizer: adam,
    batchSize: 128,
    material: () => ({
      graph: mlp([784, 512, 512, 10]),
      samples: uniformTensor("samples", [128 * batchesPerRow, 784], 0, 1),
      labels: integerTensor("labels", [128 * batchesPerRow], 10),
    }),
  },
  {
    name: "cnn",
    title: "CNN conv32-relu-pool-conv64-relu-pool-dense128-10, 28 × 28, batch 64, Adam",
    target: { intel: 1, amd: 1 },
    kind: "cnn",
    sizes: {},
    freeze: [],
    optimizer: adam,
    batchSize: 64,
    material: () => ({
      graph: cnn(),
      samples: uniformTensor("samples", [64 * batchesPerRow, 1, 28, 28], 0, 1),
      labels: integerTensor("labels", [64 * batchesPerRow], 10),
    }),
  },
  {
    name: "backbone",
    title: "demo backbone (MobileNetV4, 224 × 224), batch 16, Adam, all trainable",
    target: { intel: 1.2, amd: 1.2 },
    kind: "backbone",
    sizes: {},
    freeze: [],
    optimizer: { ...adam, learningRate: 0.0001 },
    batchSize: 16,
    material: async () => ({ graph: await demoModel(), ...(await demoSamples(16 * batchesPerRow)) }),
  },
  {
    ...demoRow,
    name: "demo",
    title: "demo, frozen backbone, 20 epochs of 640 samples, features computed once; PyTorch runs its frozen part in each epoch (one epoch × 20)",
    target: { intel: 0.1, amd: 0.1 },
    whole: { epochs: 20, cached: false },
  },
  {
    ...demoRow,
    name: "demo-cached",
    title: "same; PyTorch keeps its features too",
    target: { intel: 1, amd: 1 },
    whole: { epochs: 20, cached: true },
  },
];

/** Writes a task's files into `folder`. */
export async function writeTask(row: TaskSource, folder: string, threads: number): Promise<Task> {
  const { kind, sizes, freeze, optimizer, batchSize } = row;
  const { graph, samples, labels } = await row.material();
  const [model, tensors] = [join(folder, `${row.name}.onnx`), join(folder, `${row.name}.safetensors`)];
  await writeModel({ graph, irVersion: 10, producerName: "", producerVersion: "", metadata: new Map() }, model);
  await writeSafetensors(tensors, { tensors: new Map([...graph.initializers, ["samples", samples], ["labels", labels]]), metadata: new Map() });
  return { kind, model, tensors, sizes, freeze, optimizer, batchSize, threads, onlyWhole: row.whole !== undefined };
}

/** Writes a recipe that trains a task from the demo's files; ours reads it, the peers have the task. */
export async function writeWhole({ epochs, cached }: NonNullable<Row["whole"]>, task: Task, folder: string): Promise<WholeRun> {
  const { freeze, optimizer, batchSize, threads } = task;
  const { type, learningRate, betas, epsilon, weightDecay } = optimizer;
  const samples = await writeDemoTable(folder, wholeSamples);
  const recipe = {
    ...demoRecipe(samples),
    freeze,
    optimizer: { type, learningRate, betas, epsilon, weightDecay },
    batchSize,
    epochs,
    threads,
    shuffle: false,
  };
  const path = join(folder, "demo.finetune.json");
  await writeFile(path, JSON.stringify(recipe));
  return { recipe: path, epochs, cached, peerEpochs: 1 };
}
