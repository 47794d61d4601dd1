// Metrics over rows of data: sums gathered batch by batch while training, and whole passes in inference form.

import {
  addMean,
  addToConfusion,
  countCorrect,
  emptyConfusion,
  labelAccuracy,
  meanAbsoluteError,
  meanOf,
  predictedClasses,
  type ConfusionMatrix,
  type WeightedSum,
} from "../nn/metrics.js";
import { lossWeight, targetsOf, type Targets } from "./targets.js";
import type { BatchResult, PhaseRuntime, Weights } from "./phase-runtime.js";
import { emptySums, type EpochSums, type SetMetrics } from "./state.js";

export interface Evaluation {
  readonly metrics: SetMetrics;
  /** Where targets are classes. */
  readonly confusion?: ConfusionMatrix;
}

/** The sums with a batch added. */
export function addBatch(sums: EpochSums, targets: Targets, rows: readonly number[], { loss, prediction }: BatchResult): EpochSums {
  const actual = targetsOf(targets, rows);
  const scores = prediction.data as Float32Array;
  return {
    loss: addMean(sums.loss, loss, lossWeight(targets, rows)),
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

/** What sums come to. */
export function setMetrics({ loss, score }: EpochSums, targets: Targets): SetMetrics {
  return { loss: meanOf(loss), ...(targets.kind === "values" ? { meanAbsoluteError: meanOf(score) } : { accuracy: meanOf(score) }) };
}

/** Loss and metrics of the given weights on `rows`, in inference form. */
export async function evaluateRows(
  runtime: PhaseRuntime,
  targets: Targets,
  rows: Uint32Array,
  batchSize: number,
  weights: Weights,
): Promise<Evaluation> {
  let sums = emptySums();
  let confusion: ConfusionMatrix | undefined;
  for (let start = 0; start < rows.length; start += batchSize) {
    const batch = [...rows.subarray(start, start + batchSize)];
    const result = await runtime.evaluate(batch, weights);
    sums = addBatch(sums, targets, batch, result);
    if (targets.kind !== "classes") continue;
    const scores = result.prediction.data as Float32Array;
    const classes = scores.length / batch.length;
    confusion = addToConfusion(confusion ?? emptyConfusion(classes), predictedClasses(scores, classes), targetsOf(targets, batch));
  }
  return { metrics: setMetrics(sums, targets), ...(confusion === undefined ? {} : { confusion }) };
}
