// Checkpoints: a run's whole state in one safetensors file, written atomically, from which the run goes on as if it had never stopped.

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import * as errors from "../errors.js";
import type { Tensor } from "../graph/types.js";
import { masterOf, tensorOfHost } from "../runtime/host-tensor.js";
import { readSafetensors, writeSafetensors } from "./safetensors.js";
import { initialState, type Master, type RunState } from "./state.js";

/** Name of a run's checkpoint in its folder. */
export const checkpointName = "checkpoint.safetensors";

const metric = z.number().exactOptional();
const metricsSchema = z.object({
  loss: z.number(),
  accuracy: metric,
  meanAbsoluteError: metric,
  topKAccuracy: metric,
  precision: metric,
  recall: metric,
  f1: metric,
  auc: metric,
  rSquared: metric,
});

const sumSchema = z.object({ sum: z.number(), weight: z.number() });

/** Everything of the state that is not a tensor. Version 1. */
const headSchema = z.object({
  version: z.literal(1),
  /** SHA-256 of recipe, model and data: what a checkpoint belongs to. */
  job: z.string(),
  position: z.object({ phase: z.number(), epoch: z.number(), batch: z.number(), step: z.number(), totalEpochs: z.number() }),
  sums: z.object({ loss: sumSchema, score: sumSchema }),
  optimizerSteps: z.record(z.string(), z.number()),
  best: z.array(z.object({ epoch: z.number(), loss: z.number().optional() }).nullable()),
  history: z.array(z.object({ phase: z.string(), epoch: z.number(), train: metricsSchema, validation: metricsSchema.exactOptional() })),
  proofs: z.array(
    z.object({
      phase: z.string(),
      steps: z.tuple([z.number(), z.number()]),
      before: z.record(z.string(), z.string()),
      changed: z.array(z.string()),
      readBack: z.boolean(),
    }),
  ),
  /** Hashes at the start of the span that is open. */
  spanBefore: z.record(z.string(), z.string()).nullable(),
  trained: z.array(z.string()),
  /** The freeze plan of the phase that is open. */
  freeze: z.array(z.string()),
});

/** Writes a checkpoint. `job` names what it belongs to, `freeze` the plan in force. @throws run/write */
export async function writeCheckpoint(path: string, state: RunState, job: string, freeze: readonly string[]): Promise<void> {
  const tensors = new Map<string, Tensor>();
  const put = (name: string, master: Master): void => void tensors.set(name, tensorOfHost(master, "float32"));
  for (const [name, master] of state.weights) put(`weights/${name}`, master);
  for (const [name, master] of state.averages) put(`averages/${name}`, master);
  for (const [name, { slots }] of state.optimizer)
    for (const [slot, data] of Object.entries(slots)) put(`optimizer/${slot}/${name}`, { dtype: "float32", shape: [data.length], data });
  state.best.forEach((best, phase) => {
    for (const [name, master] of best?.weights ?? []) put(`best/${phase}/${name}`, master);
  });
  const head: z.input<typeof headSchema> = {
    version: 1,
    job,
    position: state.position,
    sums: state.sums,
    optimizerSteps: Object.fromEntries([...state.optimizer].map(([name, { step }]) => [name, step])),
    best: [...state.best].map((best) => (best === undefined ? null : { epoch: best.epoch, loss: best.loss })),
    history: state.history.map((record) => ({ ...record })),
    proofs: state.proofs.map(({ steps, changed, before, ...rest }) => ({
      ...rest,
      before: { ...before },
      steps: [steps[0], steps[1]],
      changed: [...changed],
    })),
    spanBefore: state.spanBefore === undefined ? null : { ...state.spanBefore },
    trained: [...state.trained],
    freeze: [...freeze],
  };
  await writeSafetensors(path, { tensors, metadata: new Map([["frostline", JSON.stringify(head)]]) });
}

/** Path of a run's checkpoint. @throws usage/run where there is none */
export async function checkpointOf(folder: string, run: string): Promise<string> {
  const path = join(folder, checkpointName);
  if ((await stat(path).catch(() => undefined)) === undefined) throw errors.noCheckpoint(run);
  return path;
}

/** Reads a checkpoint back. @throws recipe/resume-mismatch where it belongs to another recipe, model or data; run/checkpoint */
export async function readCheckpoint(path: string, job: string): Promise<RunState> {
  const { tensors, metadata } = await readSafetensors(path);
  const parsed = headSchema.safeParse(parseJson(metadata.get("frostline")));
  if (!parsed.success) throw errors.badCheckpoint(path);
  const head = parsed.data;
  if (head.job !== job) throw errors.resumeMismatch(path);
  const state: RunState = {
    ...initialState(),
    position: head.position,
    sums: head.sums,
    history: head.history,
    proofs: head.proofs,
    trained: new Set(head.trained),
    ...(head.spanBefore === null ? {} : { spanBefore: head.spanBefore }),
  };
  const best = head.best.map((entry) => (entry === null ? undefined : { epoch: entry.epoch, loss: entry.loss, weights: new Map<string, Master>() }));
  for (const [name, tensor] of tensors) place(state, best, name, masterOf(tensor));
  for (const [name, step] of Object.entries(head.optimizerSteps)) state.optimizer.set(name, { step, slots: state.optimizer.get(name)?.slots ?? {} });
  state.best.push(...best);
  return state;
}

type BestEntry = { readonly weights: Map<string, Master> } | undefined;

/** Puts a stored tensor where its name says: `weights/<name>`, `averages/<name>`, `optimizer/<slot>/<name>`, `best/<phase>/<name>`. */
function place(state: RunState, best: readonly BestEntry[], stored: string, master: Master): void {
  const [kind, ...rest] = stored.split("/");
  const name = rest.slice(1).join("/");
  if (kind === "weights") state.weights.set(rest.join("/"), master);
  else if (kind === "averages") state.averages.set(rest.join("/"), master);
  else if (kind === "best") best[Number(rest[0])]?.weights.set(name, master);
  else if (kind === "optimizer") {
    const known = state.optimizer.get(name);
    state.optimizer.set(name, { step: 0, slots: { ...known?.slots, [rest[0]]: master.data } });
  }
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}
