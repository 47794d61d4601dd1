// The frozen prefix at work: runs it on samples in batches of one fixed size.

import type { Graph } from "../graph/types.js";
import { inferGraph } from "../ops/infer.js";
import { inFloat32 } from "../passes/float32.js";
import { upgradeOpset } from "../passes/upgrade-opset.js";
import type { Executor, HostTensor, Program } from "../runtime/executor.js";
import { asFloat32 } from "../runtime/host-tensor.js";

/** A prefix as it runs. */
export interface RunnablePrefix {
  /** For batches of one size. */
  readonly graph: Graph;
  /** It takes samples in float32, whatever the model's input says. */
  readonly inFloat32: boolean;
}

/** The CPU kernels have no bfloat16: a graph with it runs in float32, on samples in float32. `bound` is for batches of one size. */
export function runnablePrefix(bound: Graph): RunnablePrefix {
  const converted = [...inferGraph(upgradeOpset(bound)).values()].some(({ type }) => type?.dtype === "bfloat16");
  return { graph: converted ? inFloat32(bound) : bound, inFloat32: converted };
}

export interface PrefixOptions extends RunnablePrefix {
  /** Name of the model's input. */
  readonly input: string;
  readonly executor: Executor;
  /** It runs once more. */
  readonly onRun?: () => void;
}

/** Compiled when it first runs: with a warm cache it never does. */
export class Prefix {
  readonly #options: PrefixOptions;
  #program: Program | undefined;

  constructor(options: PrefixOptions) {
    this.#options = options;
  }

  /** Its outputs by name on one batch of samples. @throws run/compile; run/runtime */
  async run(samples: HostTensor): Promise<Readonly<Record<string, HostTensor>>> {
    const { executor, graph, input, onRun } = this.#options;
    this.#program ??= await executor.compile(graph);
    onRun?.();
    return this.#program.run({ [input]: this.#options.inFloat32 ? asFloat32(samples) : samples });
  }

  async release(): Promise<void> {
    await this.#program?.dispose();
    this.#program = undefined;
  }
}

/** The values at the frost line: results of the prefix, and the samples themselves where they are among them. */
export async function atFrostLine(
  boundary: readonly string[],
  input: string,
  samples: HostTensor,
  prefix: Prefix | undefined,
): Promise<readonly HostTensor[]> {
  const made = { ...(await prefix?.run(samples)), [input]: samples };
  return boundary.map((name) => made[name]);
}
