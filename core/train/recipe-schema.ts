// The shape of a recipe (`*.finetune.json`): every key with its meaning, bounds and default. The editor's completion and the checks of
// the command line both come from here; reading, resolving and phases are in recipe.ts.

import { z } from "zod";
import { providers } from "../runtime/providers.js";
import { dataSchema } from "./data-schema.js";
import { accumulate, earlyStopping, ema, optimizerSchema, scheduleSchema } from "./optimizer-schema.js";

const text = z.string().min(1);
const count = z.int().min(1);
const rules = z.array(text);

const fraction = z.number().min(0).lt(1);

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
  distillation: ["temperature", "alpha"],
  binaryCrossEntropy: [],
  meanSquaredError: [],
  meanAbsoluteError: [],
  huber: ["delta"],
} as const;

const lossSchema = z.strictObject({
  type: z
    .enum(["crossEntropy", "distillation", "binaryCrossEntropy", "meanSquaredError", "meanAbsoluteError", "huber"])
    .describe(
      "crossEntropy: one label column of classes, output [batch, classes]; distillation: the same, and to stay close to what the base model " +
        "answers; binaryCrossEntropy: a column of 0 and 1 for each label, " +
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
  temperature: z
    .number()
    .positive()
    .exactOptional()
    .describe("distillation: what the logits of both models are divided by: higher ones tell more of unlikely classes; 2 by default"),
  alpha: z
    .number()
    .min(0)
    .max(1)
    .exactOptional()
    .describe("distillation: share of the base model in the loss; the labels have the rest; 0.5 by default"),
  delta: z.number().positive().exactOptional().describe("huber: difference from where on the loss grows linearly; 1 by default"),
  output: text.exactOptional().describe("The model's output that the loss is taken of; needed where it has several"),
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
const batchSize = count.describe("Samples that are computed at once; all of a training step unless gradients are accumulated");

const phaseSchema = z.strictObject({
  name: text.exactOptional().describe("What the phase is called in reports"),
  freeze: freeze.exactOptional(),
  stopGradient: stopGradient.exactOptional(),
  batchNorm: batchNorm.exactOptional(),
  optimizer: optimizerSchema.exactOptional().describe("Settings that differ in this phase; another `type` starts from that type's defaults"),
  schedule: scheduleSchema.exactOptional().describe("The schedule restarts with each phase"),
  epochs: epochs.exactOptional(),
  batchSize: batchSize.exactOptional(),
  accumulate: accumulate.exactOptional(),
  earlyStopping: z.union([earlyStopping, z.literal(false)]).exactOptional(),
  ema: z.union([ema, z.literal(false)]).exactOptional(),
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
  accumulate: accumulate.default(1),
  epochs: epochs.default(10),
  earlyStopping: earlyStopping.exactOptional(),
  ema: ema.exactOptional(),
  seed: z.int().min(0).default(0).describe("Decides the split, the new layers' first weights, the order of samples and dropout"),
  sampling: z
    .enum(["all", "balanced"])
    .default("all")
    .describe("crossEntropy: balanced draws as many rows each epoch as there are to train on, every class equally often; all: each row once"),
  shuffle: z.boolean().default(true).describe("Whether each epoch draws a new order of the training rows"),
  phases: z.array(phaseSchema).min(1).exactOptional().describe("Stages of training, one after the other; each overrides what it names"),
  output: text.exactOptional().describe("Where the trained model is written; relative to the recipe. Left out: nothing is exported"),
  threads: count.exactOptional().describe("Threads of the runtime; by default all cores. Results are the same bits for the same number"),
  provider: z
    .enum(["auto", ...providers])
    .exactOptional()
    .describe("What computes; auto (the default) takes the first of cpu and wasm that works. Devices are used where they are named"),
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
export type PhaseSettings = z.output<typeof phaseSchema>;
export type MetricSetting = NonNullable<Recipe["metrics"]>[number];

/** JSON schema (draft 7) of what may be written in a recipe, for an editor's completion. */
export function recipeJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(recipeSchema, { target: "draft-7", io: "input" });
}
