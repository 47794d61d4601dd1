// What every executor offers: compile a graph once, run it many times on tensors in host memory. Which runtime does it is decided in
// `select.ts`; nothing outside this folder imports one.

import type { TypedArray } from "../graph/tensor.js";
import type { DType, Graph } from "../graph/types.js";

/** A tensor in host memory. Half floats are their bits in a Uint16Array. */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

export interface CompileOptions {
  /** Run the runtime's own graph optimisations (default true). Turned off only to compare against them. */
  readonly optimise?: boolean;
}

/** A compiled graph. One run at a time; it blocks its thread while it runs. */
export interface Program {
  /**
   * Runs the graph. An output named in `into` is written to that tensor's memory; the others are freshly allocated.
   * @throws run/runtime
   */
  run(feeds: Readonly<Record<string, HostTensor>>, into?: Readonly<Record<string, HostTensor>>): Promise<Readonly<Record<string, HostTensor>>>;
  dispose(): Promise<void>;
}

export interface Executor {
  /** Runtime, version and provider, as cache keys and run records name it: `onnxruntime-node 1.27.0 cpu`. */
  readonly description: string;
  readonly provider: string;
  readonly threads: number;
  /** Whether its threads stay awake between two operators; absent where it does not say. */
  readonly spinning?: boolean;
  /** @throws run/compile where the runtime refuses the graph */
  compile(graph: Graph, options?: CompileOptions): Promise<Program>;
}
