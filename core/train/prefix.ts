// The frozen prefix at work: runs it on samples in batches of one fixed size, and opens the store that keeps what it gives.

import { arch, cpus, totalmem } from "node:os";
import * as errors from "../errors.js";
import { isStatic } from "../graph/dims.js";
import { bytesOf } from "../graph/tensor.js";
import type { Graph, TensorType } from "../graph/types.js";
import { encodeGraph } from "../onnx/encode.js";
import { inferGraph } from "../ops/infer.js";
import { bindInputs } from "../passes/specialise.js";
import { upgradeOpset } from "../passes/upgrade-opset.js";
import { inFloat32 } from "../passes/float32.js";
import type { Executor, HostTensor, Program } from "../runtime/executor.js";
import { asFloat32 } from "../runtime/host-tensor.js";
import type { TrainHooks } from "./events.js";
import { CachedFeatures, cachedValues, cacheKey, defaultCacheLimit } from "./feature-cache.js";
import { FeatureStore, type FeatureMaker, type FeatureValue } from "./features.js";
import type { Job } from "./job.js";
import type { PhaseGraph } from "./phase-graph.js";
import { readSamples } from "./samples.js";

/** The prefix always runs on this many samples, padded where there are fewer, so that a warm cache and a cold one give the same bits. */
const freeBatch = 16;

export interface FeatureContext {
  readonly executor: Executor;
  readonly hooks: TrainHooks;
  /** Where features are kept between runs; undefined for nowhere. */
  readonly cacheFolder?: string;
  /** The prefix of a phase has run once more. */
  readonly onPrefixRun: (phase: string) => void;
}

/** Compiled when it first runs: with a warm cache it never does. */
class Prefix {
  /** How often it ran. */
  executions = 0;
  readonly graph: Graph;
  /** Samples in each run. */
  readonly batchSize: number;
  readonly #context: FeatureContext;
  readonly #phase: string;
  readonly #input: string;
  readonly #inFloat32: boolean;
  #program: Program | undefined;

  constructor(graph: Graph, job: Job, phase: string, context: FeatureContext) {
    const { name, type, sampleShape } = job.input;
    this.batchSize = job.batch.free ? freeBatch : 1;
    this.graph = runnable(bindInputs(graph, new Map([[name, { ...type, shape: [this.batchSize, ...sampleShape] }]])));
    this.#inFloat32 = usesBfloat16(graph);
    this.#context = context;
    this.#phase = phase;
    this.#input = name;
  }

  async run(samples: HostTensor): Promise<Readonly<Record<string, HostTensor>>> {
    this.#program ??= await this.#context.executor.compile(this.graph);
    this.executions += 1;
    this.#context.onPrefixRun(this.#phase);
    return this.#program.run({ [this.#input]: this.#inFloat32 ? asFloat32(samples) : samples });
  }

  async release(): Promise<void> {
    await this.#program?.dispose();
    this.#program = undefined;
  }
}

/** The CPU kernels have no bfloat16: a graph with it runs in float32, on samples in float32. */
function runnable(graph: Graph): Graph {
  return usesBfloat16(graph) ? inFloat32(graph) : graph;
}

function usesBfloat16(graph: Graph): boolean {
  return [...inferGraph(upgradeOpset(graph)).values()].some(({ type }) => type?.dtype === "bfloat16");
}

/** The features of one phase: results of its prefix, or the transformed samples where nothing is frozen before what trains. */
export async function openFeatures(
  job: Job,
  phase: string,
  { prefix: frozen, boundary }: PhaseGraph,
  context: FeatureContext,
): Promise<FeatureStore> {
  const prefix = frozen === undefined ? undefined : new Prefix(frozen, job, phase, context);
  const batchSize = prefix?.batchSize ?? freeBatch;
  const { cacheFolder } = context;
  const kept = keptSamples(job);
  const samples = kept?.length ?? job.source.count;
  const place =
    prefix === undefined || cacheFolder === undefined
      ? undefined
      : { folder: cacheFolder, key: keyOf(job, prefix.graph, boundary, context.executor) };
  const values = await featureValues(job, boundary, prefix, place);
  const maker: FeatureMaker = {
    values,
    batchSize,
    executions: () => prefix?.executions ?? 0,
    make: async (indices, epoch) => {
      const samples = await readSamples(job, indices, prefix === undefined ? indices.length : batchSize, epoch);
      const made = { ...(await prefix?.run(samples)), [job.input.name]: samples };
      return boundary.map((name) => made[name]);
    },
    release: async () => prefix?.release(),
  };
  const warn = (cause: unknown): void => {
    const { code, message, hint } = errors.cacheUnusable(cacheFolder ?? "", cause);
    context.hooks.emit({ event: "warning", code, message: `${message}.`, ...(hint === undefined ? {} : { hint }) });
  };
  const noCache = (cause: unknown): undefined => {
    warn(cause);
    return undefined;
  };
  return new FeatureStore(maker, {
    samples: job.source.count,
    ...(kept === undefined ? {} : { kept }),
    cache: place === undefined || samples === 0 ? undefined : await openCache(job, samples, values, place).catch(noCache),
    memoryLimit: Math.min(2e9, totalmem() / 4),
    onProgress: (progress) => {
      if (prefix !== undefined && samples > 0) context.hooks.emit({ event: "cache", phase, samples, ...progress });
    },
    stopRequested: context.hooks.stopRequested,
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

function openCache(job: Job, count: number, values: readonly FeatureValue[], { folder, key }: CachePlace): Promise<CachedFeatures | undefined> {
  return CachedFeatures.open(folder, key, { values, count, limit: job.recipe.cache?.bytes ?? defaultCacheLimit });
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
  prefix: Prefix | undefined,
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
