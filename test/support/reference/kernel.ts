// What a reference kernel is, and the indexing that they share.

import type { Node } from "../../../core/graph/types.js";
import type { HostTensor } from "../../../core/runtime/executor.js";

/** Outputs from inputs; an absent optional input is undefined. */
export type Kernel = (node: Node, inputs: readonly HostTensor[]) => readonly HostTensor[];

export function float64(shape: readonly number[], data: Float64Array): HostTensor {
  return { dtype: "float64", shape, data };
}

export function values(tensor: HostTensor): Float64Array {
  return tensor.data as Float64Array;
}

export function product(sizes: readonly number[]): number {
  return sizes.reduce((a, d) => a * d, 1);
}

/** Every index of a shape in row-major order. */
export function* indicesOf(shape: readonly number[]): Generator<readonly number[]> {
  const index = shape.map(() => 0);
  for (let n = product(shape); n > 0; n--) {
    yield index;
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
}

/** Position of an index in row-major order. */
export function offset(shape: readonly number[], index: readonly number[]): number {
  return shape.reduce((at, size, axis) => at * size + index[axis], 0);
}

/** Reads `tensor` at an index of a shape that it broadcasts to. */
export function broadcastAt(tensor: HostTensor, index: readonly number[]): number {
  const lead = index.length - tensor.shape.length;
  return values(tensor)[offset(tensor.shape, tensor.shape.map((size, axis) => (size === 1 ? 0 : index[axis + lead])))]; // prettier-ignore
}

export function broadcastShape(shapes: readonly (readonly number[])[]): readonly number[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, axis) => Math.max(...shapes.map((s) => s[axis - rank + s.length] ?? 1)));
}
