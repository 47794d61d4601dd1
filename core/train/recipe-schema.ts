// The shape of a recipe (`*.finetune.json`): every key with its meaning, bounds and default. The editor's completion and the checks of
// the command line both come from here; reading, resolving and phases are in recipe.ts.

import { z } from "zod";

const text = z.string().min(1);
const count = z.int().min(1);
const size2 = z.tuple([count, count]);
const range = z.tuple([z.number(), z.number()]).refine(([from, to]) => from !== to, { error: "expected two different numbers" });
const numbers = z.array(z.number()).min(1);
const rules = z.array(text);

/** One step of a transform; the key says which. */
export const transformStepSchema = z.union([
  z.strictObject({ reshape: z.array(count).min(1).describe("Shape of one sample, without the batch: [channels, height, width]") }),
  z.strictObject({
    scale: z
      .strictObject({ from: range.describe("Two values as they are in the file"), to: range.describe("What these two become") })
      .describe("Linear map of values; values outside `from` go outside `to`"),
  }),
  z.strictObject({
    normalize: z
      .strictObject({
        mean: numbers.describe("Mean of each channel, or one for all"),
        std: z.array(z.number().positive()).min(1).describe("Standard deviation of each channel, or one for all"),
      })
      .describe("(value − mean) ÷ std"),
  }),
  z.strictObject({
    resize: size2.describe("Height and width"),
    method: z
      .enum(["bilinear", "nearest"])
      .default("bilinear")
      .describe("How values between the old ones are found: half-pixel centres, no antialiasing"),
  }),
  z.strictObject({
    pad: size2.describe("Height and width to pad to; the sample goes to the centre"),
    value: z.number().default(0).describe("What the border is filled with"),
  }),
  z.strictObject({ repeat: count.describe("How often each sample's channels are repeated") }),
]);

const fraction = z.number().min(0).lt(1);

const splitSchema = z
  .strictObject({
    validation: fraction.default(0).describe("Fraction of all rows that chooses the best epoch"),
    test: fraction.default(0).describe("Fraction of all rows that is looked at once, at the end"),
  })
  .refine(({ validation, test }) => validation + test < 1, { error: "expected `validation` and `test` to leave rows to train on" });

const dataSchema = z.strictObject({
  csv: text.describe("File of comma-separated values (or tab-separated, `.tsv`) with a header; relative to the recipe"),
  features: z.array(text).min(1).describe("Globs over column names; the columns keep the header's order"),
  label: z.union([text, z.array(text).min(1)]).describe("Column of the label; a list of columns where the loss takes several"),
  split: splitSchema.prefault({}).describe("How rows are held out, drawn by `seed` and stratified where the label is a class; none by default"),
  transform: z.array(transformStepSchema).default([]).describe("What is done to each sample, in this order"),
  input: text.exactOptional().describe("The model's input that samples are fed to; needed where it has several"),
});

const activations = ["relu", "gelu", "tanh", "sigmoid", "hardSwish", "leakyRelu"] as const;

const headLayerSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("dense"),
    units: count.describe("Number of outputs"),
    bias: z.boolean().default(true).describe("Whether a bias is added"),
  }),
  z.strictObject({ type: z.literal("dropout"), rate: fraction.describe("Fraction of values that each training step sets to 0") }),
  z.strictObject({ type: z.literal("activation"), function: z.enum(activations).describe("Which activation") }),
  z.strictObject({ type: z.literal("flatten") }),
  z.strictObject({ type: z.literal("globalAveragePool") }),
]);

const headSchema = z.strictObject({
  after: text.exactOptional().describe("The model's value that the new layers start from; by default the cut that `frostline inspect` proposes"),
  layers: z.array(headLayerSchema).min(1).describe("New layers, from first to last, in place of what follows the cut"),
});

/** Settings that only some losses have. */
export const lossKeys = {
  crossEntropy: ["labelSmoothing", "classWeights"],
  binaryCrossEntropy: [],
  meanSquaredError: [],
  meanAbsoluteError: [],
  huber: ["delta"],
} as const;

