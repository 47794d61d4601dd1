// What can go wrong in a run: the runtime, the disk, the proof, the command line, the worker.

import { fileHint, fileReason } from "./files.js";
import { make } from "./define.js";
import { didYouMean } from "../graph/nearest.js";

// ── runtime ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export const runtimeMissing = (reason: string) =>
  make("run/runtime-missing", `onnxruntime could not be loaded: ${reason}`, { reason }, "Install the project's dependencies again on this platform.");

export const unknownProvider = (provider: string, available: readonly string[]) =>
  make("usage/provider", `unknown provider "${provider}": expected one of ${available.join(", ")}`, { provider, available });

const providerHint = 'Choose another provider, or leave "provider" out: `auto` takes the first one that works.';

export const providerUnavailable = (provider: string, reason: string) =>
  make("usage/provider", `provider "${provider}" is not available here: ${reason}`, { provider, reason }, providerHint);

/** `deviation`: a number of the provider check that came out wrong. */
export const providerWrong = (
  provider: string,
  deviation: { readonly what: string; readonly element: number; readonly got: number; readonly expected: number; readonly allowed: number },
) => {
  const { what, element, got, expected, allowed } = deviation;
  const subject = what === "loss" || what === "logits" ? what : `the gradient of "${what}"`;
  return make(
    "usage/provider",
    `provider "${provider}" computes wrongly: element ${element} of ${subject} in a small training graph is ${got}, ` +
      `expected ${expected} ± ${allowed.toPrecision(2)}`,
    { provider, ...deviation },
    providerHint,
  );
};

export const compileFailed = (graph: string, reason: string) =>
  make("run/compile", `onnxruntime refuses the graph "${graph}": ${reason}`, { graph, reason });

export const runtimeFailed = (reason: string) => make("run/runtime", `onnxruntime stopped with an error: ${reason}`, { reason });

// ── files that a run writes and reads ─────────────────────────────────────────────────────────────────────────────────

export const cannotWrite = (path: string, cause: unknown) =>
  make("run/write", `cannot write "${path}": ${fileReason(cause)}`, { path, reason: fileReason(cause) }, fileHint(cause));

export const badSafetensors = (file: string, problem: string) =>
  make("data/safetensors", `"${file}" is not a sound safetensors file: ${problem}`, { file, problem });

export const unknownRun = (run: string, folder: string, near: readonly string[]) =>
  make("usage/run", `there is no run "${run}" in "${folder}"`, { run, folder, near }, didYouMean(near));

export const runInUse = (run: string, pid: number, lock: string) =>
  make(
    "usage/run-in-use",
    `run "${run}" is going on in process ${pid}`,
    { run, pid, lock },
    `Wait until it has ended, or stop it. If that process is something else, remove "${lock}".`,
  );

export const noCheckpoint = (run: string) =>
  make(
    "usage/run",
    `run "${run}" has no checkpoint yet: it was stopped before the first one`,
    { run },
    "Start it again from its recipe, instead of resuming it.",
  );

export const noEpochYet = (run: string) =>
  make("usage/run", `run "${run}" has no weights to export yet: it was stopped in its first epoch`, { run }, "Resume it, and let an epoch end.");

export const runGoingOn = (recipe: string) =>
  make("usage/run-going-on", `"${recipe}" is being trained already`, { recipe }, "Stop or pause that run first.");

export const badCheckpoint = (path: string) =>
  make("run/checkpoint", `"${path}" is no checkpoint that this version can read`, { path }, "Start the run again from its recipe.");

export const cacheCutShort = (path: string) => make("run/cache", `"${path}" was cut short while it was in use`, { path });

export const cacheUnusable = (folder: string, cause: unknown) =>
  make(
    "run/cache",
    `features cannot be kept in "${folder}": ${fileReason(cause)}`,
    { folder },
    "The run goes on without; later runs compute the frozen part again.",
  );

// ── training ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const calmDown = "Lower optimizer.learningRate, or check the data's scale. The last checkpoint is kept.";

export const diverged = (step: number, epoch: number, loss: number) =>
  make("run/diverged", `training diverged: the loss is ${loss} at step ${step} (epoch ${epoch})`, { step, epoch }, calmDown);

export const gradientsDiverged = (step: number, epoch: number) =>
  make("run/diverged", `training diverged: the gradients are not finite at step ${step} (epoch ${epoch})`, { step, epoch }, calmDown);

export const weightsDiverged = (name: string, step: number, epoch: number) =>
  make("run/diverged", `training diverged: "${name}" is not finite any more after step ${step} (epoch ${epoch})`, { name, step, epoch }, calmDown);

// ── proof and verification ────────────────────────────────────────────────────────────────────────────────────────────

/** What is told of a file that is compared in place of the one that the run started from. */
export const otherBaseModel = (before: string, { expected, got }: { readonly expected: string; readonly got: string }): string =>
  `"${before}" is not the file that the run started from: its SHA-256 is ${got}, the recorded one ${expected}`;

/** `note` says what else is wrong: it comes first. */
export const verifyFailed = (violations: readonly string[], checked: number, note?: string) => {
  const problem = `${violations.length} of ${checked} tensors that had to stay the same did not: ${firstOf(violations)}`;
  return make("check/verify", note === undefined ? problem : `${note}; ${problem}`, { violations, checked });
};

export const nothingToVerify = (after: string) =>
  make(
    "usage/verify",
    `"${after}" does not say which of its tensors were trained`,
    { after },
    'Name what must be unchanged: --frozen "GLOB". Models that `frostline train` exports say it themselves.',
  );

export const badMetadata = (key: string, problem: string) =>
  make("model/metadata", `model metadata "${key}": ${problem}`, { key, problem }, "It was not written by `frostline train`, or was changed since.");

function firstOf(names: readonly string[]): string {
  return names.length <= 5 ? names.join(", ") : `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`;
}

export const proofFailed = (phase: string, changed: readonly string[]) =>
  make(
    "check/proof",
    `${changed.length} frozen tensor${changed.length === 1 ? "" : "s"} changed in phase "${phase}": ${changed
      .slice(0, 5)
      .map((n) => `"${n}"`)
      .join(", ")}${changed.length > 5 ? ", …" : ""}`,
    { phase, changed },
    "Nothing was exported. Frozen tensors never change by design: please report this with the run's folder.",
  );

// ── command line ──────────────────────────────────────────────────────────────────────────────────────────────────────

export const badUsage = (problem: string, hint: string) => make("usage/arguments", problem, {}, hint);

// ── worker ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const workerEnded = (role: string, reason: string) =>
  make(
    "run/worker-ended",
    `the ${role} worker ended before it had answered: ${reason}`,
    { role, reason },
    "A run that was going on can be taken up again from its last checkpoint: --resume RUN.",
  );

export const selfTestFailed = (losses: readonly number[]) =>
  make("run/self-test", `the runtime does not train as it should: the losses of its self-test are ${losses.join(", ")}`, { losses });

export const untrusted = (what: string) =>
  make(
    "usage/untrusted",
    `${what} needs a trusted workspace: it would let files of this folder reach native code`,
    { what },
    "Trust the folder first.",
  );

export const feedNotOpen = () => make("run/feed", "samples were asked of a feed that has not been told which", {});

export const unforeseen = (cause: unknown) =>
  make("run/unforeseen", `something failed that should not: ${cause instanceof Error ? cause.message : String(cause)}`, {
    stack: cause instanceof Error ? cause.stack : undefined,
  });
