// The part of a recipe that says how weights move: optimizer, schedule, accumulation, early stopping, averages. The rest of a recipe is in
// recipe-schema.ts.

import { z } from "zod";

const count = z.int().min(1);
const fraction = z.number().min(0).lt(1);
const rules = z.array(z.string().min(1));

/** Settings that only some optimizers have; the rest belong to all. */
export const optimizerKeys = {
  sgd: ["momentum", "nesterov", "dampening"],
  adam: ["betas", "epsilon"],
  adamw: ["betas", "epsilon"],
  rmsprop: ["alpha", "epsilon", "momentum", "centered"],
  adagrad: ["learningRateDecay", "initialAccumulator", "epsilon"],
  lion: ["betas"],
  lamb: ["betas", "epsilon"],
} as const;

/** What stands beside the update rule's own settings, whatever its type. */
export const besideOptimizerKeys: readonly string[] = ["groups", "decay", "clip"];

const groupSchema = z.strictObject({
  match: rules.min(1).describe("Globs over parameter names and paths, in order: the last that matches decides, `!` takes out"),
  learningRate: z.number().min(0).exactOptional().describe("Step size of these parameters; the schedule acts on it too"),
  weightDecay: z.number().min(0).exactOptional().describe("Weight decay of these parameters, where `decay` selects them"),
});

const clipSchema = z.strictObject({
  value: z.number().positive().exactOptional().describe("Every element of a gradient is kept within ± this"),
  norm: z.number().positive().exactOptional().describe("All gradients together are scaled down to this length where they are longer"),
});

export const optimizerSchema = z.strictObject({
  type: z.enum(["sgd", "adam", "adamw", "rmsprop", "adagrad", "lion", "lamb"]).exactOptional().describe("Which optimizer; adamw by default"),
  learningRate: z.number().min(0).exactOptional().describe("Step size; by default 0.01 with rmsprop and adagrad, 0.0001 with lion, else 0.001"),
  weightDecay: z.number().min(0).exactOptional().describe("0.01 by default with adamw and lamb, else 0; frozen tensors never see it"),
  momentum: z.number().min(0).exactOptional().describe("sgd, rmsprop: share of the last update that goes on; 0 by default"),
  nesterov: z.boolean().exactOptional().describe("sgd: Nesterov's momentum; false by default"),
  dampening: z.number().exactOptional().describe("sgd: what the momentum leaves out of each gradient; 0 by default"),
  betas: z
    .tuple([fraction, fraction])
    .exactOptional()
    .describe("Decay of the running mean of gradients and of squares; [0.9, 0.999] by default with adam, adamw and lamb, [0.9, 0.99] with lion"),
  epsilon: z
    .number()
    .min(0)
    .exactOptional()
    .describe("Added to the denominator; by default 1e-8 with adam, adamw and rmsprop, 1e-10 with adagrad, 1e-6 with lamb"),
  alpha: fraction.exactOptional().describe("rmsprop: decay of the running mean of squares; 0.99 by default"),
  centered: z.boolean().exactOptional().describe("rmsprop: divide by the gradients' standard deviation; false by default"),
  learningRateDecay: z.number().min(0).exactOptional().describe("adagrad: how fast the step size falls with the steps; 0 by default"),
  initialAccumulator: z.number().min(0).exactOptional().describe("adagrad: what the sums of squares start from; 0 by default"),
  groups: z
    .array(groupSchema)
    .exactOptional()
    .describe("Parameters with settings of their own, frozen ones included; the last group that matches a parameter has it"),
  decay: rules
    .exactOptional()
    .describe('What weight decay touches: globs as in `freeze`, the last that matches decides, `!` takes out; ["*"] by default'),
  clip: clipSchema.exactOptional().describe("Limits of the gradients of each step; none by default"),
});

/** Settings that only some schedules have; a warm-up belongs to all. */
export const scheduleKeys = {
  constant: [],
  cosine: ["minimum"],
  linear: ["minimum"],
  step: ["every", "factor"],
  oneCycle: ["peak", "startDivisor", "endDivisor"],
  reduceOnPlateau: ["factor", "patience", "threshold", "cooldown", "minimum"],
} as const;

const steps = z.number().refine((n) => n < 1 || Number.isInteger(n), { error: "expected a whole number of steps, or a fraction below 1" });

export const scheduleSchema = z.strictObject({
  type: z
    .enum(["constant", "cosine", "linear", "step", "oneCycle", "reduceOnPlateau"])
    .exactOptional()
    .describe("How the learning rate changes over a phase; constant by default"),
  warmup: steps
    .min(0)
    .exactOptional()
    .describe("Steps, or fraction of the phase's steps, over which the learning rate first rises to where the schedule begins; 0 by default"),
  minimum: z.number().min(0).exactOptional().describe("cosine, linear, reduceOnPlateau: where the learning rate ends; 0 by default"),
  every: steps
    .positive()
    .exactOptional()
    .describe("step: steps, or fraction of the phase's steps, after which the learning rate falls; a third of the phase by default"),
  factor: z.number().positive().exactOptional().describe("step, reduceOnPlateau: what the learning rate is multiplied by; 0.1 by default"),
  peak: fraction.exactOptional().describe("oneCycle: fraction of the phase's steps at which the learning rate is full; 0.3 by default"),
  startDivisor: z.number().positive().exactOptional().describe("oneCycle: the cycle starts at the learning rate over this; 25 by default"),
  endDivisor: z.number().positive().exactOptional().describe("oneCycle: it ends at its start over this; 10,000 by default"),
  patience: z.int().min(0).exactOptional().describe("reduceOnPlateau: epochs without a lower validation loss that are let pass; 10 by default"),
  threshold: fraction
    .exactOptional()
    .describe("reduceOnPlateau: share of the best validation loss by which one must be lower to count as lower; 0.0001 by default"),
  cooldown: z.int().min(0).exactOptional().describe("reduceOnPlateau: epochs after a reduction that do not count; 0 by default"),
});

export const accumulate = count.describe("Batches whose gradients make one training step: as one batch that is so many times as large");

export const earlyStopping = z
  .strictObject({
    patience: count.describe("Epochs in a row without a lower validation loss that end a phase"),
    minDelta: z.number().min(0).default(0).describe("By how much a validation loss must be lower than the best to count as lower"),
  })
  .describe("Ends a phase before its last epoch; needs validation samples");

export const ema = z
  .strictObject({ decay: fraction.default(0.999).describe("Share of the average that stays in each step") })
  .describe("Exponential moving average of the weights: what is validated, tested and exported is the average");

export type GroupSettings = z.output<typeof groupSchema>;
export type ClipSettings = z.output<typeof clipSchema>;
export type OptimizerOverrides = z.output<typeof optimizerSchema>;
export type ScheduleOverrides = z.output<typeof scheduleSchema>;
