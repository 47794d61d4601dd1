// What `frostline train` shows to people: the freeze table of each phase, a progress bar with the time that is left on a terminal and plain
// lines elsewhere, the metrics of every epoch, and at the end how it went and what can be done next.

import { MultiBar, type SingleBar } from "cli-progress";
import { relative } from "node:path";
import type { CacheEvent, DoneEvent, EpochEvent, PlanEvent, StepEvent, TrainEvent } from "../train/events.js";
import {
  columns,
  confusionTable,
  count,
  decimal,
  duration,
  freezeTable,
  metricColumns,
  metrics,
  percent,
  plural,
  totalsLine,
  type Align,
} from "../text/tables.js";
import type { Terminal } from "./terminal.js";

export class TrainView {
  readonly #terminal: Terminal;
  readonly #recipe: string;
  #bars: MultiBar | undefined;
  #bar: { readonly bar: SingleBar; readonly kind: "cache" | "step"; readonly started: number; readonly first: number } | undefined;
  #plan: PlanEvent | undefined;

  constructor(terminal: Terminal, recipe: string) {
    this.#terminal = terminal;
    this.#recipe = recipe;
    this.#bars = terminal.interactive
      ? new MultiBar({
          format: "  {what} [{bar}] {value}/{total}{detail}  {left}",
          clearOnComplete: true,
          hideCursor: true,
          barsize: 24,
          fps: 8,
          stream: process.stdout,
        })
      : undefined;
  }

  show(event: TrainEvent): void {
    switch (event.event) {
      case "plan":
        return this.#showPlan(event);
      case "cache":
        return this.#showCache(event);
      case "step":
        return this.#showStep(event);
      case "epoch":
        return this.#showEpoch(event);
      case "warning":
        return this.#print(`${this.#terminal.colors.yellow("warning")}: ${event.message}${event.hint === undefined ? "" : ` ${event.hint}`}`);
      case "done":
        return this.#showDone(event);
      case "checkpoint":
      case "error":
        return;
    }
  }

