// Everything that changes while a run goes on: float32 masters of the trainable tensors, running statistics, optimizer state, the
// position, and the best weights of each phase. A checkpoint is this and nothing else.

import type { Tensor } from "../graph/types.js";
import { emptySum, type WeightedSum } from "../nn/metrics.js";
import type { HostTensor } from "../runtime/executor.js";
import { masterOf, tensorOfHost } from "../runtime/host-tensor.js";
import type { SpanProof, TensorHashes } from "./proof.js";

export interface Master extends HostTensor {
  readonly data: Float32Array;
}

/** Optimizer state of one tensor. */
export interface OptimizerState {
  /** Updates that this tensor has had. */
  step: number;
  readonly slots: Readonly<Record<string, Float32Array>>;
}

/** Where a run stands: the next thing to do is batch `batch` of epoch `epoch` of phase `phase`, all counted from 0. */
export interface Position {
  phase: number;
  epoch: number;
  batch: number;
  /** Steps since the run began. */
  step: number;
  /** Epochs since the run began. */
  totalEpochs: number;
}

/** Sums over the batches of an epoch that is not finished yet. */
export interface EpochSums {
  readonly loss: WeightedSum;
  /** Correct predictions, shares of labels told rightly, or absolute errors. */
  readonly score: WeightedSum;
}

/** Weights of one moment, by tensor name. */
export type Snapshot = ReadonlyMap<string, Master>;

export interface PhaseBest {
  /** Epoch within the phase, from 0. */
  readonly epoch: number;
  /** Validation loss; undefined where nothing is held out, and the last epoch counts. */
  readonly loss: number | undefined;
  readonly weights: Snapshot;
}

/** Metrics of one set of samples. All but errors and `rSquared` are from 0 to 1; what follows `meanAbsoluteError` is of held-out sets only. */
export interface SetMetrics {
  readonly loss: number;
  readonly accuracy?: number;
  readonly meanAbsoluteError?: number;
  /** Share of samples whose class is among those with the highest scores. */
  readonly topKAccuracy?: number;
  /** Means over classes or labels. */
  readonly precision?: number;
  readonly recall?: number;
  readonly f1?: number;
  readonly auc?: number;
  /** Mean over the columns of targets; below 0 where the mean would be the better guess. */
  readonly rSquared?: number;
}

export interface EpochRecord {
  readonly phase: string;
  /** Within the phase, from 1. */
  readonly epoch: number;
  readonly train: SetMetrics;
  readonly validation?: SetMetrics;
}

export interface RunState {
  readonly position: Position;
  sums: EpochSums;
  /** Masters and running statistics by the name of the model's tensor. What is not here has the model's own value. */
  readonly weights: Map<string, Master>;
  readonly optimizer: Map<string, OptimizerState>;
  /** Running averages of the weights that train, where the phase keeps them. */
  readonly averages: Map<string, Master>;
  readonly best: (PhaseBest | undefined)[];
  readonly history: EpochRecord[];
  readonly proofs: SpanProof[];
  /** Hashes of what is frozen in the span that is open, taken at its start. */
  spanBefore?: TensorHashes;
  /** Names of tensors that some span has trained, in the order of their first training. */
  readonly trained: Set<string>;
}

export function emptySums(): EpochSums {
  return { loss: emptySum, score: emptySum };
}

export function initialState(): RunState {
  return {
    position: { phase: 0, epoch: 0, batch: 0, step: 0, totalEpochs: 0 },
    sums: emptySums(),
    weights: new Map(),
    optimizer: new Map(),
    averages: new Map(),
    best: [],
    history: [],
    proofs: [],
    trained: new Set(),
  };
}

/** The master of a tensor, made from the model's value when it is first needed. */
export function masterFor(state: RunState, name: string, tensor: Tensor): Master {
  let master = state.weights.get(name);
  if (master === undefined) {
    master = masterOf(tensor);
    state.weights.set(name, master);
  }
  return master;
}

/** Validation losses of a phase's epochs so far. */
export function validationLosses({ history }: RunState, phase: string): readonly number[] {
  return history.flatMap((record) => (record.phase === phase && record.validation !== undefined ? [record.validation.loss] : []));
}

/** Averages of the named weights start from what these are. */
export function startAverages({ weights, averages }: RunState, names: readonly string[]): void {
  averages.clear();
  for (const name of names) {
    const master = weights.get(name);
    if (master !== undefined) averages.set(name, { ...master, data: master.data.slice() });
  }
}

/** The weights that count, for validation and at the end of a phase: averages in place of what they are kept for. */
export function weightsThatCount({ weights, averages }: RunState): Snapshot {
  return averages.size === 0 ? weights : new Map([...weights].map(([name, master]) => [name, averages.get(name) ?? master]));
}

/** A copy of the weights that count. */
export function snapshotOf(state: RunState): Snapshot {
  return new Map([...weightsThatCount(state)].map(([name, { dtype, shape, data }]) => [name, { dtype, shape, data: data.slice() }]));
}

/** Puts the weights of a snapshot back, in place; tensors that it does not know go back to the model's own value. */
export function restore(state: RunState, snapshot: Snapshot): void {
  for (const name of [...state.weights.keys()]) if (!snapshot.has(name)) state.weights.delete(name);
  for (const [name, { dtype, shape, data }] of snapshot) {
    const current = state.weights.get(name);
    if (current === undefined) state.weights.set(name, { dtype, shape, data: data.slice() });
    else current.data.set(data);
  }
}

/** The snapshot's tensors in the model's own element types, rounded where those are narrower. */
export function tensorsOf(snapshot: Snapshot, dtypeOf: (name: string) => Tensor["dtype"]): ReadonlyMap<string, Tensor> {
  return new Map([...snapshot].map(([name, master]) => [name, tensorOfHost(master, dtypeOf(name))]));
}

/** The phase with the lowest validation loss, the earlier one on a tie; the last one that yielded weights where nothing is held out. */
export function chooseBest({ best }: Pick<RunState, "best">): number {
  let chosen = best.findLastIndex((entry) => entry !== undefined);
  for (let i = chosen; i >= 0; i--) {
    const [loss, least] = [best[i]?.loss, best[chosen]?.loss];
    if (loss !== undefined && least !== undefined && loss <= least) chosen = i;
  }
  return chosen;
}