const lossSchema = z.strictObject({
  type: z
    .enum(["crossEntropy", "binaryCrossEntropy", "meanSquaredError", "meanAbsoluteError", "huber"])
    .describe(
      "crossEntropy: one label column of classes, output [batch, classes]; binaryCrossEntropy: a column of 0 and 1 for each label, " +
        "output [batch, labels]; meanSquaredError, meanAbsoluteError, huber: numeric label columns",
    ),
  labelSmoothing: z
    .number()
    .min(0)
    .max(1)
    .exactOptional()
    .describe("crossEntropy: share of each target that is spread evenly over all classes; 0 by default"),
  classWeights: z
    .union([z.array(z.number().positive()).min(1), z.literal("balanced")])
    .exactOptional()
    .describe("crossEntropy: what a sample of each class counts; balanced: every class of the training rows counts as much as any other"),
  delta: z.number().positive().exactOptional().describe("huber: difference from where on the loss grows linearly; 1 by default"),
  output: text.exactOptional().describe("The model's output that the loss is taken of; needed where it has several"),
});

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

const decay = z.number().min(0).lt(1);

const optimizerSchema = z.strictObject({
  type: z.enum(["sgd", "adam", "adamw", "rmsprop", "adagrad", "lion", "lamb"]).exactOptional().describe("Which optimizer; adamw by default"),
  learningRate: z.number().min(0).exactOptional().describe("Step size; by default 0.01 with rmsprop and adagrad, 0.0001 with lion, else 0.001"),
  weightDecay: z.number().min(0).exactOptional().describe("0.01 by default with adamw and lamb, else 0; frozen tensors never see it"),
  momentum: z.number().min(0).exactOptional().describe("sgd, rmsprop: share of the last update that goes on; 0 by default"),
  nesterov: z.boolean().exactOptional().describe("sgd: Nesterov's momentum; false by default"),
  dampening: z.number().exactOptional().describe("sgd: what the momentum leaves out of each gradient; 0 by default"),
  betas: z
    .tuple([decay, decay])
    .exactOptional()
    .describe("Decay of the running mean of gradients and of squares; [0.9, 0.999] by default with adam, adamw and lamb, [0.9, 0.99] with lion"),
  epsilon: z
    .number()
    .min(0)
    .exactOptional()
    .describe("Added to the denominator; by default 1e-8 with adam, adamw and rmsprop, 1e-10 with adagrad, 1e-6 with lamb"),
  alpha: decay.exactOptional().describe("rmsprop: decay of the running mean of squares; 0.99 by default"),
  centered: z.boolean().exactOptional().describe("rmsprop: divide by the gradients' standard deviation; false by default"),
  learningRateDecay: z.number().min(0).exactOptional().describe("adagrad: how fast the step size falls with the steps; 0 by default"),
  initialAccumulator: z.number().min(0).exactOptional().describe("adagrad: what the sums of squares start from; 0 by default"),
});

/** Settings that only some schedules have; a warm-up belongs to all. */
export const scheduleKeys = {
  constant: [],
  cosine: ["minimum"],
  linear: ["minimum"],
  step: ["every", "factor"],
  oneCycle: ["peak", "startDivisor", "endDivisor"],
} as const;

const steps = z.number().refine((n) => n < 1 || Number.isInteger(n), { error: "expected a whole number of steps, or a fraction below 1" });

const scheduleSchema = z.strictObject({
  type: z
    .enum(["constant", "cosine", "linear", "step", "oneCycle"])
    .exactOptional()
    .describe("How the learning rate changes over a phase; constant by default"),
  warmup: steps
    .min(0)
    .exactOptional()
    .describe("Steps, or fraction of the phase's steps, over which the learning rate first rises to where the schedule begins; 0 by default"),
  minimum: z.number().min(0).exactOptional().describe("cosine, linear: where the learning rate ends; 0 by default"),
  every: steps
    .positive()
    .exactOptional()
    .describe("step: steps, or fraction of the phase's steps, after which the learning rate falls; a third of the phase by default"),
  factor: z.number().positive().exactOptional().describe("step: what the learning rate is multiplied by; 0.1 by default"),
  peak: fraction.exactOptional().describe("oneCycle: fraction of the phase's steps at which the learning rate is full; 0.3 by default"),
  startDivisor: z.number().positive().exactOptional().describe("oneCycle: the cycle starts at the learning rate over this; 25 by default"),
  endDivisor: z.number().positive().exactOptional().describe("oneCycle: it ends at its start over this; 10,000 by default"),
});

