// Arithmetic on whole vectors, in place: what a step does to gradients and weights besides the update rules. Each has a kernel and a loop of
// the same operations in the same order, so that both give the same bits.

import { endOf, kernelsFor } from "./arena.js";

const { fround, max, min } = Math;

/** Sum of all squares in float64: every fourth element by itself, then the four sums. */
export function sumOfSquares(x: Float32Array): number {
  const kernels = kernelsFor(x);
  if (kernels !== undefined) return kernels.sumOfSquares(x.byteOffset, endOf(x));
  const sums = new Float64Array(4);
  for (let i = 0; i < x.length; i += 1) sums[i & 3] += x[i] * x[i];
  return totalOf(sums);
}

/** Four sums as one, in the kernels' order. */
export function totalOf(sums: Float64Array): number {
  return sums[0] + sums[1] + (sums[2] + sums[3]);
}

/** x ← factor·x, the factor rounded to float32. */
export function scale(x: Float32Array, factor: number): void {
  const kernels = kernelsFor(x);
  const f = fround(factor);
  if (kernels !== undefined) return kernels.scale(x.byteOffset, endOf(x), f);
  for (let i = 0; i < x.length; i += 1) x[i] *= f;
}

/** x ← x within ±limit, the limit rounded to float32. */
export function clamp(x: Float32Array, limit: number): void {
  const kernels = kernelsFor(x);
  const most = fround(limit);
  if (kernels !== undefined) return kernels.clamp(x.byteOffset, endOf(x), most);
  for (let i = 0; i < x.length; i += 1) x[i] = max(min(x[i], most), -most);
}

/** x ← keep·x + share·y, both factors rounded to float32. `x` and `y` are equally long. */
export function mix(x: Float32Array, y: Float32Array, keep: number, share: number): void {
  const kernels = kernelsFor(x, y);
  const [k, s] = [fround(keep), fround(share)];
  if (kernels !== undefined) return kernels.mix(x.byteOffset, y.byteOffset, endOf(x), k, s);
  for (let i = 0; i < x.length; i += 1) x[i] = fround(k * x[i]) + fround(s * y[i]);
}