  /** Tells of something between two events; on standard error, unless a progress bar is drawn. */
  note(text: string): void {
    if (this.#bar === undefined) this.#terminal.note(text);
    else this.#print(`  ${text}`);
  }

  /** Takes the progress bar away, so that what follows stands on lines of its own. */
  close(): void {
    this.#removeBar();
    this.#bars?.stop();
    this.#bars = undefined;
  }

  /** A line above the progress bar. */
  #print(text = ""): void {
    if (this.#bar === undefined) this.#terminal.line(text);
    else this.#bars?.log(`${text}\n`);
  }

  #progress(kind: "cache" | "step", what: string, done: number, total: number, detail: string): void {
    if (this.#bars === undefined) return;
    if (this.#bar?.kind !== kind) {
      this.#removeBar();
      this.#bar = { bar: this.#bars.create(total, done, { what, detail: "", left: "" }), kind, started: performance.now(), first: done };
    }
    const { bar, started, first } = this.#bar;
    const perUnit = (performance.now() - started) / 1000 / Math.max(1, done - first);
    const left = done === first ? "" : done === total ? duration((performance.now() - started) / 1000) : `${duration(perUnit * (total - done))} left`;
    bar.update(done, { what, detail, left });
  }

  #removeBar(): void {
    if (this.#bar !== undefined) this.#bars?.remove(this.#bar.bar);
    this.#bar = undefined;
  }

  #showPlan(plan: PlanEvent): void {
    const { colors } = this.#terminal;
    const { samples } = plan;
    this.#removeBar();
    if (this.#plan === undefined) {
      this.#print(`Run ${colors.bold(plan.run)} of ${this.#recipe}`);
      const { name, runtime, threads, reason } = plan.provider;
      if (name !== "cpu") this.#print(`Computes with ${runtime}, ${plural(threads, "thread")}: ${reason}`);
    }
    this.#plan = plan;
    this.#print();
    this.#print(colors.bold(`Phase ${plan.index} of ${plan.phases}: ${plan.phase}`));
    this.#print(
      `  ${plural(plan.epochs, "epoch")} of ${plural(plan.stepsPerEpoch, "step")}; ${count(samples.train)} samples to train on, ` +
        `${count(samples.validation)} to validate with, ${count(samples.test)} to test with`,
    );
    for (const line of freezeTable(plan.layers, colors)) this.#print(line);
    this.#print(`  ${totalsLine(plan.totals)}`);
    const often = plan.augmented === true ? "once per held-out sample, and once per training sample and epoch" : "once per sample";
    if (plan.prefix !== undefined) this.#print(`  Frozen up to "${plan.prefix}": that part runs ${often}`);
    this.#print();
  }

  #showCache({ done, samples, reused, executions }: CacheEvent): void {
    this.#progress("cache", "frozen part", done, samples, " samples");
    if (done < samples) return;
    this.#removeBar();
    this.#print(
      `  Features of the frozen part: ${count(samples)} samples, ${count(reused)} from the cache, ${plural(executions, "run")} of that part`,
    );
  }

  #showStep({ step, loss, samplesPerSecond }: StepEvent): void {
    const detail = `  loss ${decimal(loss)}  ${count(Math.round(samplesPerSecond))} samples/s`;
    this.#progress("step", this.#plan?.phase ?? "training", step, this.#plan?.totalSteps ?? step, detail);
  }

  #showEpoch({ epoch, train, validation, endsEarly = false }: EpochEvent): void {
    const { colors } = this.#terminal;
    const epochs = String(this.#plan?.epochs ?? epoch);
    const held = validation === undefined ? "" : `   ${colors.dim("validation")} ${metrics(validation)}`;
    this.#print(`  epoch ${String(epoch).padStart(epochs.length)}/${epochs}  ${colors.dim("train")} ${metrics(train)}${held}`);
    if (endsEarly) this.#print(`  The phase ends here: the validation loss has stopped falling`);
  }

  #showDone(done: DoneEvent): void {
    this.close();
    if (done.reason === "stopped") return this.#showStopped(done);
    const { colors } = this.#terminal;
    this.#print();
    this.#print(colors.bold("Result"));
    for (const line of this.#phaseTable(done)) this.#print(line);
    if (done.confusionMatrix !== undefined) {
      this.#print();
      this.#print(colors.bold("Confusion matrix of the test samples (rows: actual, columns: predicted)"));
      for (const line of confusionTable(done.confusionMatrix, colors)) this.#print(line);
    }
    this.#print();
    this.#print(this.#proofLine(done));
    this.#print(`Finished in ${duration(done.seconds)}. Record of the run: ${shown(done.folder)}`);
    if (done.output === undefined) return this.#print('Nothing was exported: the recipe names no "output".');
    this.#print(`Trained model: ${colors.bold(shown(done.output))}`);
    this.#print();
    this.#print(colors.bold("Next"));
    this.#print(
      `  frostline verify ${quoted(shown(done.model))} ${quoted(shown(done.output))}    checks from the files that the frozen tensors are the same`,
    );
    this.#print(`  frostline inspect ${quoted(shown(done.output))}    lists its layers and parameters`);
  }

  #showStopped({ folder, run, proof }: DoneEvent): void {
    const { colors } = this.#terminal;
    this.#print();
    this.#print(`${colors.yellow("Stopped")}; nothing was exported. The checkpoint is in ${shown(folder)}`);
    if (proof.frozen > 0) this.#print(`Proof so far: ${count(proof.unchanged)} of ${count(proof.frozen)} frozen tensors unchanged`);
    this.#print(`  frostline train ${quoted(this.#recipe)} --resume ${run}    goes on from there`);
  }

  #phaseTable({ metrics: { phases, best } }: DoneEvent): readonly string[] {
    const { colors } = this.#terminal;
    const optional = (value: number | undefined, write: (n: number) => string): string => (value === undefined ? "" : write(value));
    const table = [
      ["phase", "epoch", "validation loss", "accuracy", "test loss", ...metricColumns.map(({ heading }) => heading), ""],
      ...phases.map(({ phase, epoch, validation, test }) => [
        phase,
        String(epoch),
        optional(validation?.loss, decimal),
        optional(validation?.accuracy, percent),
        optional(test?.loss, decimal),
        ...metricColumns.map(({ key, write }) => optional(test?.[key], write)),
        phase === best && phases.length > 1 ? "exported" : "",
      ]),
    ];
    const used = table[0].map((_, c) => c < 2 || table.slice(1).some((row) => row[c] !== ""));
    const rows = table.map((row, r) => row.filter((_, c) => used[c]).map((cell) => (r === 0 ? colors.dim(cell) : cell)));
    const align = table[0].map((_, c): Align => (c === 0 || c === table[0].length - 1 ? "left" : "right")).filter((_, c) => used[c]);
    return columns(rows, align);
  }

  #proofLine({ proof: { frozen, unchanged, changed }, output }: DoneEvent): string {
    const { colors } = this.#terminal;
    if (frozen === 0) return "Proof: no tensor was frozen.";
    const readBack = output === undefined ? "" : `, read back from ${shown(output)}`;
    // Statistics that stay fixed are in the proof too.
    const what = `${plural(frozen, "frozen tensor")}${(this.#plan?.totals.buffers ?? 0) > 0 ? " and fixed buffers" : ""}`;
    const text = `Proof: ${count(unchanged)} of ${what} unchanged (SHA-256 before and after each phase${readBack})`;
    return changed.length === 0 ? colors.green(text) : colors.red(`${text}; changed: ${changed.join(", ")}`);
  }
}

/** A path as it can be typed from here. */
export function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" ? path : short.length < path.length ? short : path;
}

function quoted(argument: string): string {
  return /^[\w./:@%+=,\\-]+$/.test(argument) ? argument : `"${argument}"`;
}
