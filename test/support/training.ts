// Small training jobs for tests: a folder with a model, a table and a recipe, and runs of it in this process.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Graph, Model, Tensor } from "../../core/graph/types.js";
import { tensorOf } from "../../core/graph/tensor.js";
import { readModel, writeModel } from "../../core/onnx/file.js";
import type { DoneEvent, TrainEvent } from "../../core/train/events.js";
import type { Feed } from "../../core/train/feed.js";
import type { SpanProof } from "../../core/train/proof.js";
import { train } from "../../core/train/train.js";
import { graphOf, info, modelOf, node } from "./graphs.js";
import { testProvider } from "./provider.js";
import { seededRandom } from "./random.js";

export interface RunOptions {
  readonly resume?: string;
  readonly cache?: boolean;
  readonly feed?: boolean;
  readonly startFeed?: () => Feed;
  /** Asked as the engine asks for a stop, with the events so far. */
  readonly stop?: (events: readonly TrainEvent[]) => boolean;
  readonly emit?: (event: TrainEvent) => void;
}

export interface Finished {
  readonly result: DoneEvent;
  readonly events: readonly TrainEvent[];
  readonly record: RunRecord;
}

/** What tests read of `run.json`. */
export interface RunRecord {
  readonly status: string;
  readonly plan: readonly {
    readonly phase: string;
    readonly marks: readonly { readonly name: string; readonly mark: string; readonly reason?: string }[];
  }[];
  readonly prefix: { readonly executions: number; readonly byPhase: Readonly<Record<string, number>> };
  readonly proof: { readonly summary: DoneEvent["proof"]; readonly spans: readonly SpanProof[] };
  readonly history: readonly { readonly phase: string; readonly epoch: number }[];
  readonly error?: { readonly code: string };
  readonly position: { readonly step: number };
}

/** A folder for one test's files. */
export class Workspace {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<Workspace> {
    return new Workspace(await mkdtemp(join(tmpdir(), "frostline-train-")));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  async writeGraph(graph: Graph, name = "model.onnx", settings: Partial<Model> = {}): Promise<void> {
    await writeModel({ ...modelOf(graph), ...settings }, this.path(name));
  }

  async writeTable(rows: readonly (readonly (number | string)[])[], name = "data.csv"): Promise<void> {
    const features = rows[0].slice(1).map((_, i) => `f${i}`);
    await writeFile(this.path(name), [["label", ...features], ...rows].map((row) => row.join(",")).join("\n") + "\n");
  }

  /** Writes a text file; answers its path. */
  async writeFile(name: string, text: string): Promise<string> {
    await writeFile(this.path(name), text);
    return this.path(name);
  }

  /** Runs a recipe to its end; what is not given is as in `recipeOf`. */
  async train(recipe: Readonly<Record<string, unknown>> = {}, options: RunOptions = {}): Promise<Finished> {
    const events: TrainEvent[] = [];
    const result = await train(
      {
        recipePath: this.path("test.finetune.json"),
        recipeText: JSON.stringify(recipeOf(recipe)),
        ...(options.resume === undefined ? {} : { resume: options.resume }),
        ...(options.cache === undefined ? {} : { cache: options.cache }),
        ...(options.feed === undefined ? {} : { feed: options.feed }),
      },
      {
        emit: (event) => {
          events.push(event);
          options.emit?.(event);
        },
        stopRequested: () => options.stop?.(events) ?? false,
        ...(options.startFeed === undefined ? {} : { startFeed: options.startFeed }),
      },
    );
    return { result, events, record: await this.record(result.run) };
  }

  async record(run: string): Promise<RunRecord> {
    return JSON.parse(await readFile(this.path(join(".frostline", "runs", run, "run.json")), "utf8")) as RunRecord;
  }

  async bytes(name = "out.onnx"): Promise<Buffer> {
    return readFile(this.path(name));
  }

