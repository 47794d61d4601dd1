// Runs graphs on onnxruntime for tests: encode, compile, feed, fetch. One thread, so that suites do not fight over cores.

import * as ort from "onnxruntime-node";
import type { TypedArray } from "../../core/graph/tensor.js";
import { typedArrayOf } from "../../core/graph/tensor.js";
import type { Graph, Tensor } from "../../core/graph/types.js";
import { encodeGraph } from "../../core/onnx/encode.js";
import type { HostTensor } from "../../core/runtime/executor.js";

export type Tensors = Readonly<Record<string, HostTensor>>;

/** A graph that is ready to run, any number of times. */
export interface CompiledGraph {
  run(feeds: Tensors): Promise<Tensors>;
  release(): Promise<void>;
}

export interface RunOptions {
  /** The runtime's graph optimisations, which may fuse nodes (default true). */
  readonly optimise?: boolean;
}

export async function compileGraph(graph: Graph, { optimise = true }: RunOptions = {}): Promise<CompiledGraph> {
  const session = await ort.InferenceSession.create(encodeGraph(graph), {
    executionProviders: ["cpu"],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    graphOptimizationLevel: optimise ? "all" : "disabled",
    logSeverityLevel: 4,
  });
  const names = session.inputNames;
  return {
    run: async (feeds) => {
      const wrapped: Record<string, ort.Tensor> = {};
      for (const name of names) if (name in feeds) wrapped[name] = wrap(feeds[name]);
      const results = await session.run(wrapped);
      const outputs: Record<string, HostTensor> = {};
      for (const [name, { type, dims, data }] of Object.entries(results)) outputs[name] = { dtype: type, shape: dims, data: data as TypedArray };
      return outputs;
    },
    release: () => session.release(),
  };
}

/** Runs a graph once. Feeds that it does not ask for are ignored. */
export async function runGraph(graph: Graph, feeds: Tensors = {}, options: RunOptions = {}): Promise<Tensors> {
  const compiled = await compileGraph(graph, options);
  const outputs = await compiled.run(feeds);
  await compiled.release();
  return outputs;
}

/** The IR's tensor as one that can be fed. */
export function fed(tensor: Tensor): HostTensor {
  return { dtype: tensor.dtype, shape: tensor.shape, data: typedArrayOf(tensor) };
}

/** The elements as numbers. */
export function numbers(tensor: HostTensor): readonly number[] {
  return Array.from(tensor.data as Float64Array, Number);
}

function wrap(tensor: HostTensor): ort.Tensor {
  return new ort.Tensor(tensor.dtype as "float32", tensor.data as Float32Array, tensor.shape);
}
