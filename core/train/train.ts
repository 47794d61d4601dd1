// A run from its recipe to its result: settles the job, opens the run's folder, trains, tests, exports and reports. The loop itself is in
// trainer.ts, what is settled beforehand in job.ts.

import { arch, cpus, platform } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import * as errors from "../errors.js";
import { elementCount } from "../graph/dims.js";
import type { Executor } from "../runtime/executor.js";
import { chooseExecutor, type ChosenExecutor } from "../runtime/select.js";
import { version } from "../version.js";
import { checkBatchFreedom } from "./batch-check.js";
import { checkpointName, checkpointOf, readCheckpoint, writeCheckpoint } from "./checkpoint.js";
import type { Evaluation } from "./evaluate.js";
import type { ConfusionMatrix, DoneEvent, PhaseMetrics, TrainEvent, TrainHooks, TrainRequest, TrainResult } from "./events.js";
import { exportModel } from "./export.js";
import { requirePlaceFor } from "./files.js";
import { prepareJob, type Job } from "./job.js";
import type { OpenPhase } from "./open-phase.js";
import { planEvent } from "./plan-event.js";
import { summariseProofs } from "./proof.js";
import { loadRecipe, parseRecipe, resolveRecipe, type ResolvedRecipe } from "./recipe.js";
import { createRun, findRun, runsFolderOf, type Run } from "./run-log.js";
import { readSamples } from "./samples.js";
import { chooseBest, initialState, type RunState } from "./state.js";
import { Trainer, type TrainerOptions } from "./trainer.js";

/** Trains as a recipe says. @throws an EngineError; `done` has been emitted where it answers */
export async function train(request: TrainRequest, hooks: TrainHooks): Promise<TrainResult> {
  const started = performance.now();
  const recipe = request.recipeText === undefined ? await loadRecipe(request.recipePath) : recipeOf(request.recipeText, request.recipePath);
  const job = await prepareJob(recipe);
  try {
    return await runJob(job, request, hooks, started);
  } finally {
    job.source.close();
  }
}

async function runJob(job: Job, request: TrainRequest, hooks: TrainHooks, started: number): Promise<TrainResult> {
  const { recipe } = job;
  const { defaults = {}, cacheFolder = join(".frostline", "cache") } = request;
  const chosen = await chooseExecutor({
    provider: request.provider ?? recipe.provider ?? defaults.provider,
    threads: recipe.threads ?? defaults.threads,
    spinning: request.spinning,
  });
  if (job.single !== undefined) await checkFreedBatch(job, job.single, chosen.executor);
  // Better now than after the training.
  if (recipe.output !== undefined) await requirePlaceFor(recipe.output);
  const runs = runsFolderOf(recipe.folder, request.runsFolder);
  const run = request.resume === undefined ? await createRun(runs) : await findRun(runs, request.resume);
  try {
    const state = request.resume === undefined ? initialState() : await resumedState(run, job.id);
    const bytes = recipe.cache?.bytes ?? defaults.cacheBytes;
    const cache =
      request.cache === false ? {} : { cacheFolder: resolve(recipe.folder, cacheFolder), ...(bytes === undefined ? {} : { cacheBytes: bytes }) };
    return await new Session({ job, chosen, run, state, hooks, started, cache, feed: request.feed }).go();
  } finally {
    run.close();
  }
}

async function resumedState(run: Run, job: string): Promise<RunState> {
  return readCheckpoint(await checkpointOf(run.folder, run.id), job);
}

function recipeOf(text: string, path: string): ResolvedRecipe {
  return resolveRecipe(parseRecipe(text, path), path);
}

async function checkFreedBatch(job: Job, single: Job["graph"], executor: Executor): Promise<void> {
  const { input, context, source } = job;
  const rows = [...new Set([0, Math.floor(source.count / 2), source.count - 1])];
  const samples = await Promise.all(rows.map((row) => readSamples(job, [row], 1)));
  await checkBatchFreedom(executor, { single, freed: job.graph, input: input.name, output: context.output, samples });
}

interface SessionOptions {
  readonly job: Job;
  readonly chosen: ChosenExecutor;
  readonly run: Run;
  readonly state: RunState;
  readonly hooks: TrainHooks;
  readonly started: number;
  readonly cache: Pick<TrainerOptions, "cacheFolder" | "cacheBytes">;
  readonly feed: boolean | undefined;
}

