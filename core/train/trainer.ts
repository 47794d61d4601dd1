// The training loop: phases, epochs, steps, validation, the choice of the best epoch, checkpoints and the proof of each span. It works on a
// `RunState` alone, so that a run that was stopped goes on from a checkpoint as if it had never stopped.

import { epochRows } from "../data/sampling.js";
import { batches } from "../data/split.js";
import * as errors from "../errors.js";
import { countReductions, stopsEarly } from "../optim/plateau.js";
import { learningRateAt } from "../optim/schedules.js";
import { sumOfSquares } from "../optim/vectors.js";
import type { Executor } from "../runtime/executor.js";
import { masterOf } from "../runtime/host-tensor.js";
import type { TrainHooks } from "./events.js";
import type { Gathering } from "./features.js";
import { addBatch, evaluateRows, setMetrics, type Evaluation, type EvaluationOptions } from "./evaluate.js";
import type { Job } from "./job.js";
import { dtypesOf, openPhase, type OpenPhase } from "./open-phase.js";
import type { SettledPhase } from "./phase-graph.js";
import type { Weights } from "./phase-runtime.js";
import { changedTensors, hashTensors, type TensorHashes } from "./proof.js";
import { mixesOf } from "./samples.js";
import {
  emptySums,
  masterFor,
  restore,
  snapshotOf,
  startAverages,
  tensorsOf,
  validationLosses,
  weightsThatCount,
  type PhaseBest,
  type RunState,
  type Snapshot,
} from "./state.js";
import { lossWeight } from "./targets.js";
import { WeightUpdate } from "./update.js";

/** What the loop needs from whoever owns the run's folder. */
export interface TrainerOptions {
  readonly executor: Executor;
  readonly hooks: TrainHooks;
  /** Whether samples are made by a feed: as `TrainRequest.feed`. */
  readonly feed?: boolean;
  /** Where features are kept between runs; undefined for nowhere. */
  readonly cacheFolder?: string;
  /** Bytes that they may take there. */
  readonly cacheBytes?: number;
  /** The frozen prefix of a phase has run once more. */
  readonly onPrefixRun: (phase: string) => void;
  /** Writes a checkpoint of the state as it is. */
  readonly checkpoint: (phase: SettledPhase) => Promise<void>;
  /** A phase is about to be trained; its features are computed next. */
  readonly onPlan: (phase: Pick<OpenPhase, "phase" | "graph">, index: number) => void;
  /** The features are there; training begins. */
  readonly onPhase: () => Promise<void>;
}

/** Milliseconds between two checkpoints within a phase. */
const checkpointEvery = 30_000;

export type Ending = "completed" | "stopped";

export class Trainer {
  readonly #job: Job;
  readonly #state: RunState;
  readonly #options: TrainerOptions;
  readonly #open = new Map<number, OpenPhase>();
  #lastCheckpoint = performance.now();
  /** Milliseconds that the steps of this epoch have waited for their samples. */
  #waited = 0;

  constructor(job: Job, state: RunState, options: TrainerOptions) {
    this.#job = job;
    this.#state = state;
    this.#options = options;
  }

