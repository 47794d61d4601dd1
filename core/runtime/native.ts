// The native executor: onnxruntime-node's CPU kernels. Sessions are made from encoded graphs in memory; graphs that pass protobuf's
// 2 GB limit go through a temporary file with external data.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import * as errors from "../errors.js";
import { bytesOf, type TypedArray } from "../graph/tensor.js";
import type { Graph } from "../graph/types.js";
import { encodeGraph } from "../onnx/encode.js";
import { writeModel } from "../onnx/file.js";
import type { CompileOptions, Executor, HostTensor, Program } from "./executor.js";

type Runtime = typeof import("onnxruntime-node");

/** Above this many bytes of constants a graph is handed over as a file: protobuf ends at 2 GiB. */
const inMemoryLimit = 1.8e9;

/** Loads the native runtime. @throws run/runtime-missing where there is no binary for this platform */
export async function createNativeExecutor(threads: number): Promise<Executor> {
  let runtime: Runtime;
  try {
    runtime = await import("onnxruntime-node");
  } catch (cause) {
    throw errors.runtimeMissing(reasonOf(cause));
  }
  const version = runtime.env.versions.node ?? runtime.env.versions.common;
  return {
    description: `onnxruntime-node ${version} cpu`,
    provider: "cpu",
    threads,
    compile: (graph, options) => compile(runtime, graph, threads, options),
  };
}

async function compile(runtime: Runtime, graph: Graph, threads: number, { optimise = true }: CompileOptions = {}): Promise<Program> {
  const options: InferenceSession.SessionOptions = {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: optimise ? "all" : "disabled",
    logSeverityLevel: 4,
  };
  try {
    const session = await createSession(runtime, graph, options);
    return new NativeProgram(runtime, session);
  } catch (cause) {
    throw errors.compileFailed(graph.name, reasonOf(cause));
  }
}

async function createSession(runtime: Runtime, graph: Graph, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  const constants = [...graph.initializers.values()].reduce((sum, tensor) => sum + bytesOf(tensor).byteLength, 0);
  if (constants < inMemoryLimit) return runtime.InferenceSession.create(encodeGraph(graph), options);
  const folder = await mkdtemp(join(tmpdir(), "frostline-"));
  try {
    const path = join(folder, "model.onnx");
    await writeModel({ graph, irVersion: 10, producerName: "frostline", producerVersion: "", metadata: new Map() }, path);
    return await runtime.InferenceSession.create(path, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

class NativeProgram implements Program {
  readonly #runtime: Runtime;
  readonly #session: InferenceSession;
  /** Wrappers of tensors that are fed again and again, such as weights; the runtime sees changes made in place. */
  readonly #wrapped = new WeakMap<HostTensor, OrtTensor>();

  constructor(runtime: Runtime, session: InferenceSession) {
    this.#runtime = runtime;
    this.#session = session;
  }

  async run(
    feeds: Readonly<Record<string, HostTensor>>,
    into: Readonly<Record<string, HostTensor>> = {},
  ): Promise<Readonly<Record<string, HostTensor>>> {
    const wrappedFeeds: Record<string, OrtTensor> = {};
    for (const [name, tensor] of Object.entries(feeds)) wrappedFeeds[name] = this.#wrap(tensor);
    const fetches: Record<string, OrtTensor | null> = {};
    for (const name of this.#session.outputNames) fetches[name] = name in into ? this.#wrap(into[name]) : null;
    let results: InferenceSession.OnnxValueMapType;
    try {
      results = await this.#session.run(wrappedFeeds, fetches);
    } catch (cause) {
      throw errors.runtimeFailed(reasonOf(cause));
    }
    const outputs: Record<string, HostTensor> = {};
    for (const [name, value] of Object.entries(results)) outputs[name] = into[name] ?? hostTensor(value);
    return outputs;
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }

  #wrap(tensor: HostTensor): OrtTensor {
    const known = this.#wrapped.get(tensor);
    if (known !== undefined) return known;
    const wrapped = new this.#runtime.Tensor(tensor.dtype as "float32", tensor.data as Float32Array, tensor.shape);
    this.#wrapped.set(tensor, wrapped);
    return wrapped;
  }
}

function hostTensor(value: OrtTensor): HostTensor {
  return { dtype: value.type, shape: value.dims, data: value.data as TypedArray };
}

/** The runtime's own words without its source locations. */
function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.replace(/\s*\/\S+\.(cc|h):\d+\s+/g, " ").trim();
}
