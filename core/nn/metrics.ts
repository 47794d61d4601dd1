// Metrics as sums that grow batch by batch: what a batch adds, and what the sums come to. The loss itself is computed in the graph.

/** Index of the largest of `count` values from `offset` on: the first one on ties. NaN counts as smaller than any number. */
export function argmax(values: ArrayLike<number>, offset = 0, count = values.length - offset): number {
  let best = 0;
  for (let i = 1; i < count; i += 1) {
    const value = values[offset + i];
    if (value > values[offset + best] || (Number.isNaN(values[offset + best]) && !Number.isNaN(value))) best = i;
  }
  return best;
}

/** The class that each sample's scores say, [samples, classes] → [samples]. */
export function predictedClasses(scores: ArrayLike<number>, classes: number): Int32Array {
  return Int32Array.from({ length: Math.floor(scores.length / classes) }, (_, sample) => argmax(scores, sample * classes, classes));
}

/** How many of the predictions are the actual class. */
export function countCorrect(predicted: ArrayLike<number>, actual: ArrayLike<number>): number {
  let correct = 0;
  for (let i = 0; i < actual.length; i += 1) if (predicted[i] === actual[i]) correct += 1;
  return correct;
}

/** Samples by class and by what was predicted for them: `counts[actual][predicted]`. */
export interface ConfusionMatrix {
  readonly classes: number;
  readonly counts: readonly (readonly number[])[];
}

export function emptyConfusion(classes: number): ConfusionMatrix {
  return { classes, counts: Array.from({ length: classes }, () => new Array<number>(classes).fill(0)) };
}

/** The matrix with a batch added; it is left as it was. */
export function addToConfusion({ classes, counts }: ConfusionMatrix, predicted: ArrayLike<number>, actual: ArrayLike<number>): ConfusionMatrix {
  const sums = counts.map((row) => [...row]);
  for (let i = 0; i < actual.length; i += 1) sums[actual[i]][predicted[i]] += 1;
  return { classes, counts: sums };
}

/** Fraction of all samples on the diagonal, 0 to 1; NaN where there are none. */
export function accuracyOf({ counts }: ConfusionMatrix): number {
  const samples = counts.flat().reduce((sum, n) => sum + n, 0);
  return counts.reduce((sum, row, i) => sum + row[i], 0) / samples;
}

/** A sum and the weight that it stands for; `meanOf` is their ratio. */
export interface WeightedSum {
  readonly sum: number;
  readonly weight: number;
}

export const emptySum: WeightedSum = { sum: 0, weight: 0 };

/** Adds a batch's mean with the number of samples that it is the mean of, so that a smaller last batch counts for less. */
export function addMean({ sum, weight }: WeightedSum, mean: number, samples: number): WeightedSum {
  return { sum: sum + mean * samples, weight: weight + samples };
}

/** NaN where nothing was added. */
export function meanOf({ sum, weight }: WeightedSum): number {
  return sum / weight;
}

/** Fraction of labels that the outputs tell rightly: those above `threshold` hold. Targets are 0 or 1; both equally long. */
export function labelAccuracy(outputs: ArrayLike<number>, targets: ArrayLike<number>, threshold: number): number {
  let right = 0;
  for (let i = 0; i < targets.length; i += 1) if (outputs[i] > threshold === (targets[i] === 1)) right += 1;
  return right / targets.length;
}

/** Mean over all elements of |output − target|; both equally long. */
export function meanAbsoluteError(outputs: ArrayLike<number>, targets: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < targets.length; i += 1) sum += Math.abs(outputs[i] - targets[i]);
  return sum / targets.length;
}
