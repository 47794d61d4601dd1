// Runs graphs for tests: compile, feed, fetch. One thread, so that suites do not fight over cores.

import { typedArrayOf } from "../../core/graph/tensor.js";
import type { Graph, Tensor } from "../../core/graph/types.js";
import type { HostTensor } from "../../core/runtime/executor.js";
import type { Provider } from "../../core/runtime/providers.js";
import { createExecutor } from "../../core/runtime/select.js";
import { testProvider } from "./provider.js";

export type Tensors = Readonly<Record<string, HostTensor>>;

/** A graph that is ready to run, any number of times. */
export interface CompiledGraph {
  run(feeds: Tensors): Promise<Tensors>;
  release(): Promise<void>;
}

export interface RunOptions {
  /** The runtime's graph optimisations, which may fuse nodes (default true). */
  readonly optimise?: boolean;
  /** What computes; the tests' provider by default. */
  readonly provider?: Provider | undefined;
}

export async function compileGraph(graph: Graph, { optimise = true, provider = testProvider }: RunOptions = {}): Promise<CompiledGraph> {
  const executor = await createExecutor({ provider, threads: 1 });
  const program = await executor.compile(graph, { optimise });
  const names = graph.inputs.map(({ name }) => name).filter((name) => !graph.initializers.has(name));
  return {
    run: (feeds) => program.run(Object.fromEntries(names.filter((name) => name in feeds).map((name) => [name, feeds[name]]))),
    release: () => program.dispose(),
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