  /** Trains what is left of the run. @throws run/diverged; check/proof */
  async run(): Promise<Ending> {
    const { phases } = this.#job;
    const { position } = this.#state;
    while (position.phase < phases.length) {
      const opened = await this.#openPhase(position.phase, (graph) => this.#options.onPlan({ phase: phases[position.phase], graph }, position.phase));
      if (opened === undefined) return this.#stop(phases[position.phase]);
      await this.#options.onPhase();
      if ((await this.#trainPhase(opened)) === "stopped") return this.#stop(phases[position.phase]);
      this.#closeSpan(opened);
      Object.assign(position, { phase: position.phase + 1, epoch: 0, batch: 0 });
      await this.#checkpoint(opened.phase);
      await opened.runtime.rest();
    }
    return "completed";
  }

  /** Metrics of a phase's chosen weights on held-out rows; undefined where a stop came while its features were computed. */
  async test(index: number, rows: Uint32Array): Promise<Evaluation | undefined> {
    const opened = await this.#openPhase(index);
    const best = this.#state.best[index];
    if (opened === undefined || best === undefined) return undefined;
    // As they are exported: rounded where the model's own element types are narrower.
    const rounded = tensorsOf(best.weights, dtypesOf(this.#job.whole));
    const weights = new Map([...rounded].map(([name, tensor]) => [name, masterOf(tensor)] as const));
    return this.#evaluate(opened, rows, weights, this.#job.recipe.metrics);
  }

  #evaluate(
    { runtime, phase }: OpenPhase,
    rows: Uint32Array,
    weights: Weights,
    wanted: EvaluationOptions["wanted"],
  ): Promise<Evaluation | undefined> {
    const { stopRequested } = this.#options.hooks;
    return evaluateRows(runtime, this.#job.targets, rows, weights, { batchSize: phase.batchSize, wanted, stopRequested });
  }

  async close(): Promise<void> {
    for (const { runtime } of this.#open.values()) await runtime.close();
    this.#open.clear();
  }

  /** The phase compiled for the weights that it starts from; undefined where a stop came while its features were computed. */
  async #openPhase(index: number, onGraph?: (graph: OpenPhase["graph"]) => void): Promise<OpenPhase | undefined> {
    const known = this.#open.get(index);
    if (known !== undefined) return known;
    const opened = await openPhase(this.#job, index, startWeights(this.#state, index), this.#options, onGraph);
    if (opened !== undefined) this.#open.set(index, opened);
    return opened;
  }

  async #trainPhase(opened: OpenPhase): Promise<Ending> {
    const { phase, graph } = opened;
    const { position, trained } = this.#state;
    this.#beginPhase(opened);
    const update = new WeightUpdate(opened, this.#state);
    for (const name of [...graph.trainable, ...graph.movingStatistics]) trained.add(name);
    opened.runtime.features.expect(this.#gatherings(phase));
    while (position.epoch < phase.epochs && !this.#endsEarly(phase)) {
      if ((await this.#trainEpoch(opened, update)) === "stopped") return "stopped";
      if ((await this.#finishEpoch(opened)) === "stopped") return "stopped";
      Object.assign(position, { epoch: position.epoch + 1, batch: 0, totalEpochs: position.totalEpochs + 1 });
      this.#state.sums = emptySums();
    }
    const best = this.#state.best[position.phase];
    if (best !== undefined) restore(this.#state, best.weights);
    this.#state.averages.clear();
    return "completed";
  }

  #endsEarly({ name, earlyStopping }: SettledPhase): boolean {
    return earlyStopping !== undefined && stopsEarly(earlyStopping, validationLosses(this.#state, name));
  }

  /** Masters (and averages) for what trains, no optimizer state for what does not, and the hashes of what must not move. */
  #beginPhase({ graph, phase, frozen, start }: OpenPhase): void {
    const state = this.#state;
    const { position } = state;
    if (position.epoch > 0 || position.batch > 0) return;
    if (position.phase > 0 && this.#job.phases[position.phase - 1].optimizer.type !== phase.optimizer.type) state.optimizer.clear();
    const moving = new Set([...graph.trainable, ...graph.movingStatistics]);
    for (const { name, tensor } of graph.marked) if (moving.has(name)) masterFor(state, name, start.get(name) ?? tensor);
    for (const name of [...state.optimizer.keys()]) if (!moving.has(name)) state.optimizer.delete(name);
    if (phase.averageDecay !== undefined) startAverages(state, graph.trainable);
    state.spanBefore = hashTensors(frozen());
  }

  async #trainEpoch(opened: OpenPhase, update: WeightUpdate): Promise<Ending> {
    const { phase } = opened;
    const state = this.#state;
    const { position } = state;
    const steps = this.#stepsOf(phase, position.totalEpochs);
    const { schedule } = phase;
    const reductions = schedule.type === "reduceOnPlateau" ? countReductions(schedule, validationLosses(state, phase.name)) : 0;
    const started = performance.now();
    this.#waited = 0;
    let seen = 0;
    while (position.batch < steps.length) {
      if (this.#options.hooks.stopRequested()) return "stopped";
      const rows = steps[position.batch];
      const inPhase = position.epoch * steps.length + position.batch;
      const rateOf = (base: number): number => learningRateAt(schedule, base, inPhase, phase.epochs * steps.length, reductions);
      const loss = await this.#gatherStep(opened, update, rows);
      const report = update.apply(rateOf);
      position.batch += 1;
      position.step += 1;
      seen += rows.length;
      this.#options.hooks.emit({
        event: "step",
        phase: phase.name,
        step: position.step,
        epoch: position.epoch + 1,
        loss,
        learningRate: rateOf(phase.optimizer.learningRate),
        ...groupRates(phase, rateOf),
        ...report,
        samplesPerSecond: (seen * 1000) / (performance.now() - started),
        waited: Math.round(this.#waited),
      });
      // The runtime blocks this thread; messages such as a stop are read here.
      await new Promise(setImmediate);
      if (performance.now() - this.#lastCheckpoint > checkpointEvery) await this.#checkpoint(phase);
    }
    return "completed";
  }

  /** The rows of each step of an epoch, which counts on over the phases. */
  #stepsOf({ batchSize, accumulate }: SettledPhase, epoch: number): readonly Uint32Array[] {
    const { recipe, split, targets } = this.#job;
    const balance = recipe.sampling === "balanced" && targets.kind === "classes" ? targets.indices : undefined;
    return batches(epochRows(split.train, { seed: recipe.seed, epoch, shuffle: recipe.shuffle, balance }), batchSize * accumulate);
  }

  /** Samples in the order in which the rest of the phase reads them, if early stopping does not end it before. */
  *#gatherings(phase: SettledPhase): Generator<Gathering> {
    const { position } = this.#state;
    const { validation } = this.#job.split;
    let { batch, totalEpochs } = position;
    for (let { epoch } = position; epoch < phase.epochs; epoch += 1) {
      for (const rows of this.#stepsOf(phase, totalEpochs).slice(batch))
        for (const part of batches(rows, phase.batchSize)) yield { rows: [...part], epoch: totalEpochs };
      for (const part of batches(validation, phase.batchSize)) yield { rows: [...part] };
      batch = 0;
      totalEpochs += 1;
    }
  }

  /** Gathers the gradients of one step's rows, batch by batch; answers their mean loss. @throws run/diverged */
  async #gatherStep({ phase, runtime }: OpenPhase, update: WeightUpdate, rows: Uint32Array): Promise<number> {
    const { targets } = this.#job;
    const state = this.#state;
    const { step, epoch, totalEpochs } = state.position;
    const parts = batches(rows, phase.batchSize).map((part) => [...part]);
    const weights = parts.map((part) => lossWeight(targets, part, mixesOf(this.#job, part, totalEpochs)));
    const whole = weights.reduce((sum, weight) => sum + weight, 0);
    let loss = 0;
    for (const [i, part] of parts.entries()) {
      // Each batch of a step has dropout masks of its own.
      const result = await runtime.train(part, state.weights, step + i * 2 ** 32, totalEpochs);
      if (!Number.isFinite(result.loss)) throw errors.diverged(step + 1, epoch + 1, result.loss);
      this.#waited += result.waited;
      const share = weights[i] / whole;
      update.gather(result.gradients, share);
      state.sums = addBatch(state.sums, targets, part, result);
      loss += share * result.loss;
    }
    return loss;
  }

  /** @throws run/diverged where the epoch's last step left weights, or a validation loss, that are not finite */
  async #finishEpoch(opened: OpenPhase): Promise<Ending> {
    const { phase } = opened;
    const { recipe, split, targets } = this.#job;
    const { position, sums, weights, best, history } = this.#state;
    for (const [name, { data }] of weights)
      if (!Number.isFinite(sumOfSquares(data))) throw errors.weightsDiverged(name, position.step, position.epoch + 1);
    const train = setMetrics(sums, targets, recipe.metrics);
    const wanted = recipe.metrics.filter((metric) => metric !== "confusionMatrix");
    const held = split.validation.length === 0 ? undefined : await this.#evaluate(opened, split.validation, weightsThatCount(this.#state), wanted);
    // The position is still the epoch's end, so a resumed run validates again.
    if (split.validation.length > 0 && held === undefined) return "stopped";
    const validation = held?.metrics;
    if (validation !== undefined && !Number.isFinite(validation.loss)) throw errors.diverged(position.step, position.epoch + 1, validation.loss);
    const known = best[position.phase];
    if (isBetter(validation?.loss, known)) best[position.phase] = { epoch: position.epoch, loss: validation?.loss, weights: snapshotOf(this.#state) };
    const record = { phase: phase.name, epoch: position.epoch + 1, train, ...(validation === undefined ? {} : { validation }) };
    history.push(record);
    this.#options.hooks.emit({
      event: "epoch",
      ...record,
      waited: Math.round(this.#waited),
      ...(position.epoch + 1 < phase.epochs && this.#endsEarly(phase) ? { endsEarly: true } : {}),
    });
    return "completed";
  }

  /** Compares what was frozen with what it was when the span began. @throws check/proof */
  #closeSpan({ phase, frozen }: OpenPhase): void {
    const state = this.#state;
    const before: TensorHashes = state.spanBefore ?? {};
    const from = state.proofs.at(-1)?.steps[1] ?? 0;
    const changed = changedTensors(before, hashTensors(frozen(state.weights)));
    state.proofs.push({ phase: phase.name, steps: [from, state.position.step], before, changed, readBack: false });
    delete state.spanBefore;
    if (changed.length > 0) throw errors.proofFailed(phase.name, changed);
  }

  async #stop(phase: SettledPhase): Promise<Ending> {
    await this.#checkpoint(phase);
    return "stopped";
  }

  async #checkpoint(phase: SettledPhase): Promise<void> {
    await this.#options.checkpoint(phase);
    this.#lastCheckpoint = performance.now();
  }
}

/** The weights that a phase starts from: what the phase before it yielded. */
function startWeights({ best }: RunState, index: number): Snapshot {
  return index === 0 ? new Map() : (best[index - 1]?.weights ?? new Map());
}

/** Lower validation loss wins, the earlier epoch on a tie; without validation the latest epoch does. */
function isBetter(loss: number | undefined, known: PhaseBest | undefined): boolean {
  return loss === undefined || known?.loss === undefined || loss < known.loss;
}

/** The learning rate of each group, in the recipe's order; nothing where there are none. */
function groupRates({ groups, optimizer }: SettledPhase, rateOf: (base: number) => number): { readonly groupLearningRates?: readonly number[] } {
  return groups.length === 0 ? {} : { groupLearningRates: groups.map(({ learningRate = optimizer.learningRate }) => rateOf(learningRate)) };
}
