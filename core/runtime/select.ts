// Which executor runs a graph: the provider that was asked for, else the first of a fixed order that computes rightly. A provider is checked
// before it is used, once in each process or thread.

import { availableParallelism } from "node:os";
import * as errors from "../errors.js";
import { findDeviation } from "./check.js";
import type { Executor } from "./executor.js";
import { createNativeExecutor } from "./native.js";
import { automaticOrder, providers, type Provider } from "./providers.js";
import { createWebExecutor } from "./web.js";

export interface ExecutorOptions<P extends string = Provider> {
  /** What computes. */
  readonly provider?: P | undefined;
  /** Threads inside one operator; default: all cores. */
  readonly threads?: number | undefined;
  /**
   * Whether the native runtime's threads stay awake between two operators (default true): small steps are faster, and nobody else gets the
   * cores meanwhile.
   */
  readonly spinning?: boolean | undefined;
}

/** A provider that `auto` tried in vain. */
export interface PassedOver {
  readonly provider: Provider;
  /** Why it is not used. */
  readonly problem: string;
}

export interface ChosenExecutor {
  readonly executor: Executor;
  /** Why this one, for people. */
  readonly reason: string;
  readonly passedOver: readonly PassedOver[];
}

/** An executor of one provider, `cpu` unless told, as it comes: not checked. @throws run/runtime-missing; usage/provider where it is not there */
export function createExecutor({ provider = "cpu", threads = availableParallelism(), spinning = true }: ExecutorOptions = {}): Promise<Executor> {
  return provider === "wasm" ? createWebExecutor(threads) : createNativeExecutor(provider, threads, spinning);
}

/**
 * The executor to train with. A provider that is named is used or refused; `auto` (the default) takes the first of `automaticOrder` that passes the check.
 * @throws usage/provider for a name that is unknown, not available here, or computes wrongly; run/runtime-missing where nothing is left
 */
export async function chooseExecutor({ provider = "auto", ...options }: ExecutorOptions<string> = {}): Promise<ChosenExecutor> {
  const named = providers.find((name) => name === provider);
  if (named !== undefined) return { executor: await checkedExecutor(named, options), reason: "asked for", passedOver: [] };
  if (provider !== "auto") throw errors.unknownProvider(provider, ["auto", ...providers]);
  const passedOver: PassedOver[] = [];
  for (const candidate of automaticOrder) {
    try {
      const executor = await checkedExecutor(candidate, options);
      return { executor, reason: `the first of ${automaticOrder.join(", ")} that works`, passedOver };
    } catch (error) {
      if (!(error instanceof errors.EngineError)) throw error;
      passedOver.push({ provider: candidate, problem: error.message });
    }
  }
  throw errors.runtimeMissing(passedOver.map(({ provider, problem }) => `provider "${provider}": ${problem}`).join("; "));
}

/** What has passed, as executors describe themselves. What failed is tried again. */
const passed = new Set<string>();

/** @throws usage/provider where it computes wrongly or not at all */
async function checkedExecutor(provider: Provider, options: Omit<ExecutorOptions, "provider">): Promise<Executor> {
  const executor = await createExecutor({ ...options, provider });
  const key = `${executor.description} ${executor.threads}`;
  if (passed.has(key)) return executor;
  let deviation;
  try {
    deviation = await findDeviation(executor);
  } catch (error) {
    if (!(error instanceof errors.EngineError)) throw error;
    throw errors.providerUnavailable(provider, typeof error.data.reason === "string" ? error.data.reason : error.message);
  }
  if (deviation !== undefined) throw errors.providerWrong(provider, deviation);
  passed.add(key);
  return executor;
}
