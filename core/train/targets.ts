// What samples should give, as the loss reads it: class indices, or labels of 0 and 1 or numbers in the output's shape.

import type { ClassLabels, NumericTargets } from "../data/labels.js";
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
export function lossWeight(targets: Targets, rows: readonly number[]): number {
  const weights = targets.kind === "classes" ? targets.weights : undefined;
  if (targets.kind !== "classes" || weights === undefined) return rows.length;
  return rows.reduce((sum, row) => sum + weights[targets.indices[row]], 0);
}

/** Class indices [rows], or values [rows · columns]. */
export function targetsOf(targets: Targets, rows: readonly number[]): Int32Array | Float32Array {
  if (targets.kind === "classes") return Int32Array.from(rows, (row) => targets.indices[row]);
  const { values, columns } = targets;
  const picked = new Float32Array(rows.length * columns);
  rows.forEach((row, i) => picked.set(values.subarray(row * columns, (row + 1) * columns), i * columns));
  return picked;
}

/** Targets of the samples `rows` in the type and shape that a program takes, its batch bound to their number. */
export function targetTensor(targets: Targets, rows: readonly number[], { dtype, shape }: AttachedLoss["target"]): HostTensor {
  const values = targetsOf(targets, rows);
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
