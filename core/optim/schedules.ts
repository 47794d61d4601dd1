// Learning rates over the steps of a phase. Optimizers take the rate of each step from here; what follows from validation losses is counted
// in plateau.ts.

import { reduced, type PlateauSettings } from "./plateau.js";

interface Common {
  /** Steps (1 or more), or fraction of the phase's steps (below 1), over which the rate first rises; none by default. */
  readonly warmup?: number;
}

type Shape =
  | { readonly type: "constant" }
  /** From the base rate to `minimum`: along half a cosine, or in a straight line. */
  | { readonly type: "cosine" | "linear"; readonly minimum: number }
  /** Times `factor` after every `every` steps (1 or more), or fractions of the phase's steps (below 1). */
  | { readonly type: "step"; readonly every: number; readonly factor: number }
  /** Up from base ÷ `startDivisor` to the base rate at the fraction `peak` of the steps, and down to that start ÷ `endDivisor`. */
  | { readonly type: "oneCycle"; readonly peak: number; readonly startDivisor: number; readonly endDivisor: number }
  /** Falls when the validation loss stops falling. */
  | ({ readonly type: "reduceOnPlateau" } & PlateauSettings);

export type Schedule = Common & Shape;

/** Settings of any schedule; those that are left out have their defaults. */
export interface ScheduleInput extends Common {
  readonly type?: Shape["type"];
  readonly minimum?: number;
  readonly every?: number;
  readonly factor?: number;
  readonly peak?: number;
  readonly startDivisor?: number;
  readonly endDivisor?: number;
  readonly patience?: number;
  readonly threshold?: number;
  readonly cooldown?: number;
}

/**
 * All settings of a schedule. Defaults as in PyTorch where it has them: factor 0.1; peak 0.3, divisors 25 and 10,000; patience 10, threshold
 * 0.0001, no cooldown. A step schedule falls after every third of the phase unless told otherwise.
 */
export function completeSchedule({ type = "constant", warmup, ...given }: ScheduleInput): Schedule {
  const common = warmup === undefined ? {} : { warmup };
  switch (type) {
    case "constant":
      return { type, ...common };
    case "cosine":
    case "linear":
      return { type, minimum: given.minimum ?? 0, ...common };
    case "step":
      return { type, every: given.every ?? 1 / 3, factor: given.factor ?? 0.1, ...common };
    case "oneCycle":
      return { type, peak: given.peak ?? 0.3, startDivisor: given.startDivisor ?? 25, endDivisor: given.endDivisor ?? 1e4, ...common };
    case "reduceOnPlateau": {
      const { factor = 0.1, patience = 10, threshold = 1e-4, cooldown = 0, minimum = 0 } = given;
      return { type, factor, patience, threshold, cooldown, minimum, ...common };
    }
  }
}

/**
 * The learning rate of step `step` (the first is 0) of a phase of `totalSteps` steps; later ones have the last rate. The W steps of a
 * warm-up take the fractions 1 ⁄ (W + 1), 2 ⁄ (W + 1), … of the rate that the schedule begins with; it then runs over the steps that are left.
 * `reductions` is how often validation losses have lowered the rate so far, under `reduceOnPlateau`.
 * Source: torch.optim.lr_scheduler.LinearLR from 1 ⁄ (W + 1) over W steps, and then the schedule, joined by SequentialLR,
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html
 */
export function learningRateAt(schedule: Schedule, base: number, step: number, totalSteps: number, reductions = 0): number {
  const warmup = Math.min(stepsOf(schedule.warmup ?? 0, totalSteps), totalSteps);
  const left = totalSteps - warmup;
  const full = schedule.type === "reduceOnPlateau" ? reduced(schedule, base, reductions) : base;
  if (step >= warmup) return rateAt(schedule, full, step - warmup, left);
  return (rateAt(schedule, full, 0, left) * (step + 1)) / (warmup + 1);
}

/** Whole numbers are steps, what is below 1 is a fraction of all. */
function stepsOf(length: number, totalSteps: number): number {
  return length < 1 ? Math.round(length * totalSteps) : length;
}

/**
 * Cosine: η = ηₘᵢₙ + (base − ηₘᵢₙ)·(1 + cos(π·step ⁄ totalSteps)) ⁄ 2. Linear: η = base + (ηₘᵢₙ − base)·step ⁄ totalSteps.
 * Step: η = base·factor^⌊step ⁄ every⌋. Source: Loshchilov and Hutter 2017 (SGDR) without restarts; CosineAnnealingLR, LinearLR and StepLR of
 * torch.optim.lr_scheduler, https://docs.pytorch.org/docs/stable/optim.html
 */
function rateAt(schedule: Shape, base: number, step: number, totalSteps: number): number {
  switch (schedule.type) {
    case "constant":
    case "reduceOnPlateau":
      return base;
    case "cosine":
      return between(base, schedule.minimum, step, totalSteps, halfCosine);
    case "linear":
      return between(base, schedule.minimum, step, totalSteps, (share) => share);
    case "step":
      return base * schedule.factor ** Math.floor(step / Math.max(1, stepsOf(schedule.every, totalSteps)));
    case "oneCycle":
      return oneCycle(schedule, base, Math.min(step, totalSteps - 1), totalSteps);
  }
}

/**
 * Two halves of a cosine. The peak stands at step peak·totalSteps − 1, the end at the last step.
 * Source: Smith and Topin 2018; torch.optim.lr_scheduler.OneCycleLR, without its cycle of momentum,
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html
 */
function oneCycle({ peak, startDivisor, endDivisor }: Extract<Shape, { type: "oneCycle" }>, base: number, step: number, totalSteps: number): number {
  const top = peak * totalSteps - 1;
  const start = base / startDivisor;
  if (step < top) return between(start, base, step, top, halfCosine);
  return between(base, start / endDivisor, step - top, totalSteps - 1 - top, halfCosine);
}

/** The value on the way from `from` to `to` after `step` of `steps`; `to` from there on. */
function between(from: number, to: number, step: number, steps: number, share: (fraction: number) => number): number {
  return step >= steps ? to : from + (to - from) * share(step / steps);
}

function halfCosine(fraction: number): number {
  return (1 - Math.cos(Math.PI * fraction)) / 2;
}
