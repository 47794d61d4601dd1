// Metrics over rows of data: sums gathered batch by batch while training, and whole passes in inference form.

import { batches } from "../data/split.js";
import {
  addMean,
  classAuc,
  countCorrect,
  confusionOf,
  labelAccuracy,
  labelAuc,
  macroScores,
  meanAbsoluteError,
  meanOf,
  predictedClasses,
  rSquared,
  talliesOfClasses,
  talliesOfLabels,
  topKAccuracy,
  type ConfusionMatrix,
  type WeightedSum,
} from "../nn/metrics.js";
import type { MetricSetting } from "./recipe-schema.js";
import { lossWeight, targetsOf, type Targets } from "./targets.js";
import type { BatchResult, PhaseRuntime, Weights } from "./phase-runtime.js";
import { emptySums, type EpochSums, type SetMetrics } from "./state.js";

export interface Evaluation {
  readonly metrics: SetMetrics;
  /** Where targets are classes, and it is wanted. */
  readonly confusion?: ConfusionMatrix;
}

/** The sums with a batch added. */
export function addBatch(sums: EpochSums, targets: Targets, rows: readonly number[], { loss, prediction, mixes }: BatchResult): EpochSums {
  const actual = targetsOf(targets, rows);
  const scores = prediction.data as Float32Array;
  return {
    loss: addMean(sums.loss, loss, lossWeight(targets, rows, mixes)),
    score: addScore(sums.score, targets, scores, actual, rows.length),
  };
}

function addScore(score: WeightedSum, targets: Targets, scores: Float32Array, actual: ArrayLike<number>, samples: number): WeightedSum {
  switch (targets.kind) {
    case "classes":
      return { sum: score.sum + countCorrect(predictedClasses(scores, scores.length / samples), actual), weight: score.weight + samples };
    case "labels":
      return addMean(score, labelAccuracy(scores, actual, targets.threshold), samples);
    case "values":
      return addMean(score, meanAbsoluteError(scores, actual), samples);
  }
}

/** What sums come to, as far as it is wanted besides the loss. */
export function setMetrics({ loss, score }: EpochSums, targets: Targets, wanted: readonly MetricSetting[]): SetMetrics {
  const name = targets.kind === "values" ? "meanAbsoluteError" : "accuracy";
  return { loss: meanOf(loss), ...(wanted.includes(name) ? { [name]: meanOf(score) } : {}) };
}

/** Above this many classes a confusion matrix is too large to report. */
export const mostConfusionClasses = 1000;

export interface EvaluationOptions {
  readonly batchSize: number;
  readonly wanted: readonly MetricSetting[];
  /** Asked between batches; true ends the evaluation without an answer. */
  readonly stopRequested: () => boolean;
}

/** Loss and wanted metrics of the given weights on `rows`, in inference form; undefined where a stop came. */
export async function evaluateRows(
  runtime: PhaseRuntime,
  targets: Targets,
  rows: Uint32Array,
  weights: Weights,
  { batchSize, wanted, stopRequested }: EvaluationOptions,
): Promise<Evaluation | undefined> {
  const needsAll = wanted.some((metric) => typeof metric === "object" || !summed.includes(metric));
  const gathered: Float32Array[] = [];
  const predicted: number[] = [];
  let classes = 0;
  let sums = emptySums();
  for (const part of batches(rows, batchSize)) {
    if (stopRequested()) return undefined;
    const batch = [...part];
    const result = await runtime.evaluate(batch, weights);
    const scores = result.prediction.data as Float32Array;
    sums = addBatch(sums, targets, batch, result);
    if (needsAll) gathered.push(scores.slice());
    if (targets.kind !== "classes") continue;
    classes = scores.length / batch.length;
    for (const found of predictedClasses(scores, classes)) predicted.push(found);
  }
  const metrics = setMetrics(sums, targets, wanted);
  const hasConfusion = targets.kind === "classes" && wanted.includes("confusionMatrix") && classes <= mostConfusionClasses;
  return {
    metrics: needsAll ? { ...metrics, ...wholeSetMetrics(joined(gathered), targets, [...rows], predicted, wanted) } : metrics,
    ...(hasConfusion ? { confusion: confusionOf(predicted, targetsOf(targets, [...rows]), classes) } : {}),
  };
}

/** Metrics that need no more than sums. */
const summed: readonly MetricSetting[] = ["accuracy", "confusionMatrix", "meanAbsoluteError"];

/** Metrics over all outputs of a set; those that are not defined for it are left out. */
function wholeSetMetrics(
  scores: Float32Array,
  targets: Targets,
  rows: readonly number[],
  predicted: readonly number[],
  wanted: readonly MetricSetting[],
): Omit<SetMetrics, "loss"> {
  const actual = targetsOf(targets, rows);
  const width = scores.length / rows.length;
  if (targets.kind === "values") return wanted.includes("rSquared") ? defined({ rSquared: rSquared(scores, actual, width) }) : {};
  const tallies = targets.kind === "classes" ? talliesOfClasses(predicted, actual, width) : talliesOfLabels(scores, actual, width, targets.threshold);
  const macro = macroScores(tallies);
  const top = wanted.find((metric) => typeof metric === "object")?.topKAccuracy;
  const auc = (): number | undefined =>
    targets.kind === "classes" ? classAuc(scores, width, actual, targets.logits) : labelAuc(scores, actual, width);
  return defined({
    ...(top === undefined ? {} : { topKAccuracy: topKAccuracy(scores, width, actual, top) }),
    ...(wanted.includes("precision") ? { precision: macro.precision } : {}),
    ...(wanted.includes("recall") ? { recall: macro.recall } : {}),
    ...(wanted.includes("f1") ? { f1: macro.f1 } : {}),
    ...(wanted.includes("auc") ? { auc: auc() } : {}),
  });
}

function defined(metrics: Readonly<Record<string, number | undefined>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(metrics).filter((entry): entry is [string, number] => entry[1] !== undefined));
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
