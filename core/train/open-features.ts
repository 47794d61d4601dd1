// Opens the features of a phase: what they are, where they are kept, and who makes them.

import { arch, cpus, totalmem } from "node:os";
import * as errors from "../errors.js";
import { elementCount, isStatic } from "../graph/dims.js";
import { byteSize, bytesOf } from "../graph/tensor.js";
import type { Graph, TensorType } from "../graph/types.js";
import { encodeGraph } from "../onnx/encode.js";
import { bindInputs } from "../passes/specialise.js";
import type { Executor } from "../runtime/executor.js";
import type { TrainHooks } from "./events.js";
import { CachedFeatures, cachedValues, cacheKey, defaultCacheLimit } from "./feature-cache.js";
import { feedFor } from "./feed-rule.js";
import { FeatureStore, type FeatureMaker, type FeatureValue } from "./features.js";
import type { Job } from "./job.js";
import { FedMaker, LocalMaker, type MakerOptions } from "./makers.js";
import type { PhaseGraph, SettledPhase } from "./phase-graph.js";
import { Prefix, runnablePrefix } from "./prefix.js";
import { readSamples } from "./samples.js";

/** The prefix always runs on this many samples, padded where there are fewer, so that a warm cache and a cold one give the same bits. */
const freeBatch = 16;

export interface FeatureContext {
  readonly executor: Executor;
  readonly hooks: TrainHooks;
  /** Whether samples are made by a feed: as `TrainRequest.feed`. */
  readonly feed?: boolean;
  /** Where features are kept between runs; undefined for nowhere. */
  readonly cacheFolder?: string;
  /** Bytes that they may take there. */
  readonly cacheBytes?: number;
  /** The prefix of a phase has run once more. */
  readonly onPrefixRun: (phase: string) => void;
}

/** The features of one phase: results of its prefix, or the transformed samples where nothing is frozen before what trains. */
export async function openFeatures(
  job: Job,
  phase: SettledPhase,
  { prefix: frozen, boundary }: PhaseGraph,
  context: FeatureContext,
): Promise<FeatureStore> {
  const { executor, hooks, cacheFolder } = context;
  const { name: input, type, sampleShape } = job.input;
  const batchSize = frozen !== undefined && !job.batch.free ? 1 : freeBatch;
  const runnable = frozen && runnablePrefix(bindInputs(frozen, new Map([[input, { ...type, shape: [batchSize, ...sampleShape] }]])));
  let executions = 0;
  const onRun = (): void => {
    executions += 1;
    context.onPrefixRun(phase.name);
  };
  const prefix = runnable && new Prefix({ ...runnable, input, executor, onRun });
  const kept = keptSamples(job);
  const samples = kept?.length ?? job.source.count;
  const place =
    runnable === undefined || cacheFolder === undefined ? undefined : { folder: cacheFolder, key: keyOf(job, runnable.graph, boundary, executor) };
  const values = await featureValues(job, boundary, runnable && prefix && { ...runnable, batchSize, run: (s) => prefix.run(s) }, place);
  const warn = (cause: unknown): void => {
    const { code, message, hint } = errors.cacheUnusable(cacheFolder ?? "", cause);
    hooks.emit({ event: "warning", code, message: `${message}.`, ...(hint === undefined ? {} : { hint }) });
  };
  const noCache = (cause: unknown): undefined => {
    warn(cause);
    return undefined;
  };
  const cache = place === undefined || samples === 0 ? undefined : await openCache(samples, values, place, context.cacheBytes).catch(noCache);
  const memoryLimit = Math.min(2e9, totalmem() / 4);
  const making: MakerOptions = { values, batchSize, input, prefix, executions: () => executions };
  const recordBytes = values.reduce((sum, { dtype, shape }) => sum + byteSize(dtype, elementCount(shape)), 0);
  const inSteps = kept !== undefined || (cache === undefined && samples * recordBytes > memoryLimit);
  const fed = await feedFor({ job, phase, inSteps, toFill: samples - (cache?.count ?? 0), runnable, making, executor, wanted: context.feed });
  const start = hooks.startFeed;
  const maker: FeatureMaker =
    fed === undefined || start === undefined ? new LocalMaker(job, making) : new FedMaker({ ...making, ...fed, start, onPrefixRun: onRun });
  return new FeatureStore(maker, {
    samples: job.source.count,
    ...(kept === undefined ? {} : { kept }),
    cache,
    memoryLimit,
    onProgress: (progress) => {
      if (prefix !== undefined && samples > 0) hooks.emit({ event: "cache", phase: phase.name, samples, ...progress });
    },
    stopRequested: hooks.stopRequested,
    onCacheError: warn,
  });
}

/** Where features are kept. */
interface CachePlace {
  readonly folder: string;
  readonly key: string;
}

function keyOf(job: Job, prefix: Graph, boundary: readonly string[], executor: Executor): string {
  // Tensors apart: one message could not hold those of a large model.
  const tensors = [...prefix.initializers].flatMap(([name, tensor]) => [`${name} ${tensor.dtype} ${tensor.shape.join()}`, bytesOf(tensor)]);
  return cacheKey([
    encodeGraph({ ...prefix, initializers: new Map() }),
    ...tensors,
    JSON.stringify(boundary),
    job.source.contentHash,
    job.transform.description,
    keptSamples(job)?.join() ?? "",
    executor.description,
    String(executor.threads),
    `${arch()} ${cpus()[0]?.model ?? ""}`,
  ]);
}

function openCache(
  count: number,
  values: readonly FeatureValue[],
  { folder, key }: CachePlace,
  limit = defaultCacheLimit,
): Promise<CachedFeatures | undefined> {
  return CachedFeatures.open(folder, key, { values, count, limit });
}

/** The held-out samples where those that train are augmented: features of these serve in one epoch only. Undefined for all samples. */
function keptSamples({ augmentation, split: { validation, test } }: Job): Uint32Array | undefined {
  return augmentation && Uint32Array.from([...validation, ...test]).sort();
}

/**
 * Type and shape of one sample at each value of the frost line. Where the shape rules do not tell: as an earlier run found them, or found by
 * running one sample.
 */
async function featureValues(
  job: Job,
  boundary: readonly string[],
  prefix: { readonly graph: Graph; readonly batchSize: number; readonly run: Prefix["run"] } | undefined,
  place: CachePlace | undefined,
): Promise<readonly FeatureValue[]> {
  const outputs = new Map(prefix?.graph.outputs.map(({ name, type }) => [name, type as TensorType | undefined]));
  const known = boundary.map((name) => {
    if (name === job.input.name) return { name, dtype: job.input.type.dtype, shape: [1, ...job.input.sampleShape] };
    const type = outputs.get(name);
    const rest = type?.shape?.slice(1);
    return type !== undefined && isStatic(rest) ? { name, dtype: type.dtype, shape: [1, ...rest] } : undefined;
  });
  if (known.every((value) => value !== undefined)) return known;
  const kept = place === undefined ? undefined : await cachedValues(place.folder, place.key);
  if (kept !== undefined) return kept;
  const made = await prefix?.run(await readSamples(job, [0], prefix.batchSize));
  return boundary.map((name, i) => {
    const tensor = made?.[name];
    return known[i] ?? { name, dtype: tensor?.dtype ?? "float32", shape: [1, ...(tensor?.shape.slice(1) ?? [])] };
  });
}
