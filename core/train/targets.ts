// What samples should give, as the loss reads it: class indices, or labels of 0 and 1 or numbers in the output's shape.

import type { ClassLabels, NumericTargets } from "../data/labels.js";
import type { Mix } from "../data/augment.js";
import type { AttachedLoss } from "../nn/losses.js";
import type { HostTensor } from "../runtime/executor.js";

export interface ClassTargets extends ClassLabels {
  readonly kind: "classes";
  /** What a sample of each class counts in the loss; 1 unless given. */
  readonly weights?: readonly number[];
  /** The model's output is logits, not probabilities or their logarithms. */
  readonly logits: boolean;
}

/** Labels that hold or not, each for itself. */
export interface LabelTargets extends NumericTargets {
  readonly kind: "labels";
  /** The output above which a label holds: 0 for logits, 0.5 for probabilities. */
  readonly threshold: number;
}

export type Targets = ClassTargets | LabelTargets | ({ readonly kind: "values" } & NumericTargets);

/** What the mean loss of a batch stands for, so that means of several batches add up to the mean of all: samples, or their class weights. */
export function lossWeight(targets: Targets, rows: readonly number[], mixes?: readonly Mix[]): number {
  const weights = targets.kind === "classes" ? targets.weights : undefined;
  if (targets.kind !== "classes" || weights === undefined) return rows.length;
  const weightOf = (row: number): number => weights[targets.indices[row]];
  return rows.reduce((sum, row, i) => {
    const mix = mixes?.[i];
    return sum + (mix === undefined ? weightOf(row) : mix.share * weightOf(row) + (1 - mix.share) * weightOf(mix.partner));
  }, 0);
}

/** Class indices [rows], or values [rows · columns]. */
export function targetsOf(targets: Targets, rows: readonly number[]): Int32Array | Float32Array {
  if (targets.kind === "classes") return Int32Array.from(rows, (row) => targets.indices[row]);
  const { values, columns } = targets;
  const picked = new Float32Array(rows.length * columns);
  rows.forEach((row, i) => picked.set(values.subarray(row * columns, (row + 1) * columns), i * columns));
  return picked;
}

/** Shares of each class [rows · classes], or mixed values [rows · columns]. */
function mixedTargets(targets: Targets, rows: readonly number[], mixes: readonly Mix[]): Float32Array {
  const partners = targetsOf(targets, mixes.map((mix) => mix.partner)); // prettier-ignore
  const own = targetsOf(targets, rows);
  if (targets.kind !== "classes") {
    const { columns } = targets;
    return Float32Array.from(
      own,
      (value, i) => mixes[Math.floor(i / columns)].share * value + (1 - mixes[Math.floor(i / columns)].share) * partners[i],
    );
  }
  const shares = new Float32Array(rows.length * targets.classes);
  for (const [i, { share }] of mixes.entries()) {
    shares[i * targets.classes + own[i]] += share;
    shares[i * targets.classes + partners[i]] += 1 - share;
  }
  return shares;
}

/** Targets of the samples `rows`, mixed as they are, in the type and shape that a program takes, its batch bound to their number. */
export function targetTensor(
  targets: Targets,
  rows: readonly number[],
  { dtype, shape }: AttachedLoss["target"],
  mixes?: readonly Mix[],
): HostTensor {
  const values = mixes === undefined ? targetsOf(targets, rows) : mixedTargets(targets, rows, mixes);
  const data = dtype === "int64" ? BigInt64Array.from(values as Int32Array, BigInt) : dtype === "float64" ? Float64Array.from(values) : values;
  return { dtype, shape: shape as readonly number[], data };
}

/** Targets of the rows that `rows` lists, in that order. */
export function selectTargets(targets: Targets, rows: Uint32Array): Targets {
  if (targets.kind === "classes")
    return rows.length === targets.indices.length ? targets : { ...targets, indices: Int32Array.from(rows, (row) => targets.indices[row]) };
  const { values, columns } = targets;
  if (rows.length * columns === values.length) return targets;
  const picked = new Float32Array(rows.length * columns);
  rows.forEach((row, i) => picked.set(values.subarray(row * columns, (row + 1) * columns), i * columns));
  return { ...targets, values: picked };
}
