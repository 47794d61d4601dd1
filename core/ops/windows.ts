// Geometry that convolutions and pools share: windows of `kernel` elements, `strides` apart, over spatial axes with padding.
// Sizes may be symbolic; a size that follows from a symbol is an expression over it.

import * as errors from "../errors.js";
import { intAttribute, intsAttribute, stringAttribute } from "../graph/attributes.js";
import type { GraphBuilder, Value } from "../graph/builder.js";
import { add, divideExactly, expression, formatShape, isStatic } from "../graph/dims.js";
import type { AttributeType, Dim, Node, Shape } from "../graph/types.js";
import { range, sizeOf, vector } from "./axes.js";
import type { BatchRule } from "./define.js";

/** Attributes of every operator that slides windows. */
export const windowAttributes: Readonly<Record<string, AttributeType>> = {
  auto_pad: "string",
  dilations: "ints",
  kernel_shape: "ints",
  pads: "ints",
  strides: "ints",
};

/** Padding in front of and behind each spatial axis. */
export interface Pads {
  readonly begin: readonly number[];
  readonly end: readonly number[];
}

/** Windows over `kernel.length` spatial axes. */
export interface Windows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** `upper` and `lower`: as much padding as makes ⌈size / stride⌉ windows, an odd element behind or in front. */
  readonly pads: Pads | "upper" | "lower";
  /** A last window that starts inside the input counts even where it reaches past the padding. */
  readonly ceil: boolean;
}

/** The windows that a node describes. @throws model/shape where attributes disagree on the number of spatial axes */
export function windowsOf(node: Node, kernel: readonly number[]): Windows {
  const rank = kernel.length;
  const list = (name: string, length: number, fallback: number): readonly number[] => {
    const values = intsAttribute(node, name) ?? Array.from({ length }, () => fallback);
    if (values.length !== length) throw errors.shapeMismatch(node, `"${name}" of length`, String(length), String(values.length));
    return values;
  };
  const pads = list("pads", 2 * rank, 0);
  const auto = stringAttribute(node, "auto_pad", "NOTSET");
  const explicit = auto === "NOTSET" ? pads : pads.map(() => 0);
  return {
    kernel,
    strides: list("strides", rank, 1),
    dilations: list("dilations", rank, 1),
    pads: auto === "SAME_UPPER" ? "upper" : auto === "SAME_LOWER" ? "lower" : { begin: explicit.slice(0, rank), end: explicit.slice(rank) },
    ceil: intAttribute(node, "ceil_mode", 0) !== 0,
  };
}

/** Elements from the first to the last of a window along one axis, gaps of the dilation included. */
export function span({ kernel, dilations }: Windows, axis: number): number {
  return (kernel[axis] - 1) * dilations[axis] + 1;
}

/** ⌊(size + offset) / divisor⌋ */
function floorDivide(size: Dim, offset: number, divisor: number): Dim {
  if (typeof size === "number") return Math.floor((size + offset) / divisor);
  if (divisor === 1) return add(size, offset);
  const whole = divideExactly(size, divisor);
  if (whole !== undefined) return add(whole, Math.floor(offset / divisor));
  const sum = offset === 0 ? size : offset > 0 ? `${size}+${offset}` : `${size}${offset}`;
  return expression(`floor((${sum})/${divisor})`);
}

/** Number of windows along one axis over an input of `size` elements. */
export function windowCount(windows: Windows, axis: number, size: Dim): Dim {
  const stride = windows.strides[axis];
  const { pads } = windows;
  if (typeof pads === "string") return floorDivide(size, stride - 1, stride);
  const [begin, end] = [pads.begin[axis], pads.end[axis]];
  const slack = begin + end - span(windows, axis);
  if (!windows.ceil) return add(floorDivide(size, slack, stride), 1);
  if (typeof size === "string") return stride === 1 ? add(size, slack + 1) : expression(`windows(${size},${slack},${begin},${stride})`);
  const count = Math.ceil((size + slack) / stride) + 1;
  // The last window has to start inside the input or the padding in front of it.
  return (count - 1) * stride >= size + begin ? count - 1 : count;
}

/** Sizes of the spatial axes of the output. @throws model/shape where the input is smaller than one window */
export function windowCounts(node: Node, windows: Windows, sizes: Shape): Shape {
  const counts = sizes.map((size, axis) => windowCount(windows, axis, size));
  if (counts.some((n) => typeof n === "number" && n < 1))
    throw errors.shapeMismatch(node, "an input of at least one window,", formatShape(windows.kernel), formatShape(sizes));
  return counts;
}

/** Padding in numbers; undefined where it follows from a size that only the run knows. */
export function padsFor(windows: Windows, sizes: Shape): Pads | undefined {
  const { pads, strides } = windows;
  if (typeof pads !== "string") return pads;
  const total: Shape = sizes.map((size, axis) => {
    if (strides[axis] === 1) return span(windows, axis) - 1;
    return typeof size === "number" ? Math.max(0, (Math.ceil(size / strides[axis]) - 1) * strides[axis] + span(windows, axis) - size) : "?";
  });
  if (!isStatic(total)) return undefined;
  const [less, more] = [total.map((t) => t >> 1), total.map((t) => t - (t >> 1))];
  return pads === "upper" ? { begin: less, end: more } : { begin: more, end: less };
}

/** The axes behind batch and channels. */
export function spatialAxes(windows: Windows): readonly number[] {
  return range(windows.kernel.length).map((axis) => axis + 2);
}

/** Positions of a window's elements, row-major: for each tap its index along every axis. */
export function tapsOf(kernel: readonly number[]): readonly (readonly number[])[] {
  return kernel.reduce<readonly (readonly number[])[]>((taps, size) => taps.flatMap((tap) => range(size).map((i) => [...tap, i])), [[]]);
}

/** Sizes of some axes as far as they are known before anything runs. */
export function knownSizes(x: Value, axes: readonly number[]): Shape {
  return axes.map((axis) => x.type.shape?.[axis] ?? "?");
}

/** Padding as int64 vectors `[spatial]` for use in a graph, computed there where it depends on the size of `x` at run time. */
export function padsAtRunTime(b: GraphBuilder, windows: Windows, x: Value): { readonly begin: Value; readonly end: Value } {
  const axes = spatialAxes(windows);
  const known = padsFor(windows, knownSizes(x, axes));
  if (known !== undefined) return { begin: b.ints(known.begin), end: b.ints(known.end) };
  const sizes = sizesOf(b, x, axes);
  const strides = b.ints(windows.strides);
  const windowsLess1 = b.div(b.sub(sizes, b.ints([1])), strides);
  const reach = b.add(b.mul(windowsLess1, strides), b.ints(windows.kernel.map((_, axis) => span(windows, axis))));
  const total = b.op("Max", [b.sub(reach, sizes), b.ints([0])]);
  const less = b.div(total, b.ints([2]));
  const more = b.sub(total, less);
  return windows.pads === "upper" ? { begin: less, end: more } : { begin: more, end: less };
}

/** Sizes of some axes as an int64 vector: a constant where they are static. */
export function sizesOf(b: GraphBuilder, x: Value, axes: readonly number[]): Value {
  return vector(
    b,
    axes.map((axis) => sizeOf(b, x, axis)),
  );
}

/** Samples stay apart where the batch is the first axis and only the data depend on the samples. */
export const batchOfWindows: BatchRule = (axes, { node }) => {
  if (axes.slice(1).some((axis) => axis !== undefined)) return "its kernel depends on the samples";
  if (axes[0]?.axis !== 0) return "slides windows along the axis of the batch, or mixes it as channels";
  return node.outputs.map(() => axes[0]);
};
