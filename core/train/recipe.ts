// Reading recipes (`*.finetune.json`): text → checked settings, paths made absolute, phases completed. The keys themselves are
// described in recipe-schema.ts.

import { readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { basename, dirname, isAbsolute, resolve } from "node:path";
import * as errors from "../errors.js";
import type { OptimizerInput, OptimizerSettings } from "../optim/define.js";
import { completeOptimizer } from "../optim/index.js";
import type { EarlyStoppingSettings } from "../optim/plateau.js";
import { completeSchedule, type Schedule } from "../optim/schedules.js";
import { mapPaths, pathsOf } from "./data-schema.js";
import { besideOptimizerKeys, optimizerKeys, scheduleKeys } from "./optimizer-schema.js";
import type { ClipSettings, GroupSettings, OptimizerOverrides, ScheduleOverrides } from "./optimizer-schema.js";
import { problemsOf, RecipeText, type Problem } from "./recipe-problems.js";
import { lossKeys, recipeJsonSchema, recipeSchema, type MetricSetting, type PhaseSettings, type Recipe } from "./recipe-schema.js";

export { recipeJsonSchema } from "./recipe-schema.js";
export type { LossSettings, Recipe } from "./recipe-schema.js";

/** A recipe with all paths absolute. */
export interface ResolvedRecipe extends Omit<Recipe, "metrics"> {
  /** Where the recipe itself lies. */
  readonly path: string;
  /** The recipe's folder: `.frostline` lies here. */
  readonly folder: string;
  readonly metrics: readonly MetricSetting[];
}

/** One stage of training, complete. */
export interface Phase {
  readonly name: string;
  /** Undefined: the default plan, which depends on whether there is a head and on its name. */
  readonly freeze: readonly string[] | undefined;
  readonly stopGradient: readonly string[];
  readonly batchNorm: "fixed" | "update";
  readonly optimizer: OptimizerSettings;
  /** Parameters with settings of their own. */
  readonly groups: readonly GroupSettings[];
  /** Globs of what weight decay touches. */
  readonly decay: readonly string[];
  readonly clip: ClipSettings;
  readonly schedule: Schedule;
  readonly epochs: number;
  readonly batchSize: number;
  /** Batches whose gradients make one step. */
  readonly accumulate: number;
  readonly earlyStopping: EarlyStoppingSettings | undefined;
  /** Share of the weights' running average that stays in each step; undefined where none is kept. */
  readonly averageDecay: number | undefined;
}

/** Reads a recipe's file. @throws usage/recipe-file where it cannot be read; recipe/syntax and recipe/invalid as `parseRecipe`; recipe/output */
export async function loadRecipe(path: string): Promise<ResolvedRecipe> {
  const absolute = resolve(path);
  let text: string;
  try {
    text = await readFile(absolute, "utf8");
  } catch (cause) {
    throw errors.recipeUnreadable(absolute, cause);
  }
  if (text.includes("\0")) throw errors.notARecipe(absolute, "it is no text in UTF-8");
  if (text.trim() === "") throw errors.notARecipe(absolute, "it is empty");
  return resolveRecipe(parseRecipe(text, absolute), absolute);
}

/**
 * Checks a recipe's text: JSON with comments and trailing commas. `path` only names it in messages.
 * @throws recipe/syntax where it is not JSON; recipe/invalid with all problems in `data.problems`, each with line, column and key
 */
export function parseRecipe(text: string, path: string): Recipe {
  const source = new RecipeText(text);
  const name = basename(path);
  if (source.syntaxErrors.length > 0) throw errors.recipeSyntax(name, source.syntaxErrors);
  const parsed = recipeSchema.safeParse(source.value);
  const found = parsed.success ? crossProblems(parsed.data) : problemsOf(parsed.error.issues, recipeJsonSchema(), source.value);
  const problems = [...source.duplicates, ...found].map((problem) => source.locate(problem)).sort((a, b) => a.line - b.line || a.column - b.column);
  if (problems.length > 0 || !parsed.success) throw errors.recipeInvalid(name, problems);
  return parsed.data;
}

/** Makes paths absolute, relative to the recipe's folder. @throws recipe/output where the output would overwrite an input */
export function resolveRecipe(recipe: Recipe, path: string): ResolvedRecipe {
  const folder = dirname(resolve(path));
  const absolute = (file: string): string => (isAbsolute(file) ? resolve(file) : resolve(folder, file));
  const { output, ...rest } = recipe;
  const resolved: ResolvedRecipe = {
    ...rest,
    path: resolve(path),
    folder,
    model: absolute(recipe.model),
    data: mapPaths(recipe.data, absolute),
    metrics: recipe.metrics ?? defaultMetrics[recipe.loss.type],
    ...(output === undefined ? {} : { output: absolute(output) }),
  };
  for (const [file, key] of [[resolved.model, "model"], ...pathsOf(resolved.data), [resolved.path, "the recipe itself"]] as const)
    if (file === resolved.output) throw errors.outputIsInput(file, key);
  return resolved;
}

const defaultMetrics = {
  crossEntropy: ["accuracy", "confusionMatrix"],
  distillation: ["accuracy", "confusionMatrix"],
  binaryCrossEntropy: ["accuracy"],
  meanSquaredError: ["meanAbsoluteError"],
  meanAbsoluteError: ["meanAbsoluteError"],
  huber: ["meanAbsoluteError"],
} as const satisfies Record<Recipe["loss"]["type"], readonly MetricSetting[]>;

const classMetrics: readonly string[] = ["accuracy", "precision", "recall", "f1", "auc"];
const numberMetrics: readonly string[] = ["meanAbsoluteError", "rSquared"];

/** Names of the metrics that go with each loss. */
const metricsOf: Readonly<Record<Recipe["loss"]["type"], readonly string[]>> = {
  crossEntropy: [...classMetrics, "confusionMatrix", "topKAccuracy"],
  distillation: [...classMetrics, "confusionMatrix", "topKAccuracy"],
  binaryCrossEntropy: classMetrics,
  meanSquaredError: numberMetrics,
  meanAbsoluteError: numberMetrics,
  huber: numberMetrics,
};

/** The phases of a recipe in order; one that is made of the recipe's own settings where it names none. */
export function phasesOf(recipe: Pick<Recipe, "phases" | PhaseKey>): readonly Phase[] {
  if (recipe.phases === undefined) return [completePhase(recipe, {}, "train")];
  return recipe.phases.map((phase, i) => completePhase(recipe, phase, defaultName(i)));
}

type PhaseKey = "freeze" | "stopGradient" | "batchNorm" | "optimizer" | "schedule" | "epochs" | "batchSize" | "accumulate" | "earlyStopping" | "ema";

function completePhase(recipe: Pick<Recipe, PhaseKey>, phase: PhaseSettings, name: string): Phase {
  const optimizer = mergeOptimizer(recipe.optimizer, phase.optimizer);
  const ema = phase.ema ?? recipe.ema;
  return {
    name: phase.name ?? name,
    freeze: phase.freeze ?? recipe.freeze,
    stopGradient: phase.stopGradient ?? recipe.stopGradient,
    batchNorm: phase.batchNorm ?? recipe.batchNorm,
    optimizer: completeOptimizer(typedOptimizer(optimizer)),
    groups: optimizer.groups ?? [],
    decay: optimizer.decay ?? ["*"],
    clip: optimizer.clip ?? {},
    schedule: completeSchedule(mergeSchedule(recipe.schedule, phase.schedule)),
    epochs: phase.epochs ?? recipe.epochs,
    batchSize: phase.batchSize ?? recipe.batchSize,
    accumulate: phase.accumulate ?? recipe.accumulate,
    earlyStopping: (phase.earlyStopping ?? recipe.earlyStopping) || undefined,
    averageDecay: ema ? ema.decay : undefined,
  };
}

/**
 * The recipe's optimizer with a phase's changes. Where the phase names another type, only what all types mean alike carries over: the
 * other settings, and the weight decay, belong to the type that they were written for.
 */
function mergeOptimizer(base: OptimizerOverrides, phase: OptimizerOverrides = {}): OptimizerOverrides {
  const type = base.type ?? "adamw";
  if (phase.type === undefined || phase.type === type) return { ...base, ...phase };
  return { ...pick(base, (key) => key === "learningRate" || besideOptimizerKeys.includes(key)), ...phase };
}

/** The update rule's own settings. */
function typedOptimizer(settings: OptimizerOverrides): OptimizerInput {
  return { ...pick(settings, (key) => !besideOptimizerKeys.includes(key)), type: settings.type ?? "adamw" };
}

function pick(settings: OptimizerOverrides, wanted: (key: string) => boolean): OptimizerOverrides {
  return Object.fromEntries(Object.entries(settings).filter(([key]) => wanted(key)));
}

/** As for optimizers: another type starts from its own defaults. */
function mergeSchedule(base: ScheduleOverrides, phase: ScheduleOverrides = {}): ScheduleOverrides {
  const type = base.type ?? "constant";
  return phase.type === undefined || phase.type === type ? { ...base, ...phase } : phase;
}

/** What is wrong between keys that are each fine by themselves. */
export function crossProblems(recipe: Recipe): readonly Problem[] {
  const { phases = [] } = recipe;
  return [
    ...optimizerProblems(recipe.optimizer, recipe.optimizer, ["optimizer"]),
    ...scheduleProblems(recipe.schedule, recipe.schedule, ["schedule"]),
    ...phases.flatMap(({ optimizer = {}, schedule = {} }, i) => [
      ...optimizerProblems(mergeOptimizer(recipe.optimizer, optimizer), optimizer, ["phases", i, "optimizer"]),
      ...scheduleProblems(mergeSchedule(recipe.schedule, schedule), schedule, ["phases", i, "schedule"]),
    ]),
    ...lossProblems(recipe),
    ...samplingProblems(recipe),
    ...phaseNameProblems(phases),
    ...threadProblems(recipe.threads),
  ];
}

/** Threads beyond the cores only cost memory and time; far beyond them the system has none left. */
function threadProblems(threads = 1): readonly Problem[] {
  const cores = cpus().length;
  const most = 4 * Math.max(1, cores);
  return threads <= most
    ? []
    : [{ path: ["threads"], message: `expected at most ${most}, four for each of this machine's ${cores} cores, got ${threads}` }];
}

/** Reports and records tell phases by their names. */
function phaseNameProblems(phases: readonly PhaseSettings[]): readonly Problem[] {
  const names = phases.map(({ name }, i) => name ?? defaultName(i));
  return phases.flatMap(({ name }, i): readonly Problem[] => {
    const first = names.indexOf(names[i]);
    return name === undefined || first === i ? [] : [{ path: ["phases", i, "name"], message: `phase ${first + 1} is called "${name}" as well` }];
  });
}

function defaultName(index: number): string {
  return `phase ${index + 1}`;
}

/** `merged` is what applies, `written` what stands at `path`. */
function optimizerProblems(merged: OptimizerOverrides, written: OptimizerOverrides, path: readonly (string | number)[]): readonly Problem[] {
  const { type = "adamw" } = merged;
  const foreign = foreignKeys(type, ["learningRate", "weightDecay", ...besideOptimizerKeys, ...optimizerKeys[type]], written, path);
  if (foreign.length > 0) return foreign;
  const idle = (written.groups ?? []).findIndex((group) => group.learningRate === undefined && group.weightDecay === undefined);
  if (idle >= 0) return [{ path: [...path, "groups", idle], message: "expected a learningRate, a weightDecay or both" }];
  if (Object.keys(written).length === 0) return [];
  try {
    completeOptimizer(typedOptimizer(merged));
    return [];
  } catch (error) {
    if (!(error instanceof errors.EngineError)) throw error;
    const { setting, expected, got } = error.data;
    return [{ path: [...path, String(setting)], message: `expected ${String(expected)}, got ${String(got)}` }];
  }
}

function scheduleProblems(merged: ScheduleOverrides, written: ScheduleOverrides, path: readonly (string | number)[]): readonly Problem[] {
  const { type = "constant", factor = 0 } = merged;
  const foreign = foreignKeys(type, ["warmup", ...scheduleKeys[type]], written, path);
  if (type !== "reduceOnPlateau" || factor < 1) return foreign;
  return [...foreign, { path: [...path, "factor"], message: `expected a number below 1 with reduceOnPlateau, got ${factor}` }];
}

/** Settings that stand at `path` and that `type`, which applies there, does not have. */
function foreignKeys(type: string, known: readonly string[], written: object, path: readonly (string | number)[]): readonly Problem[] {
  return Object.keys(written)
    .filter((key) => key !== "type" && !known.includes(key))
    .map((key) => ({ path: [...path, key], message: `"${key}" is no setting of ${type}`, hint: `${type} has ${known.join(", ")}.`, atKey: true }));
}

function samplingProblems({ sampling, loss }: Recipe): readonly Problem[] {
  if (sampling === "all") return [];
  if (loss.type !== "crossEntropy" && loss.type !== "distillation")
    return [{ path: ["sampling"], message: `"balanced" goes with classes, ${loss.type} has none` }];
  if (loss.classWeights !== "balanced") return [];
  return [{ path: ["sampling"], message: `"balanced" sampling and "balanced" classWeights do the same: take one of them` }];
}

function lossProblems({ loss, data, metrics = [] }: Recipe): readonly Problem[] {
  const problems = [...foreignKeys(loss.type, ["output", ...lossKeys[loss.type]], loss, ["loss"])];
  if ((loss.type === "crossEntropy" || loss.type === "distillation") && typeof data.label === "object" && data.label.length > 1)
    problems.push({
      path: ["data", "label"],
      message: `${loss.type} takes one label column, got ${data.label.length}`,
      hint: "Several columns go with binaryCrossEntropy where they are 0 or 1, and with meanSquaredError where they are numbers.",
    });
  const allowed = metricsOf[loss.type];
  const names = metrics.map((metric) => (typeof metric === "string" ? metric : "topKAccuracy"));
  for (const [i, name] of names.entries()) {
    if (!allowed.includes(name))
      problems.push({ path: ["metrics", i], message: `"${name}" does not go with ${loss.type}`, hint: `${loss.type} has ${allowed.join(", ")}.` });
    else if (names.indexOf(name) < i) problems.push({ path: ["metrics", i], message: `"${name}" stands twice` });
  }
  return problems;
}