  async tensors(name = "out.onnx"): Promise<ReadonlyMap<string, Tensor>> {
    return (await readModel(this.path(name))).graph.initializers;
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A recipe for `model.onnx` and `data.csv`: two epochs of SGD on one thread, exported to `out.onnx`. */
export function recipeOf({ data, ...settings }: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return {
    model: "model.onnx",
    loss: { type: "crossEntropy" },
    optimizer: { type: "sgd", learningRate: 0.1 },
    batchSize: 8,
    epochs: 2,
    threads: 1,
    ...(testProvider === "cpu" ? {} : { provider: testProvider }),
    output: "out.onnx",
    ...settings,
    data: { csv: "data.csv", features: ["f*"], label: "label", ...(data as object | undefined) },
  };
}

/** Only the weights of a model, as one string to compare: metadata such as the run's id differs from run to run. */
export function weightBytes(tensors: ReadonlyMap<string, Tensor>): Readonly<Record<string, string>> {
  return Object.fromEntries([...tensors].map(([name, { data }]) => [name, Buffer.from(data as Uint8Array).toString("hex")]));
}

/** Rows `[class, features…]` around one centre per class, in turn. */
export function blobs(rows: number, features: number, classes: number, seed = 1): readonly (readonly number[])[] {
  const random = seededRandom(seed);
  const centres = Array.from({ length: classes }, () => Array.from({ length: features }, () => random() * 4 - 2));
  return Array.from({ length: rows }, (_, i) => [i % classes, ...centres[i % classes].map((c) => Number((c + random() * 2 - 1).toFixed(4)))]);
}

/** A tensor of small random numbers. */
export function noise(shape: readonly number[], seed: number, dtype: Tensor["dtype"] = "float32", scale = 1): Tensor {
  const random = seededRandom(seed);
  const count = shape.reduce((n, d) => n * d, 1);
  return tensorOf(
    dtype,
    Array.from({ length: count }, () => (random() - 0.5) * scale),
    shape,
  );
}

export interface ClassifierOptions {
  readonly opset?: number;
  readonly batch?: number | string;
  readonly dtype?: Tensor["dtype"];
  readonly softmax?: boolean;
}

/** x [N, 4] → fc1 (8) → Relu → fc2 (6) → Relu → fc3 (3) → logits. */
export function classifier({ opset = 17, batch = "N", dtype = "float32", softmax = false }: ClassifierOptions = {}): Graph {
  const c = opset < 7 ? { broadcast: 1 } : {};
  const gemm = (x: string, layer: string, y: string) =>
    node("Gemm", [x, `${layer}.weight`, `${layer}.bias`], [y], { transB: 1, ...c }, `/${layer}/Gemm`);
  return graphOf({
    opset,
    inputs: [info("x", [batch, 4], dtype)],
    outputs: [info(softmax ? "probabilities" : "logits", [batch, 3], dtype)],
    nodes: [
      gemm("x", "fc1", "h1"),
      node("Relu", ["h1"], ["a1"], {}, "/fc1/Relu"),
      gemm("a1", "fc2", "h2"),
      node("Relu", ["h2"], ["a2"], {}, "/fc2/Relu"),
      gemm("a2", "fc3", "logits"),
      ...(softmax ? [node("Softmax", ["logits"], ["probabilities"], { axis: 1 }, "/Softmax")] : []),
    ],
    tensors: {
      "fc1.weight": noise([8, 4], 11, dtype),
      "fc1.bias": noise([8], 12, dtype),
      "fc2.weight": noise([6, 8], 13, dtype),
      "fc2.bias": noise([6], 14, dtype),
      "fc3.weight": noise([3, 6], 15, dtype),
      "fc3.bias": noise([3], 16, dtype),
    },
  });
}

/** The classifier on samples of shape [2, 2]. */
export function flatClassifier(): Graph {
  const graph = classifier();
  const [first, ...rest] = graph.nodes;
  return {
    ...graph,
    inputs: [info("x", ["N", 2, 2])],
    nodes: [node("Flatten", ["x"], ["flat"], {}, "/Flatten"), { ...first, inputs: ["flat", ...first.inputs.slice(1)] }, ...rest],
  };
}
