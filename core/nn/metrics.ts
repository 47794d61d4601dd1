// Metrics: sums that grow batch by batch (what a batch adds, and what the sums come to), and those that need all samples of a set at once.
// The loss itself is computed in the graph.

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

export function confusionOf(predicted: ArrayLike<number>, actual: ArrayLike<number>, classes: number): ConfusionMatrix {
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < actual.length; i += 1) counts[actual[i]][predicted[i]] += 1;
  return { classes, counts };
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

/** Fraction of samples whose class is among the `k` with the highest scores; of equal scores the first classes count. */
export function topKAccuracy(scores: ArrayLike<number>, classes: number, actual: ArrayLike<number>, k: number): number {
  let right = 0;
  for (let i = 0; i < actual.length; i += 1) {
    const own = scores[i * classes + actual[i]];
    let before = 0;
    for (let c = 0; c < classes; c += 1) {
      const other = scores[i * classes + c];
      if (other > own || (other === own && c < actual[i]) || (Number.isNaN(own) && !Number.isNaN(other))) before += 1;
    }
    if (before < k) right += 1;
  }
  return right / actual.length;
}

/** How often one class or label was predicted, is actual, and both. */
export interface Tally {
  readonly predicted: number;
  readonly actual: number;
  readonly both: number;
}

/** Of classes, one a sample. */
export function talliesOfClasses(predicted: ArrayLike<number>, actual: ArrayLike<number>, classes: number): readonly Tally[] {
  const tallies = Array.from({ length: classes }, () => ({ predicted: 0, actual: 0, both: 0 }));
  for (let i = 0; i < actual.length; i += 1) {
    tallies[predicted[i]].predicted += 1;
    tallies[actual[i]].actual += 1;
    if (predicted[i] === actual[i]) tallies[actual[i]].both += 1;
  }
  return tallies;
}

/** Of labels that hold or not, [samples, labels]; those above `threshold` are predicted. */
export function talliesOfLabels(outputs: ArrayLike<number>, targets: ArrayLike<number>, labels: number, threshold: number): readonly Tally[] {
  const tallies = Array.from({ length: labels }, () => ({ predicted: 0, actual: 0, both: 0 }));
  for (let i = 0; i < targets.length; i += 1) {
    const tally = tallies[i % labels];
    const [predicted, actual] = [Number(outputs[i] > threshold), targets[i]];
    tally.predicted += predicted;
    tally.actual += actual;
    tally.both += predicted * actual;
  }
  return tallies;
}

/**
 * Precision, recall and F1, as means over the classes that are predicted or actual anywhere; 0 where a class has nothing to divide by.
 * Source: sklearn.metrics.precision_recall_fscore_support with average="macro",
 * https://scikit-learn.org/stable/modules/generated/sklearn.metrics.precision_recall_fscore_support.html
 */
export function macroScores(tallies: readonly Tally[]): { readonly precision: number; readonly recall: number; readonly f1: number } {
  const present = tallies.filter(({ predicted, actual }) => predicted + actual > 0);
  const mean = (of: (tally: Tally) => number): number => present.reduce((sum, tally) => sum + of(tally), 0) / Math.max(1, present.length);
  const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
  return {
    precision: mean(({ both, predicted }) => ratio(both, predicted)),
    recall: mean(({ both, actual }) => ratio(both, actual)),
    f1: mean(({ both, predicted, actual }) => ratio(2 * both, predicted + actual)),
  };
}

/**
 * Area under the ROC curve: how often a positive sample scores higher than a negative one, ties counting half. Undefined where there are no
 * samples of either kind, or a score is no number. Source: Hanley and McNeil 1982; Mann and Whitney's U over ranks.
 */
export function areaUnderCurve(scores: readonly number[], positive: readonly boolean[]): number | undefined {
  const positives = positive.filter(Boolean).length;
  const negatives = positive.length - positives;
  if (positives === 0 || negatives === 0 || scores.some(Number.isNaN)) return undefined;
  const order = scores.map((_, i) => i).sort((a, b) => scores[a] - scores[b] || 0);
  let rankSum = 0;
  for (let from = 0, to = 0; from < order.length; from = to) {
    while (to < order.length && scores[order[to]] === scores[order[from]]) to += 1;
    // Ranks count from 1; tied scores share the mean of theirs.
    for (let i = from; i < to; i += 1) if (positive[order[i]]) rankSum += (from + 1 + to) / 2;
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/**
 * AUC of classes: with two of them that of the second, else the mean over each class against the rest, by probability. Classes without
 * samples of both kinds are left out; undefined where all are. `logits`: scores are not probabilities (or their logarithms) yet.
 */
export function classAuc(scores: ArrayLike<number>, classes: number, actual: ArrayLike<number>, logits: boolean): number | undefined {
  const samples = Array.from({ length: actual.length }, (_, i) => i);
  const column = (of: (sample: number) => number, c: number): number | undefined =>
    areaUnderCurve(
      samples.map(of),
      samples.map((i) => actual[i] === c),
    );
  if (classes === 2) return column((i) => scores[2 * i + 1] - scores[2 * i], 1);
  const shift = samples.map((i) => (logits ? logSumExp(scores, i * classes, classes) : 0));
  return meanOfDefined(Array.from({ length: classes }, (_, c) => column((i) => scores[i * classes + c] - shift[i], c)));
}

/** Mean AUC over labels that hold or not, [samples, labels]; those that hold for all samples or none are left out. */
export function labelAuc(scores: ArrayLike<number>, targets: ArrayLike<number>, labels: number): number | undefined {
  const samples = Array.from({ length: targets.length / labels }, (_, i) => i);
  const of = (label: number): number | undefined =>
    areaUnderCurve(
      samples.map((i) => scores[i * labels + label]),
      samples.map((i) => targets[i * labels + label] === 1),
    );
  return meanOfDefined(Array.from({ length: labels }, (_, label) => of(label)));
}

function logSumExp(values: ArrayLike<number>, offset: number, count: number): number {
  const most = values[offset + argmax(values, offset, count)];
  let sum = 0;
  for (let i = 0; i < count; i += 1) sum += Math.exp(values[offset + i] - most);
  return most + Math.log(sum);
}

function meanOfDefined(values: readonly (number | undefined)[]): number | undefined {
  const defined = values.filter((value) => value !== undefined);
  return defined.length === 0 ? undefined : defined.reduce((sum, value) => sum + value, 0) / defined.length;
}

/**
 * Coefficient of determination, 1 − Σ(target − output)² ⁄ Σ(target − mean)², as a mean over columns, [samples, columns]. Columns whose targets
 * are all equal are left out; undefined where all are.
 */
export function rSquared(outputs: ArrayLike<number>, targets: ArrayLike<number>, columns: number): number | undefined {
  const samples = targets.length / columns;
  const of = (column: number): number | undefined => {
    let [sum, residual, spread] = [0, 0, 0];
    for (let i = column; i < targets.length; i += columns) sum += targets[i];
    for (let i = column; i < targets.length; i += columns) {
      residual += (targets[i] - outputs[i]) ** 2;
      spread += (targets[i] - sum / samples) ** 2;
    }
    return spread === 0 || !Number.isFinite(residual) ? undefined : 1 - residual / spread;
  };
  return meanOfDefined(Array.from({ length: columns }, (_, column) => of(column)));
}
