// A task made ready to train with the engine's own passes, step program and optimizer. Who asks for steps, and measures them, is not decided
// here.

import { nodePositions } from "../../core/autodiff/parameters.js";
import { elementCount } from "../../core/graph/dims.js";
import type { Graph, Tensor, TensorType } from "../../core/graph/types.js";
import { lossOutput } from "../../core/nn/losses.js";
import { readModel } from "../../core/onnx/file.js";
import { analyseBatch } from "../../core/passes/batch.js";
import { inferenceForm } from "../../core/passes/inference-form.js";
import { inlineFunctions } from "../../core/passes/inline-functions.js";
import { bindInputs } from "../../core/passes/specialise.js";
import type { Executor, HostTensor } from "../../core/runtime/executor.js";
import { hostTensorOf } from "../../core/runtime/host-tensor.js";
import { FeatureStore, type FeatureMaker, type FeatureValue } from "../../core/train/features.js";
import { optimizersFor } from "../../core/train/groups.js";
import { arenaFor } from "../../core/train/open-phase.js";
import { buildPhaseGraph, type PhaseContext, type PhaseGraph, type SettledPhase } from "../../core/train/phase-graph.js";
import { PhaseRuntime } from "../../core/train/phase-runtime.js";
import { parseRecipe, phasesOf } from "../../core/train/recipe.js";
import { readSafetensors } from "../../core/train/safetensors.js";
import { initialState, masterFor, type RunState } from "../../core/train/state.js";
import { WeightUpdate } from "../../core/train/update.js";
import type { Replies, Task } from "./protocol.js";

/** A task made ready: what the engine's trainer holds while it trains a phase. */
export class Training {
  readonly #runtime: PhaseRuntime;
  readonly #update: WeightUpdate;
  readonly #state: RunState;
  readonly #task: Task;
  readonly #samples: number;
  #step = 0;

  private constructor(task: Task, runtime: PhaseRuntime, update: WeightUpdate, state: RunState, samples: number) {
    this.#runtime = runtime;
    this.#update = update;
    this.#state = state;
    this.#task = task;
    this.#samples = samples;
  }

  static async prepare(task: Task, executor: Executor): Promise<Training> {
    const model = await readModel(task.model);
    const whole = inlineFunctions(inferenceForm(model.graph));
    const batch = analyseBatch(whole);
    const context: PhaseContext = {
      output: lossOutput(whole, {}),
      loss: { type: "crossEntropy" },
      headPrefix: undefined,
      headDropout: new Set(),
      modelDropout: false,
      positions: nodePositions(whole),
    };
    const phase = phaseOf(task);
    const graph = buildPhaseGraph({ whole, graph: batch.graph, batch }, phase, context);
    const { tensors } = await readSafetensors(task.tensors);
    const samples = hostTensorOf(requireTensor(tensors, "samples"));
    const labels = hostTensorOf(requireTensor(tensors, "labels"));
    const features = await openStore(task, graph, batch.graph, samples, executor);
    const optimizers = optimizersFor(phase, graph.marked);
    const arena = arenaFor(graph, phase, optimizers);
    const indices = Int32Array.from(labels.data as BigInt64Array, Number);
    const targets = { kind: "classes", logits: true, classes: Math.max(...indices) + 1, indices } as const;
    const plan = { ...graph, output: context.output, loss: context.loss, boundary: features.values };
    const runtime = new PhaseRuntime(executor, plan, features, targets, 0, arena);
    const state = initialState();
    const trainable = new Set(graph.trainable);
    for (const { name, tensor } of graph.marked) if (trainable.has(name)) masterFor(state, name, tensor);
    return new Training(task, runtime, new WeightUpdate({ phase, graph, optimizers, arena }, state), state, samples.shape[0]);
  }

  async run(steps: number): Promise<Replies["run"]> {
    const losses: number[] = [];
    const start = performance.now();
    for (let i = 0; i < steps; i++) losses.push(await this.#train());
    return { losses, milliseconds: performance.now() - start };
  }

  async close(): Promise<void> {
    await this.#runtime.close();
  }

  async #train(): Promise<number> {
    const { batchSize } = this.#task;
    const from = (this.#step * batchSize) % this.#samples;
    const rows = Array.from({ length: batchSize }, (_, i) => from + i);
    const { loss, gradients } = await this.#runtime.train(rows, this.#state.weights, this.#step);
    this.#update.gather(gradients, 1);
    this.#update.apply((rate) => rate);
    this.#step += 1;
    return loss;
  }
}

/** The one phase of a recipe for the task. */
function phaseOf({ model, freeze, optimizer, batchSize }: Task): SettledPhase {
  const data = { csv: "samples.csv", features: ["*"], label: "label" };
  const recipe = { model, data, loss: { type: "crossEntropy" }, freeze, optimizer, batchSize };
  const [phase] = phasesOf(parseRecipe(JSON.stringify(recipe), "bench.finetune.json"));
  return { ...phase, freeze };
}

/** Samples as they are where nothing is frozen before what trains, and kept; else the frozen part runs again for every batch. */
async function openStore(task: Task, graph: PhaseGraph, model: Graph, samples: HostTensor, executor: Executor): Promise<FeatureStore> {
  const [input] = model.inputs;
  const values = graph.boundary.map((name) => valueOf(name, [input, ...(graph.prefix?.outputs ?? [])], samples.shape.slice(1)));
  const type: TensorType = { ...(input.type as TensorType), shape: [task.batchSize, ...samples.shape.slice(1)] };
  const program = graph.prefix === undefined ? undefined : await executor.compile(bindInputs(graph.prefix, new Map([[input.name, type]])));
  const maker: FeatureMaker = {
    values,
    batchSize: task.batchSize,
    executions: () => 0,
    make: async (indices) => {
      const rows = pick(samples, indices);
      const made = { ...(await program?.run({ [input.name]: rows })), [input.name]: rows };
      return values.map(({ name }) => made[name]);
    },
    release: async () => {},
  };
  const store = new FeatureStore(maker, {
    samples: samples.shape[0],
    cache: undefined,
    memoryLimit: program === undefined ? Infinity : 0,
    onProgress: () => {},
    stopRequested: () => false,
    onCacheError: () => {},
  });
  await store.fill();
  return store;
}

function valueOf(name: string, declared: readonly { readonly name: string; readonly type: unknown }[], sampleShape: readonly number[]): FeatureValue {
  const { dtype, shape = [] } = declared.find((value) => value.name === name)?.type as TensorType;
  const rest = shape.slice(1).map((size, i) => (typeof size === "number" ? size : sampleShape[i]));
  return { name, dtype, shape: [1, ...rest] };
}

/** The samples of a batch, which follow one another. */
function pick({ dtype, shape, data }: HostTensor, indices: readonly number[]): HostTensor {
  const size = elementCount(shape.slice(1));
  return { dtype, shape: [indices.length, ...shape.slice(1)], data: data.subarray(indices[0] * size, (indices[0] + indices.length) * size) };
}

function requireTensor(tensors: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new Error(`the task's file has no tensor "${name}"`);
  return tensor;
}
