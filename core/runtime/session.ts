// What native.ts and web.ts share: a session of either runtime as a `Program`, and the runtime's words without what only its authors
// understand.

import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import * as errors from "../errors.js";
import type { TypedArray } from "../graph/tensor.js";
import type { Graph } from "../graph/types.js";
import type { HostTensor, Program } from "./executor.js";

/** The part of a runtime that sessions need; the two packages agree on it. */
export type Runtime = Pick<typeof import("onnxruntime-node"), "InferenceSession" | "Tensor">;

/** The runtime's optimisers take time with the square of a graph's nodes: minutes, beyond this many. */
const mostOptimised = 12_000;

/** Options that every session has. */
export function sessionOptions({ nodes }: Graph, optimise: boolean): InferenceSession.SessionOptions {
  return {
    executionMode: "sequential",
    interOpNumThreads: 1,
    graphOptimizationLevel: optimise && nodes.length <= mostOptimised ? "all" : "disabled",
    // The pattern of the first run is allocated once more beside what that run left in the arena: a third of a step's memory, and no faster.
    enableMemPattern: false,
    logSeverityLevel: 4,
  };
}

/** Whether a session writes to the memory of tensors that it is given for its outputs, or its results are copied there. */
export type OutputMemory = "written" | "copied";

export class SessionProgram implements Program {
  readonly #runtime: Runtime;
  readonly #session: InferenceSession;
  readonly #outputMemory: OutputMemory;
  /** Wrappers of tensors that are fed again and again, such as weights; the runtime sees changes made in place. */
  readonly #wrapped = new WeakMap<HostTensor, OrtTensor>();

  constructor(runtime: Runtime, session: InferenceSession, outputMemory: OutputMemory) {
    this.#runtime = runtime;
    this.#session = session;
    this.#outputMemory = outputMemory;
  }

  async run(
    feeds: Readonly<Record<string, HostTensor>>,
    into: Readonly<Record<string, HostTensor>> = {},
  ): Promise<Readonly<Record<string, HostTensor>>> {
    const wrappedFeeds: Record<string, OrtTensor> = {};
    for (const [name, tensor] of Object.entries(feeds)) wrappedFeeds[name] = this.#wrap(tensor);
    const written = this.#outputMemory === "written";
    const fetches: Record<string, OrtTensor | null> = {};
    for (const name of this.#session.outputNames) fetches[name] = written && name in into ? this.#wrap(into[name]) : null;
    let results: InferenceSession.OnnxValueMapType;
    try {
      results = await this.#session.run(wrappedFeeds, fetches);
    } catch (cause) {
      throw errors.runtimeFailed(reasonOf(cause));
    }
    const outputs: Record<string, HostTensor> = {};
    for (const [name, value] of Object.entries(results)) {
      outputs[name] = into[name] ?? hostTensor(value);
      if (!written && name in into) into[name].data.set(dataOf(value) as never);
    }
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
  return { dtype: value.type, shape: value.dims, data: dataOf(value) };
}

/** Half floats are their bits, also where the engine has arrays of half floats. */
function dataOf({ type, data }: OrtTensor): TypedArray {
  const array = data as TypedArray;
  return type === "float16" && !(array instanceof Uint16Array) ? new Uint16Array(array.buffer, array.byteOffset, array.length) : array;
}

/** The runtime's own words on one line, without its source locations. */
export function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text
    .replace(/\s*\/\S+\.(cc|h):\d+\s+(.*was false\. )?/g, " ")
    .replace(/\s*Require stack:.*/s, "")
    .replace(/\s+/g, " ")
    .trim();
}
