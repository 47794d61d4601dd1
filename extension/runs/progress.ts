// What is known of a run while it goes on, gathered from its events, and the short texts that are shown of it. Knows nothing of the editor.

import { decimal, duration } from "../../core/text/tables.js";
import type { DoneEvent, TrainEvent } from "../../core/worker/contract.js";

/** Milliseconds that the speed is measured over. */
const window = 20_000;

export class RunProgress {
  /** Name of the run, once it has a folder. */
  run: string | undefined;
  phase = "";
  phaseIndex = 0;
  phases = 0;
  epoch = 0;
  epochs = 0;
  step = 0;
  totalSteps = 0;
  loss: number | undefined;
  /** What computes, as the runtime calls itself, and why. */
  runtime: string | undefined;
  provider: string | undefined;
  /** Why a provider that would have come first is not used. */
  passedOver: string | undefined;
  /** Features of the frozen part that are being computed. */
  features: { readonly done: number; readonly samples: number } | undefined;
  readonly #now: () => number;
  /** Times at which what was done stood where, of the last while. */
  #marks: { readonly time: number; readonly done: number }[] = [];

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  add(event: TrainEvent): void {
    switch (event.event) {
      case "plan":
        [this.run, this.phase, this.phaseIndex, this.phases, this.epochs] = [event.run, event.phase, event.index, event.phases, event.epochs];
        [this.totalSteps, this.runtime, this.provider] = [event.totalSteps, event.provider.runtime, event.provider.name];
        this.epoch = 0;
        this.#marks = [];
        return;
      case "cache":
        if (event.done < event.samples && this.features === undefined) this.#marks = [];
        this.features = event.done < event.samples ? { done: event.done, samples: event.samples } : undefined;
        if (this.features === undefined) this.#marks = [];
        else this.#mark(event.done);
        return;
      case "step":
        [this.step, this.epoch, this.loss] = [event.step, event.epoch, event.loss];
        this.#mark(event.step);
        return;
      case "warning":
        if (event.code === "run/provider") this.passedOver = event.message;
        return;
      default:
        return;
    }
  }

  /** From 0 to 1: the share of all steps that are done. Features count as nothing: nobody knows what they cost beside steps. */
  get share(): number {
    return this.totalSteps === 0 ? 0 : Math.min(1, this.step / this.totalSteps);
  }

  /** Seconds that what goes on may still take; undefined while too little is known. */
  get secondsLeft(): number | undefined {
    const [first, last] = [this.#marks.at(0), this.#marks.at(-1)];
    if (first === undefined || last === undefined || last.done <= first.done || last.time - first.time < 500) return undefined;
    const left = this.features === undefined ? this.totalSteps - last.done : this.features.samples - last.done;
    return ((last.time - first.time) / 1000 / (last.done - first.done)) * left;
  }

  /** `loss 0.1234 · epoch 3/16 · 2 min 05 s left` */
  get text(): string {
    const left = this.secondsLeft;
    const time = left === undefined ? [] : [`${duration(Math.max(0, left))} left`];
    if (this.features !== undefined) return [`frozen part ${this.features.done}/${this.features.samples}`, ...time].join(" · ");
    if (this.loss === undefined) return "starting";
    return [`loss ${decimal(this.loss)}`, `epoch ${this.epoch}/${this.epochs}`, ...time].join(" · ");
  }

  /** Whether the WebAssembly runtime stands in for the native one. */
  get fallsBack(): boolean {
    return this.provider === "wasm" && this.passedOver !== undefined;
  }

  #mark(done: number): void {
    const time = this.#now();
    this.#marks.push({ time, done });
    while (this.#marks.length > 2 && time - this.#marks[0].time > window) this.#marks.shift();
    // A thousand steps a second would only make the list long.
    if (this.#marks.length > 512) this.#marks = this.#marks.filter((_, i) => i % 2 === 0 || i === this.#marks.length - 1);
  }
}

/** `accuracy 96.48 % on the test samples · 142 frozen tensors unchanged` */
export function endText({ metrics, proof, output }: DoneEvent): string {
  const set = metrics.test ?? metrics.validation;
  const where = metrics.test === undefined ? "validation samples" : "test samples";
  const told = set === undefined ? [] : [`${mainMetric(set)} on the ${where}`];
  const changed = proof.frozen - proof.unchanged;
  const tensors = `${proof.frozen} frozen tensor${proof.frozen === 1 ? "" : "s"}`;
  const proved = proof.frozen === 0 ? "no tensor was frozen" : changed === 0 ? `${tensors} unchanged` : `${changed} of ${tensors} changed`;
  return [...told, proved, ...(output === undefined ? ["nothing exported"] : [])].join(" · ");
}

function mainMetric(set: NonNullable<DoneEvent["metrics"]["test"]>): string {
  if (set.accuracy !== undefined) return `accuracy ${(set.accuracy * 100).toFixed(2)} %`;
  if (set.meanAbsoluteError !== undefined) return `mean absolute error ${decimal(set.meanAbsoluteError)}`;
  return `loss ${decimal(set.loss)}`;
}
