// What samples should give, as the loss reads it: class indices, or numbers in the output's shape.

import type { ClassLabels, NumericTargets } from "../data/labels.js";
import type { AttachedLoss } from "../nn/losses.js";
import type { HostTensor } from "../runtime/executor.js";

export type Targets = ({ readonly kind: "classes" } & ClassLabels) | ({ readonly kind: "values" } & NumericTargets);

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