const freeze = rules.describe(
  "Globs over parameter names and paths, in order: the last rule that matches decides. `!` makes trainable. " +
    'By default ["*", "!head.*"] with a head, else []',
);
const stopGradient = z.array(text).describe("Values of the model through which no gradient passes back");
const batchNorm = z
  .enum(["fixed", "update"])
  .describe("fixed: batch normalisation keeps its stored statistics; update: layers that train use the batch's and move their running ones");
const epochs = count.describe("Passes over the training rows");
const batchSize = count.describe("Samples in each training step");

const phaseSchema = z.strictObject({
  name: text.exactOptional().describe("What the phase is called in reports"),
  freeze: freeze.exactOptional(),
  stopGradient: stopGradient.exactOptional(),
  batchNorm: batchNorm.exactOptional(),
  optimizer: optimizerSchema.exactOptional().describe("Settings that differ in this phase; another `type` starts from that type's defaults"),
  schedule: scheduleSchema.exactOptional().describe("The schedule restarts with each phase"),
  epochs: epochs.exactOptional(),
  batchSize: batchSize.exactOptional(),
});

/** A whole recipe. */
export const recipeSchema = z.strictObject({
  $schema: z.string().exactOptional().describe("Where an editor finds this schema; not used otherwise"),
  model: text.describe("The pretrained model, an ONNX file; relative to the recipe"),
  head: headSchema.exactOptional().describe("New layers after a cut. Left out: the model's own layers are trained"),
  freeze: freeze.exactOptional(),
  stopGradient: stopGradient.default([]),
  batchNorm: batchNorm.default("fixed"),
  dropout: z
    .enum(["inactive", "active"])
    .default("inactive")
    .describe("Whether the model's own dropout layers act in training; those of the head always do"),
  data: dataSchema.describe("Samples and labels"),
  loss: lossSchema.describe("What training makes small"),
  metrics: z
    .array(
      z.union([
        z.enum(["accuracy", "confusionMatrix", "precision", "recall", "f1", "auc", "meanAbsoluteError", "rSquared"]),
        z.strictObject({ topKAccuracy: count.describe("How many of the highest scores the class may be among") }),
      ]),
    )
    .exactOptional()
    .describe(
      "What is reported besides the loss; by default accuracy and confusionMatrix with crossEntropy, accuracy with binaryCrossEntropy, " +
        "meanAbsoluteError with the others",
    ),
  optimizer: optimizerSchema.prefault({}).describe("The update rule, with the definitions and defaults of PyTorch or of the paper; AdamW by default"),
  schedule: scheduleSchema.prefault({}).describe("The learning rate over the steps of a phase"),
  batchSize: batchSize.default(32),
  epochs: epochs.default(10),
  seed: z.int().min(0).default(0).describe("Decides the split, the new layers' first weights, the order of samples and dropout"),
  shuffle: z.boolean().default(true).describe("Whether each epoch draws a new order of the training rows"),
  phases: z.array(phaseSchema).min(1).exactOptional().describe("Stages of training, one after the other; each overrides what it names"),
  output: text.exactOptional().describe("Where the trained model is written; relative to the recipe. Left out: nothing is exported"),
  threads: count.exactOptional().describe("Threads of the runtime; by default all cores. Results are the same bits for the same number"),
  provider: text.exactOptional().describe("Execution provider of the runtime, or auto (the default)"),
  cache: z
    .strictObject({
      bytes: z.int().min(0).exactOptional().describe("Limit of `.frostline/cache` beside the recipe; least recently used files go first"),
    })
    .exactOptional()
    .describe("Features of the frozen part that are kept between runs"),
});

/** A recipe as it stands in the file, with defaults filled in where they do not depend on anything else. */
export type Recipe = z.output<typeof recipeSchema>;
export type LossSettings = z.output<typeof lossSchema>;
export type OptimizerOverrides = z.output<typeof optimizerSchema>;
export type ScheduleOverrides = z.output<typeof scheduleSchema>;
export type PhaseSettings = z.output<typeof phaseSchema>;
export type MetricSetting = NonNullable<Recipe["metrics"]>[number];

/** JSON schema (draft 7) of what may be written in a recipe, for an editor's completion. */
export function recipeJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(recipeSchema, { target: "draft-7", io: "input" });
}