/** What a stretch of a run reads of the record that the one before it left. */
const earlierSchema = z.object({
  plan: z.array(z.looseObject({ phase: z.string() })),
  prefix: z.object({ byPhase: z.record(z.string(), z.number()) }),
});

/** One stretch of a run: from its start, or from a checkpoint, to its end or the next stop. */
class Session {
  readonly #options: SessionOptions;
  /** Plans by phase, and how often each phase's prefix ran, of earlier stretches too. */
  readonly #plans = new Map<string, unknown>();
  readonly #executions = new Map<string, number>();
  readonly #hooks: TrainHooks;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#hooks = { ...options.hooks, emit: (event) => this.#emit(event) };
  }

  async go(): Promise<TrainResult> {
    const { job, chosen, run, state, cache, feed } = this.#options;
    await this.#takeUp();
    await this.#record("running");
    for (const message of job.warnings) this.#emit({ event: "warning", code: "recipe/warning", message });
    for (const { provider, problem } of chosen.passedOver)
      this.#emit({ event: "warning", code: "run/provider", message: `Provider "${provider}" cannot be used: ${problem}.` });
    if (job.skipped.count > 0) this.#emit({ event: "warning", code: "data/skipped", message: skippedMessage(job.skipped) });
    const trainer = new Trainer(job, state, {
      executor: chosen.executor,
      hooks: this.#hooks,
      ...(feed === undefined ? {} : { feed }),
      ...cache,
      checkpoint: ({ name, freeze }) => this.#checkpoint(name, freeze),
      onPlan: (planned, index) => this.#onPlan(planned, index),
      onPrefixRun: (phase) => void this.#executions.set(phase, (this.#executions.get(phase) ?? 0) + 1),
      onPhase: () => this.#record("running"),
    });
    try {
      const ending = await trainer.run();
      const done = (ending === "stopped" ? undefined : await this.#finish(trainer)) ?? this.#done("stopped", [], undefined);
      this.#emit(done);
      await this.#record(done.reason, done);
      return done;
    } catch (error) {
      const { code, message, hint } = error instanceof errors.EngineError ? error : errors.unforeseen(error);
      // Where even this cannot be written, the first error is the one to tell.
      try {
        run.append({ event: "error", code, message, ...(hint === undefined ? {} : { hint }) });
        await this.#record("failed", undefined, { code, message });
      } catch {
        throw error;
      }
      throw error;
    } finally {
      await trainer.close();
    }
  }

  /** What the record said of earlier stretches of the run stays in it. */
  async #takeUp(): Promise<void> {
    const { data } = earlierSchema.safeParse(await this.#options.run.recorded());
    for (const plan of data?.plan ?? []) this.#plans.set(plan.phase, plan);
    for (const [phase, executions] of Object.entries(data?.prefix.byPhase ?? {})) this.#executions.set(phase, executions);
  }

  /** Tests what each phase yielded and exports the best; undefined where a stop came before that. */
  async #finish(trainer: Trainer): Promise<DoneEvent | undefined> {
    const { job, state, run } = this.#options;
    const chosen = chooseBest(state);
    const tested: Evaluation[] = [];
    for (const index of job.split.test.length === 0 ? [] : job.phases.keys()) {
      const evaluation = await trainer.test(index, job.split.test);
      if (evaluation === undefined) return undefined;
      tested.push(evaluation);
    }
    const { output } = job.recipe;
    if (output !== undefined) {
      const proofs = await exportModel(job, state, output, { run: run.id, version, phase: chosen });
      state.proofs.splice(0, state.proofs.length, ...proofs);
    }
    return this.#done(endedEarly(job, state) ? "earlyStop" : "completed", tested, chosen);
  }

  #done(reason: DoneEvent["reason"], tested: readonly Evaluation[], chosen: number | undefined): DoneEvent {
    const { job, state, run, started } = this.#options;
    const phases = job.phases.flatMap(({ name }, i): readonly PhaseMetrics[] => {
      const best = state.best[i];
      if (best === undefined) return [];
      const validation = state.history.find((h) => h.phase === name && h.epoch === best.epoch + 1)?.validation;
      const test = tested.at(i)?.metrics;
      return [{ phase: name, epoch: best.epoch + 1, ...(validation === undefined ? {} : { validation }), ...(test === undefined ? {} : { test }) }];
    });
    const best = chosen === undefined ? undefined : phases[chosen];
    const confusion = chosen === undefined ? undefined : tested.at(chosen)?.confusion;
    return {
      event: "done",
      reason,
      metrics: {
        ...(best?.test === undefined ? {} : { test: best.test }),
        ...(best?.validation === undefined ? {} : { validation: best.validation }),
        phases,
        ...(best === undefined ? {} : { best: best.phase }),
      },
      ...(confusion === undefined ? {} : { confusionMatrix: labelled(confusion.counts, job) }),
      proof: summariseProofs(state.proofs),
      model: job.recipe.model,
      ...(reason !== "stopped" && job.recipe.output !== undefined ? { output: job.recipe.output } : {}),
      run: run.id,
      folder: run.folder,
      seconds: (performance.now() - started) / 1000,
    };
  }

  #onPlan(planned: Pick<OpenPhase, "phase" | "graph">, index: number): void {
    const { job, run, chosen } = this.#options;
    const event = planEvent(job, planned, index, run.id, chosen);
    this.#plans.set(event.phase, {
      ...event,
      freeze: planned.phase.freeze,
      marks: planned.graph.marked.map(({ name, path, mark, reason, shape }) => ({ name, path, mark, reason, elements: elementCount(shape) })),
    });
    this.#executions.set(event.phase, this.#executions.get(event.phase) ?? 0);
    this.#emit(event);
  }

  async #checkpoint(phase: string, freeze: readonly string[]): Promise<void> {
    const { job, run, state } = this.#options;
    const path = join(run.folder, checkpointName);
    await writeCheckpoint(path, state, job.id, freeze);
    this.#emit({ event: "checkpoint", phase, step: state.position.step, path });
    await this.#record("running");
  }

  #emit(event: TrainEvent): void {
    this.#options.run.append(event);
    this.#options.hooks.emit(event);
  }

  /** What `run.json` says of the run as it stands. */
  async #record(status: string, done?: DoneEvent, error?: unknown): Promise<void> {
    const { job, chosen, run, state } = this.#options;
    const { executor, reason, passedOver } = chosen;
    const { recipe } = job;
    await run.write({
      id: run.id,
      status,
      recipe,
      baseModel: job.baseModel,
      versions: { frostline: version, node: process.versions.node, runtime: executor.description },
      machine: { cpu: cpus()[0]?.model ?? "", cores: cpus().length, platform: platform(), arch: arch() },
      provider: executor.provider,
      providerChoice: { reason, passedOver },
      threads: executor.threads,
      seed: recipe.seed,
      heldOut: { validation: rowNumbers(job, job.split.validation), test: rowNumbers(job, job.split.test) },
      ...(job.skipped.count === 0 ? {} : { skippedSamples: job.skipped }),
      position: state.position,
      plan: [...this.#plans.values()],
      prefix: { executions: [...this.#executions.values()].reduce((a, n) => a + n, 0), byPhase: Object.fromEntries(this.#executions) },
      history: state.history,
      trained: [...state.trained],
      ...(done === undefined ? {} : { metrics: done.metrics, confusionMatrix: done.confusionMatrix, output: done.output, seconds: done.seconds }),
      proof: { summary: summariseProofs(state.proofs), spans: state.proofs },
      ...(error === undefined ? {} : { error }),
    });
  }
}

function skippedMessage({ count, examples }: Job["skipped"]): string {
  const more = count > examples.length ? [`  and ${count - examples.length} more`] : [];
  return [`${count} ${count === 1 ? "sample is" : "samples are"} left out:`, ...examples.map((example) => `  ${example}`), ...more].join("\n");
}

/** Whether early stopping ended the last phase. */
function endedEarly({ phases }: Job, { history }: RunState): boolean {
  const last = phases[phases.length - 1];
  return history.filter(({ phase }) => phase === last.name).length < last.epochs;
}

/** As a person counts the rows of each file: from 1, the header left out. */
function rowNumbers({ numbers }: Job, rows: Uint32Array): readonly number[] {
  return Array.from(rows, (row) => numbers[row]);
}

function labelled(counts: ConfusionMatrix["counts"], { targets }: Job): ConfusionMatrix {
  const names = targets.kind === "classes" ? targets.names : undefined;
  return { labels: counts.map((_, i) => names?.[i] ?? String(i)), counts };
}
