// Integer arithmetic on sizes that may be symbolic: how shapes that a graph computes for itself stay known.

import { add, divideExactly, elementCount, expression, multiply } from "../graph/dims.js";
import type { Dim } from "../graph/types.js";
import { range } from "./axes.js";
import type { FoldRule } from "./define.js";
import { longestFollowed } from "./facts.js";

/** One element from the elements that broadcasting pairs up; undefined where it cannot be told. */
type FoldElement = (...elements: readonly Dim[]) => Dim | undefined;

/** Folds an elementwise operator on integer scalars and vectors. */
export function foldElementwise(f: FoldElement): FoldRule {
  return ({ inputs }) => {
    const operands = inputs.map((i) => i.ints);
    if (!operands.every((o) => o !== undefined) || inputs.some((i) => (i.type?.shape?.length ?? 0) > 1)) return [undefined];
    const count = operands.some((o) => o.length === 0) ? 0 : Math.max(...operands.map((o) => o.length));
    if (count > longestFollowed || operands.some((o) => o.length !== 1 && o.length !== count)) return [undefined];
    const out: Dim[] = [];
    for (let i = 0; i < count; i++) {
      const element = f(...operands.map((o) => o[o.length === 1 ? 0 : i]));
      if (element === undefined) return [undefined];
      out.push(element);
    }
    return [out];
  };
}

/**
 * Elements of a row-major tensor at some places along each axis (all of them where left out), the axes taken in an order of their own:
 * what cuts and permutes integers that are laid out as a matrix, as exporters do with padding.
 */
export function pickElements(
  ints: readonly Dim[],
  shape: readonly number[],
  { places, order = range(shape.length) }: { readonly places?: readonly (readonly number[])[]; readonly order?: readonly number[] },
): readonly Dim[] {
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const along = (axis: number): readonly number[] => places?.[axis] ?? range(shape[axis]);
  const offsets = order.reduce<readonly number[]>((all, axis) => all.flatMap((at) => along(axis).map((p) => at + p * strides[axis])), [0]);
  return offsets.map((at) => ints[at]);
}

/** Whether a symbolic integer is certainly not negative: sizes are not, nor is what is made of them without a minus. */
function isSize(d: Dim): boolean {
  return typeof d === "string" && !d.includes("-");
}

export const sumOf: FoldElement = (...terms) => terms.reduce(add, 0);
export const productOf: FoldElement = (...factors) => factors.reduce<Dim>(multiply, 1);

export const differenceOf: FoldElement = (a, b) => {
  if (a === b) return 0;
  if (typeof b === "number") return add(a, -b);
  const sum = add(a, multiply(b, -1));
  return typeof sum === "string" && sum.startsWith("(") ? expression(`${a}-${b}`) : sum;
};

/** Integer division, which cuts towards zero. */
export const quotientOf: FoldElement = (a, b) => {
  if (b === 0) return undefined;
  if (typeof a === "number" && typeof b === "number") return Math.trunc(a / b);
  return divideExactly(a, b) ?? expression(`${a}/${b}`);
};

export const smallestOf: FoldElement = (...xs) => (xs.every((x) => x === xs[0]) ? xs[0] : allNumbers(xs) ? Math.min(...xs) : undefined);
export const largestOf: FoldElement = (...xs) => (xs.every((x) => x === xs[0]) ? xs[0] : allNumbers(xs) ? Math.max(...xs) : undefined);

/** 1 or 0; a size certainly differs from a negative number, as those that stand for "infer" or "copy" in a shape. */
export const equalityOf: FoldElement = (a, b) => {
  if (a === b) return 1;
  if (typeof a === "number" && typeof b === "number") return 0;
  const [number, size] = typeof a === "number" ? [a, b] : [b, a];
  return typeof number === "number" && number < 0 && isSize(size) ? 0 : undefined;
};

/** A comparison of numbers. */
export function comparisonOf(holds: (a: number, b: number) => boolean): FoldElement {
  return (...xs) => (allNumbers(xs) ? Number(holds(xs[0], xs[1])) : undefined);
}

export const choiceOf: FoldElement = (condition, yes, no) => (yes === no ? yes : condition === 1 ? yes : condition === 0 ? no : undefined);

/** Folds numbers only. */
export function numbersOnly(f: (...xs: readonly number[]) => number): FoldElement {
  return (...xs) => (allNumbers(xs) ? f(...xs) : undefined);
}

function allNumbers(xs: readonly Dim[]): xs is readonly number[] {
  return xs.every((x) => typeof x === "number");
}
