// Whether a phase's samples are made by a feed, and what it is given to do: the one place where that is decided.

import { availableParallelism } from "node:os";
import { elementCount } from "../graph/dims.js";
import { byteSize, bytesOf } from "../graph/tensor.js";
import { encodeGraph } from "../onnx/encode.js";
import type { Executor } from "../runtime/executor.js";
import type { Provider } from "../runtime/providers.js";
import type { FeedJob, FeedPrefix } from "./feed.js";
import type { Job } from "./job.js";
import type { MakerOptions } from "./makers.js";
import type { SettledPhase } from "./phase-graph.js";
import type { RunnablePrefix } from "./prefix.js";
import { readSamples, type SampleJob } from "./samples.js";

/** Seconds of reading and transforming that a phase must have for a feed to be worth its start and its second copy of what is read. */
const worthwhile = 3;

/** Batches that a feed may be ahead of the step. */
const stepsAhead = 3;

/** Bytes that may lie ready, however large a batch is; two requests are always under way. */
const bytesAhead = 2 ** 28;

/** Constants of a prefix that can be sent: above this it would not fit into one message of protobuf. */
const largestPrefix = 1.8e9;

export interface FeedQuestion {
  readonly job: Job;
  readonly phase: Pick<SettledPhase, "batchSize" | "epochs">;
  /** Samples are made anew for each step: they are augmented, or there is no room to keep what is made. */
  readonly inSteps: boolean;
  /** Samples that are made once, before the first step. */
  readonly toFill: number;
  readonly runnable: RunnablePrefix | undefined;
  readonly making: MakerOptions;
  readonly executor: Executor;
  /** Always where true, never where false, else where it pays. */
  readonly wanted: boolean | undefined;
}

/** What a feed is given to do. */
export interface FeedWork {
  /** Made anew for each start: parts of it move to the feed. */
  readonly describe: () => FeedJob;
  /** It runs the frozen prefix, and answers features. */
  readonly makesFeatures: boolean;
  readonly limit: number;
}

/**
 * A feed is used for samples that are made in steps where the runtime's threads leave a core to it. Where they do not, and for what is made
 * once before the first step, it is used where there is a second core and reading and transforming takes long (as the time of one batch
 * tells): on two cores it then took a sixth to a quarter off the time of a phase, but with a light transform it took nothing off, since the
 * runtime's threads had the cores already.
 *
 * What it makes for steps goes through the frozen prefix there, beside the step; what is made once comes as samples, and the prefix runs here
 * on all cores. Undefined where there is to be none.
 */
export async function feedFor(question: FeedQuestion): Promise<FeedWork | undefined> {
  const { job, phase, inSteps, toFill, wanted, making } = question;
  if (wanted === false || (toFill === 0 && !inSteps)) return undefined;
  if (wanted === undefined && !(await pays(question))) return undefined;
  const prefix = inSteps ? feedPrefix(question) : undefined;
  const { values, batchSize } = making;
  const shapes = prefix === undefined ? [{ dtype: job.input.type.dtype, shape: job.input.sampleShape }] : values;
  const bytes = batchSize * shapes.reduce((sum, { dtype, shape }) => sum + byteSize(dtype, elementCount(shape)), 0);
  const wantedAhead = Math.ceil((stepsAhead * phase.batchSize) / batchSize);
  return {
    describe: () => ({
      data: job.recipe.data,
      folder: job.recipe.folder,
      rows: job.rows,
      ...(job.channels === undefined ? {} : { channels: job.channels }),
      contentHash: job.source.contentHash,
      seed: job.recipe.seed,
      train: job.split.train,
      input: job.input,
      batchSize,
      ...(prefix === undefined ? {} : { prefix: prefix() }),
    }),
    makesFeatures: prefix !== undefined,
    limit: Math.max(2, Math.min(wantedAhead, Math.floor(bytesAhead / bytes))),
  };
}

function feedPrefix({ runnable, making, executor }: FeedQuestion): (() => FeedPrefix) | undefined {
  if (runnable === undefined) return undefined;
  const constants = [...runnable.graph.initializers.values()].reduce((sum, tensor) => sum + bytesOf(tensor).byteLength, 0);
  if (constants > largestPrefix) return undefined;
  return () => ({
    model: encodeGraph(runnable.graph),
    inFloat32: runnable.inFloat32,
    boundary: making.values.map(({ name }) => name),
    provider: executor.provider as Provider,
    threads: executor.threads,
    ...(executor.spinning === undefined ? {} : { spinning: executor.spinning }),
  });
}

async function pays(question: FeedQuestion): Promise<boolean> {
  const cores = availableParallelism();
  return (question.inSteps && cores > question.executor.threads) || (cores > 1 && (await isSlow(question)));
}

/** Reads one batch twice, the second time with the clock running. */
async function isSlow({ job, phase, inSteps, toFill, making }: FeedQuestion): Promise<boolean> {
  const { train } = job.split;
  const count = Math.min(making.batchSize, job.source.count);
  const indices = Array.from({ length: count }, (_, i) => i);
  const perSample = (await secondsOf(job, indices, inSteps ? 0 : undefined)) / count;
  const samples = toFill + (inSteps ? train.length * phase.epochs : 0);
  return perSample * samples > worthwhile;
}

async function secondsOf(job: SampleJob, indices: readonly number[], epoch: number | undefined): Promise<number> {
  await readSamples(job, indices, indices.length, epoch);
  const started = performance.now();
  await readSamples(job, indices, indices.length, epoch);
  return (performance.now() - started) / 1000;
}
