// Which executor runs a graph: the one that was asked for, else the native CPU kernels.

import { availableParallelism } from "node:os";
import * as errors from "../errors.js";
import type { Executor } from "./executor.js";
import { createNativeExecutor } from "./native.js";

/** Providers that can be named in a recipe; `auto` picks the first that works, in this order. */
export const providers = ["cpu"] as const;

export interface ExecutorOptions {
  readonly provider?: string | undefined;
  /** Threads inside one operator; default: all cores. */
  readonly threads?: number | undefined;
}

/** @throws usage/provider; run/runtime-missing */
export async function createExecutor({ provider = "auto", threads = availableParallelism() }: ExecutorOptions = {}): Promise<Executor> {
  if (provider !== "auto" && !(providers as readonly string[]).includes(provider)) throw errors.unknownProvider(provider, ["auto", ...providers]);
  return createNativeExecutor(threads);
}
