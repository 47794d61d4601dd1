// What operators that work along axes share: resolving negative axes, vectors of sizes, and naming a type that inference cannot see.

import * as errors from "../errors.js";
import type { GraphBuilder, Value } from "../graph/builder.js";
import type { Dim, Node } from "../graph/types.js";
import { sameBatch, type BatchAxis, type BatchRule } from "./define.js";

/** Bound that reaches past the end of any axis. */
export const beyondEnd = 2 ** 31 - 1;

/** 0, 1, …, count − 1 */
export function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** An axis counted from the front. @throws model/shape where the tensor does not have it */
export function resolveAxis(node: Node, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (resolved < 0 || resolved >= Math.max(rank, 1)) throw errors.shapeMismatch(node, "an axis within", `[${-rank}, ${rank - 1}]`, String(axis));
  return resolved;
}

/** Several axes counted from the front, in ascending order. @throws model/shape for one that is out of range or named twice */
export function resolveAxes(node: Node, axes: readonly number[], rank: number): readonly number[] {
  const resolved = axes.map((axis) => resolveAxis(node, axis, rank)).sort((a, b) => a - b);
  if (new Set(resolved).size !== resolved.length) throw errors.shapeMismatch(node, "each axis", "once", axes.join(", "));
  return resolved;
}

/** `value`, whose type a gradient rule knows to be that of `like` although inference cannot tell (cropped and padded symbolic sizes). */
export function sameTypeAs(value: Value, like: Value): Value {
  return { name: value.name, type: like.type };
}

/** An int64 vector from numbers and one-element vectors; a constant where all are numbers. */
export function vector(b: GraphBuilder, parts: readonly (number | Value)[]): Value {
  if (parts.every((p) => typeof p === "number")) return b.ints(parts);
  const pieces: Value[] = [];
  let numbers: number[] = [];
  const flush = (): void => {
    if (numbers.length > 0) pieces.push(b.ints(numbers));
    numbers = [];
  };
  for (const part of parts) {
    if (typeof part === "number") numbers.push(part);
    else {
      flush();
      pieces.push(part);
    }
  }
  flush();
  return b.concat(pieces, 0);
}

/** Size of one axis: a number where it is static, else a one-element vector. */
export function sizeOf(b: GraphBuilder, x: Value, axis: number): number | Value {
  const size = x.type.shape?.[axis];
  return typeof size === "number" ? size : b.dim(x, axis);
}

/** Merges sizes of one axis that have to be equal: a number is preferred to a symbol. Undefined where they certainly differ. */
export function agree(a: Dim, b: Dim): Dim | undefined {
  if (a === b || typeof b === "string") return a;
  return typeof a === "string" ? b : undefined;
}

/**
 * Samples stay apart and keep their axis as long as the operator does not work along it. `worksAlong` answers the axes it works
 * along (counted from the front), or a reason why they are not known. All operands that vary with the sample share its axis.
 */
export function batchOutside(worksAlong: (site: Parameters<BatchRule>[1]) => readonly number[] | string, doing: string): BatchRule {
  return (axes, site) => {
    const found = commonAxis(axes);
    if (typeof found === "string") return found;
    const along = worksAlong(site);
    if (typeof along === "string") return along;
    if (along.includes(found.axis)) return `${doing} along the axis of the batch`;
    return site.node.outputs.map(() => found);
  };
}

/** Why operands whose samples lie differently end a batch. */
export const differentAxes = "samples of its operands lie along different axes";

/** The one axis that all operands which vary with the sample share, or why there is none. */
export function commonAxis(axes: readonly (BatchAxis | undefined)[]): BatchAxis | string {
  let found: BatchAxis | undefined;
  for (const axis of axes) {
    if (axis === undefined) continue;
    if (found !== undefined && !sameBatch(found, axis)) return differentAxes;
    found = axis;
  }
  return found ?? "no operand varies with the sample";
}
