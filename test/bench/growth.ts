// `npm run bench -- --growth`: how the time of a step, and of compiling one, grows with the batch, the layers and the number of parameters.

import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Graph } from "../../core/graph/types.js";
import type { Executor } from "../../core/runtime/executor.js";
import { createExecutor } from "../../core/runtime/select.js";
import { affineChain, integerTensor, mlp, transformer, uniformTensor } from "./models.js";
import { adam, writeTask, type TaskSource } from "./rows.js";
import { median } from "./statistics.js";
import { Training } from "./training.js";

/** One size of a series. */
export interface Growth {
  readonly series: string;
  readonly size: number;
  /** Of the training graph. */
  readonly nodes: number;
  /** Median milliseconds of a step. */
  readonly step: number;
  /** Milliseconds to build the training graph, and for the runtime to take it. */
  readonly build: number;
  readonly compile: number;
}

/** Steps before measuring; then as many as fit into `measuredFor` milliseconds, at least `fewest`. */
const warmUp = 3;
const fewest = 5;
const measuredFor = 600;

const smallTransformer = { width: 128, heads: 4, tokens: 64, vocabulary: 200, classes: 10 };

/** An MLP on batches of one size, a small transformer with some layers, a deep model with some parameters: every size of each series. */
const series: readonly { readonly name: string; readonly sizes: readonly number[]; readonly source: (size: number) => TaskSource }[] = [
  { name: "samples in a batch (MLP 784-512-512-10)", sizes: [1, 4, 16, 64, 256], source: (size) => mlpSource(size) },
  { name: "layers (transformer, d = 128, batch 8 × 64)", sizes: [1, 2, 4, 8, 16], source: (size) => transformerSource(size) },
  {
    name: "parameter tensors (scales and biases of 16 values in a chain, batch 8)",
    sizes: [10, 100, 1000, 10_000],
    source: (size) => deepSource(size),
  },
  { name: "layers for a training graph of 2,000 nodes (transformer, d = 128, batch 8 × 64)", sizes: [14], source: (size) => transformerSource(size) },
];

export async function* measureGrowth(folder: string, threads: number): AsyncGenerator<Growth> {
  const executor = await createExecutor({ threads });
  for (const { name, sizes, source } of series)
    for (const size of sizes) {
      const own = await mkdtemp(join(folder, "growth-"));
      yield { series: name, size, ...(await measure(source(size), own, executor)) };
      await rm(own, { recursive: true, force: true });
    }
}

async function measure(source: TaskSource, folder: string, executor: Executor): Promise<Omit<Growth, "series" | "size">> {
  const compiled: { nodes: number; milliseconds: number }[] = [];
  const timed: Executor = {
    ...executor,
    async compile(graph: Graph, options) {
      const start = performance.now();
      const program = await executor.compile(graph, options);
      compiled.push({ nodes: graph.nodes.length, milliseconds: performance.now() - start });
      return program;
    },
  };
  const training = await Training.prepare(await writeTask(source, folder, executor.threads), timed);
  const first = (await training.run(1)).milliseconds;
  await training.run(warmUp);
  const times: number[] = [];
  const until = performance.now() + measuredFor;
  while (times.length < fewest || performance.now() < until) times.push((await training.run(1)).milliseconds);
  await training.close();
  const [step, compile] = [median(times), compiled.reduce((sum, { milliseconds }) => sum + milliseconds, 0)];
  const nodes = compiled.reduce((sum, program) => sum + program.nodes, 0);
  return { nodes, step, compile, build: Math.max(0, first - compile - step) };
}

function mlpSource(batchSize: number): TaskSource {
  return {
    ...common,
    name: "mlp",
    batchSize,
    material: () => ({
      graph: mlp([784, 512, 512, 10]),
      samples: uniformTensor("samples", [2 * batchSize, 784], 0, 1),
      labels: integerTensor("labels", [2 * batchSize], 10),
    }),
  };
}

function transformerSource(layers: number): TaskSource {
  const { tokens, vocabulary, classes } = smallTransformer;
  return {
    ...common,
    name: "transformer",
    batchSize: 8,
    material: () => ({
      graph: transformer({ ...smallTransformer, layers }),
      samples: integerTensor("samples", [16, tokens], vocabulary),
      labels: integerTensor("labels", [16], classes),
    }),
  };
}

function deepSource(parameters: number): TaskSource {
  return {
    ...common,
    name: "deep",
    batchSize: 8,
    material: () => ({
      graph: affineChain((parameters - 2) / 2),
      samples: uniformTensor("samples", [16, 16], 0, 1),
      labels: integerTensor("labels", [16], 10),
    }),
  };
}

/** What the tasks have in common; only ours trains them, so no peer needs their sizes. */
const common = { kind: "mlp", sizes: {}, freeze: [], optimizer: adam } as const;
