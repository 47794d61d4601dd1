// What a training run is asked for and what it reports: the events that `frostline train --json` prints, one object a line, and that
// the run's `events.jsonl` keeps. Plain data only: all of it crosses to other threads and processes.

import type { BlockedReason, Mark } from "../autodiff/freeze.js";
import type { ErrorCode } from "../errors.js";
import type { Feed } from "./feed.js";
import type { ProofSummary } from "./proof.js";
import type { SetMetrics } from "./state.js";

/** A run to start, or to take up again. */
export interface TrainRequest {
  readonly recipePath: string;
  /** The recipe's text where it is not (yet) what the file holds; paths in it are relative to `recipePath` all the same. */
  readonly recipeText?: string;
  /** Id or folder of a stopped run of this recipe that is to go on. */
  readonly resume?: string;
  /** Execution provider in place of the recipe's. */
  readonly provider?: string;
  /** Keep features of the frozen part on disk, and use those that are there (default true). */
  readonly cache?: boolean;
  /** Whether samples are made ahead of the steps, in a worker of their own: always, or never; left out: where it pays. Same results in any case. */
  readonly feed?: boolean;
  /** What holds where the recipe says nothing. */
  readonly defaults?: { readonly provider?: string; readonly threads?: number; readonly cacheBytes?: number };
  /** Folder for kept features (default `.frostline/cache` beside the recipe); relative to the recipe's. */
  readonly cacheFolder?: string;
  /** Folder for runs (default `.frostline/runs` beside the recipe); relative to the recipe's. */
  readonly runsFolder?: string;
  /** Whether the runtime's threads stay awake between two operators (default true: faster small steps, while nobody else needs the cores). */
  readonly spinning?: boolean;
}

/** Counts of elements by mark; `parameters` is the sum of `trainable`, `frozen` and `blocked`. */
export interface MarkTotals {
  readonly parameters: number;
  readonly trainable: number;
  readonly frozen: number;
  readonly blocked: number;
  readonly buffers: number;
}

/** A line of the freeze table: what one layer holds under one mark. */
export interface PlanRow {
  readonly layer: string;
  readonly mark: Mark;
  readonly reason?: BlockedReason;
  readonly tensors: number;
  readonly elements: number;
}

/** A phase is about to start. */
export interface PlanEvent {
  readonly event: "plan";
  readonly run: string;
  /** Path of the base model. */
  readonly model: string;
  /** What computes, and why. */
  readonly provider: { readonly name: string; readonly runtime: string; readonly threads: number; readonly reason: string };
  readonly phase: string;
  /** Position of the phase, from 1, among `phases`. */
  readonly index: number;
  readonly phases: number;
  readonly layers: readonly PlanRow[];
  readonly totals: MarkTotals;
  /** Value that the frozen prefix ends at, where there is one. */
  readonly prefix?: string;
  /** Training samples are augmented: the prefix runs for each of them in each epoch. */
  readonly augmented?: true;
  readonly samples: { readonly train: number; readonly validation: number; readonly test: number };
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** Steps of all phases together. */
  readonly totalSteps: number;
}

/** Features of the frozen part are being computed or were found. */
export interface CacheEvent {
  readonly event: "cache";
  readonly phase: string;
  /** Samples whose features are there. */
  readonly done: number;
  readonly samples: number;
  /** How many of them came from an earlier run. */
  readonly reused: number;
  /** Runs of the frozen prefix so far. */
  readonly executions: number;
}

export interface StepEvent {
  readonly event: "step";
  readonly phase: string;
  /** Steps since the run began, from 1. */
  readonly step: number;
  /** Epoch within the phase, from 1. */
  readonly epoch: number;
  /** Mean over the samples of the step. */
  readonly loss: number;
  readonly learningRate: number;
  /** Learning rate of each of `optimizer.groups`, in their order; absent where there are none. */
  readonly groupLearningRates?: readonly number[];
  /** Length of all gradients together before they were scaled to `optimizer.clip.norm`; absent without that limit. */
  readonly gradientNorm?: number;
  readonly samplesPerSecond: number;
  /** Milliseconds that the steps of this epoch have waited for their samples so far. */
  readonly waited: number;
}

export interface EpochEvent {
  readonly event: "epoch";
  readonly phase: string;
  /** Within the phase, from 1. */
  readonly epoch: number;
  readonly train: SetMetrics;
  readonly validation?: SetMetrics;
  /** Early stopping makes this the phase's last epoch. */
  readonly endsEarly?: boolean;
  /** Milliseconds that its steps have waited for their samples. */
  readonly waited: number;
}

export interface CheckpointEvent {
  readonly event: "checkpoint";
  readonly phase: string;
  readonly step: number;
  readonly path: string;
}

/** Something that the author should know and that does not end the run. */
export interface WarningEvent {
  readonly event: "warning";
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

export interface ErrorEvent {
  readonly event: "error";
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

/** Counts of test samples: `counts[actual][predicted]`. */
export interface ConfusionMatrix {
  readonly labels: readonly string[];
  readonly counts: readonly (readonly number[])[];
}

/** The weights that a phase yielded, and how they do. */
export interface PhaseMetrics {
  readonly phase: string;
  /** The epoch that was chosen, from 1. */
  readonly epoch: number;
  readonly validation?: SetMetrics;
  readonly test?: SetMetrics;
}

export interface DoneEvent {
  readonly event: "done";
  /** `earlyStop`: completed as well, but early stopping ended the last phase before its last epoch. */
  readonly reason: "completed" | "stopped" | "earlyStop";
  readonly metrics: {
    /** Of the weights that are exported. */
    readonly test?: SetMetrics;
    readonly validation?: SetMetrics;
    readonly phases: readonly PhaseMetrics[];
    /** Phase whose weights are exported. */
    readonly best?: string;
  };
  readonly confusionMatrix?: ConfusionMatrix;
  readonly proof: ProofSummary;
  /** Path of the base model. */
  readonly model: string;
  /** Absolute path of the exported model; absent where nothing was exported. */
  readonly output?: string;
  /** Id of the run. */
  readonly run: string;
  /** The run's folder. */
  readonly folder: string;
  readonly seconds: number;
}

/** What a run reports while it goes on. It ends with `done`, or with an error that the caller turns into an `error` event. */
export type TrainEvent = PlanEvent | CacheEvent | StepEvent | EpochEvent | CheckpointEvent | WarningEvent | ErrorEvent | DoneEvent;

export type TrainResult = DoneEvent;

/** How a run speaks to whoever started it. */
export interface TrainHooks {
  readonly emit: (event: TrainEvent) => void;
  /** Asked between steps and between batches of the frozen part; true ends the run with a checkpoint. */
  readonly stopRequested: () => boolean;
  /** Starts a worker that makes samples ahead of the steps; left out: they are made where the run goes on. */
  readonly startFeed?: () => Feed;
}
