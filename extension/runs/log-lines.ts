// A run's events as lines of text: what the log gets while a run goes on, and what a run's record is shown as. Single steps are left out.

import { noColors } from "../../core/text/colors.js";
import { confusionTable, count, duration, freezeTable, metrics, plural, totalsLine } from "../../core/text/tables.js";
import type { DoneEvent, PlanEvent, TrainEvent } from "../../core/worker/contract.js";

export interface LogLine {
  readonly level: "info" | "warn" | "error";
  readonly text: string;
}

/** The lines of one event; none for those that say too little. */
export function linesOf(event: TrainEvent): readonly LogLine[] {
  switch (event.event) {
    case "plan":
      return planLines(event).map(info);
    case "cache":
      if (event.done < event.samples) return [];
      return [info(`Features of the frozen part: ${count(event.samples)} samples, ${count(event.reused)} of them from the cache`)];
    case "epoch": {
      const held = event.validation === undefined ? "" : `   validation ${metrics(event.validation)}`;
      const early = event.endsEarly === true ? "   (the validation loss has stopped falling: the phase ends here)" : "";
      return [info(`Epoch ${event.epoch}   train ${metrics(event.train)}${held}${early}`)];
    }
    case "warning":
      return [{ level: "warn", text: withHint(event) }];
    case "error":
      return [{ level: "error", text: withHint(event) }];
    case "done":
      return doneLines(event).map(info);
    case "step":
    case "checkpoint":
      return [];
  }
}

/** The record of a run, `events.jsonl`, as text. A line that a crash cut short is left out. */
export function recordText(jsonLines: string): string {
  const lines = jsonLines.split("\n").flatMap((line) => {
    const event = parse(line);
    return event === undefined ? [] : linesOf(event);
  });
  return `${lines.map(({ level, text }) => (level === "info" ? text : `${level === "warn" ? "Warning" : "Error"}: ${text}`)).join("\n")}\n`;
}

function parse(line: string): TrainEvent | undefined {
  try {
    return JSON.parse(line) as TrainEvent;
  } catch {
    return undefined;
  }
}

function info(text: string): LogLine {
  return { level: "info", text };
}

function withHint({ message, hint }: { readonly message: string; readonly hint?: string }): string {
  return hint === undefined ? message : `${message} ${hint}`;
}

function planLines({
  run,
  model,
  provider,
  phase,
  index,
  phases,
  epochs,
  stepsPerEpoch,
  layers,
  totals,
  samples,
  prefix,
}: PlanEvent): readonly string[] {
  const start = `Run ${run} of ${model}, computed by ${provider.runtime} with ${plural(provider.threads, "thread")}`;
  return [
    ...(index === 1 ? [start] : []),
    `Phase ${index} of ${phases}, "${phase}": ${plural(epochs, "epoch")} of ${plural(stepsPerEpoch, "step")}; ` +
      `${count(samples.train)} samples train, ${count(samples.validation)} validate, ${count(samples.test)} test`,
    ...freezeTable(layers, noColors),
    totalsLine(totals),
    ...(prefix === undefined ? [] : [`Frozen up to "${prefix}"`]),
  ];
}

function doneLines(done: DoneEvent): readonly string[] {
  const { reason, proof, seconds, output, confusionMatrix } = done;
  if (reason === "stopped") return [`Stopped after ${duration(seconds)}, with a checkpoint in ${done.folder}`];
  const set = done.metrics.test ?? done.metrics.validation;
  return [
    ...(set === undefined ? [] : [`${done.metrics.test === undefined ? "Validation" : "Test"}: ${metrics(set)}`]),
    ...(confusionMatrix === undefined ? [] : ["Confusion matrix (rows: actual, columns: predicted)", ...confusionTable(confusionMatrix, noColors)]),
    proof.frozen === 0 ? "Proof: no tensor was frozen" : `Proof: ${count(proof.unchanged)} of ${plural(proof.frozen, "frozen tensor")} unchanged`,
    `Finished in ${duration(seconds)}; ${output === undefined ? "nothing was exported" : `the trained model is ${output}`}`,
  ];
}
