// A phase ready to run: its features and its two programs (compiled per batch size on first use), fed with a run's weights.

import { elementCount } from "../graph/dims.js";
import { fillUniform, stream } from "../nn/random.js";
import type { Arena } from "../optim/arena.js";
import type { Executor, HostTensor } from "../runtime/executor.js";
import { asFloat32 } from "../runtime/host-tensor.js";
import type { Mix } from "../data/augment.js";
import type { FeatureStore } from "./features.js";
import type { Master } from "./state.js";
import {
  compileEvaluation,
  compileTraining,
  type EvaluationProgram,
  type Gradient,
  type MaskInput,
  type SuffixPlan,
  type TrainingProgram,
} from "./step-program.js";
import { targetTensor, type Targets } from "./targets.js";

/** What a run of either program answers. */
export interface BatchResult {
  /** Mean over the batch. */
  readonly loss: number;
  /** The model's output, [batch, …]. */
  readonly prediction: HostTensor;
  /** What the samples, and with them their targets, were mixed with. */
  readonly mixes?: readonly Mix[];
}

export interface TrainingResult extends BatchResult {
  /** Gradient of the loss by trainable tensor, float32 in the tensor's shape. Overwritten by the next step. */
  readonly gradients: ReadonlyMap<string, Gradient>;
  /** Milliseconds from asking for the samples' features to having them. */
  readonly waited: number;
}

/** The weights that a program is fed: masters of the trainable tensors, and running statistics that move. */
export type Weights = ReadonlyMap<string, Master>;

/** What training samples are mixed with in an epoch; undefined where nothing is. */
type MixesOf = (rows: readonly number[], epoch: number) => readonly Mix[] | undefined;

export class PhaseRuntime {
  readonly features: FeatureStore;
  readonly #executor: Executor;
  readonly #plan: SuffixPlan;
  readonly #targets: Targets;
  readonly #seed: number;
  readonly #arena: Arena;
  readonly #mixesOf: MixesOf | undefined;
  readonly #gradients = new Map<string, Gradient>();
  readonly #training = new Map<number, TrainingProgram>();
  readonly #evaluation = new Map<number, EvaluationProgram>();

  constructor(executor: Executor, plan: SuffixPlan, features: FeatureStore, targets: Targets, seed: number, arena: Arena, mixesOf?: MixesOf) {
    this.#executor = executor;
    this.#plan = plan;
    this.features = features;
    this.#targets = targets;
    this.#seed = seed;
    this.#arena = arena;
    this.#mixesOf = mixesOf;
  }

  /**
   * Loss, prediction and gradients on the samples `rows`; `step` keys the dropout masks, `epoch` (of all phases together) what samples are
   * augmented by. Moves running statistics in `weights`.
   */
  async train(rows: readonly number[], weights: Weights, step: number, epoch = 0): Promise<TrainingResult> {
    const compiled = await this.#trainingFor(rows.length);
    const mixes = this.#mixesOf?.(rows, epoch);
    for (const mask of compiled.masks) drawMask(mask, this.#seed, step);
    const masks = Object.fromEntries(compiled.masks.map(({ input, tensor }) => [input, tensor]));
    const target = targetTensor(this.#targets, rows, compiled.target, mixes);
    const asked = performance.now();
    const feeds = await this.#feeds(compiled, rows, weights, epoch);
    const waited = performance.now() - asked;
    const outputs = await compiled.program.run({ ...feeds, [compiled.target.name]: target, ...masks }, compiled.into);
    for (const { buffer, output, momentum } of compiled.statistics) mix(weights.get(buffer), outputs[output], momentum);
    return { ...resultOf(compiled, outputs), ...(mixes === undefined ? {} : { mixes }), gradients: compiled.gradients, waited };
  }

  /** Loss and prediction on the samples `rows`, in inference form. */
  async evaluate(rows: readonly number[], weights: Weights): Promise<BatchResult> {
    let compiled = this.#evaluation.get(rows.length);
    if (compiled === undefined) {
      compiled = await compileEvaluation(this.#executor, this.#plan, rows.length);
      this.#evaluation.set(rows.length, compiled);
    }
    const target = targetTensor(this.#targets, rows, compiled.target);
    return resultOf(compiled, await compiled.program.run({ ...(await this.#feeds(compiled, rows, weights)), [compiled.target.name]: target }));
  }

  /** Gives back what can be had again, until the phase is tested. */
  async rest(): Promise<void> {
    await this.features.rest();
    for (const { program } of [...this.#training.values(), ...this.#evaluation.values()]) await program.dispose();
    this.#training.clear();
    this.#evaluation.clear();
  }

  async close(): Promise<void> {
    await this.rest();
    await this.features.close();
  }

  async #trainingFor(batchSize: number): Promise<TrainingProgram> {
    let compiled = this.#training.get(batchSize);
    if (compiled === undefined) {
      compiled = await compileTraining(this.#executor, this.#plan, batchSize, (name, shape) => this.#gradientMemory(name, shape));
      this.#training.set(batchSize, compiled);
    }
    return compiled;
  }

  #gradientMemory(name: string, shape: readonly number[]): Gradient {
    let memory = this.#gradients.get(name);
    if (memory === undefined) {
      memory = { dtype: "float32", shape, data: this.#arena.floats(elementCount(shape)) };
      this.#gradients.set(name, memory);
    }
    return memory;
  }

  async #feeds({ inputs }: EvaluationProgram, rows: readonly number[], weights: Weights, epoch?: number): Promise<Record<string, HostTensor>> {
    const feeds: Record<string, HostTensor> = {};
    const features = await this.features.gather(rows, epoch);
    this.features.values.forEach(({ name }, i) => {
      if (inputs.has(name)) feeds[name] = asFloat32(features[i]);
    });
    for (const [name, master] of weights) if (inputs.has(name)) feeds[name] = master;
    return feeds;
  }
}

function resultOf({ loss, prediction }: EvaluationProgram, outputs: Readonly<Record<string, HostTensor>>): BatchResult {
  return { loss: Number(outputs[loss].data[0]), prediction: outputs[prediction] };
}

/** Running statistics move as ONNX defines it: old · momentum + new · (1 − momentum). */
function mix(running: Master | undefined, batch: HostTensor, momentum: number): void {
  if (running === undefined) return;
  const fresh = batch.data as Float32Array;
  for (let i = 0; i < fresh.length; i++) running.data[i] = running.data[i] * momentum + fresh[i] * (1 - momentum);
}

/** Inverted dropout: kept elements count 1 ÷ (1 − ratio). The draw depends on seed, step and layer only. */
function drawMask({ value, ratio, tensor }: MaskInput, seed: number, step: number): void {
  const data = tensor.data as Float32Array;
  fillUniform(stream(seed, `dropout ${value}`, step), data);
  const kept = 1 / (1 - ratio);
  for (let i = 0; i < data.length; i++) data[i] = data[i] >= ratio ? kept : 0;
}
