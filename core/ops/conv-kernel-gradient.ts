// Gradients of convolutions with respect to their kernel, composed of plain operators. There are several formulations that give the same
// sums; which one is emitted follows from the shapes and from what runs fast on ONNX Runtime's CPU kernels. Sizes known only at run time are
// served by a general, slower form.

import type { GraphBuilder, Value } from "../graph/builder.js";
import { elementCount, isStatic } from "../graph/dims.js";
import { tensorOf } from "../graph/tensor.js";
import { beyondEnd, range, sizeOf, vector } from "./axes.js";
import type { Convolution } from "./conv-gradient.js";
import { knownSizes, padsAtRunTime, padsFor, sizesOf, span, spatialAxes, tapsOf, type Pads, type Windows } from "./windows.js";

/** Below so many input channels a product per tap of the kernel has too few columns: all taps go into one. */
const fewChannels = 8;
/** A product per sample pays where the products are this much smaller than what transposing both operands would copy. */
const batchedAdvantage = 4;
/** The same for a product per sample and tap: positions for each channel of the wider operand. */
const positionsPerChannel = 8;
/** Depthwise: products of whole rows pay up to so many columns of the input for each column of the kernel. */
const columnsPerTap = 24;

/** Gradient of a convolution with respect to its kernel, in the shape of `w`, whose sizes are static. */
export function gradientToKernel(b: GraphBuilder, convolution: Convolution, x: Value, w: Value, dy: Value): Value {
  const { windows, group } = convolution;
  const [out, input, ...kernel] = w.type.shape as readonly number[];
  const pads = padsFor(windows, knownSizes(x, spatialAxes(windows)));
  const unpadded = pads !== undefined && [...pads.begin, ...pads.end].every((p) => p === 0);
  if (group === 1 && unpadded && kernel.every((size) => size === 1)) return pointwise(b, windows, x, w, dy);
  if (group > 1 && input === 1 && out === group) {
    const byRows = rows(b, windows, x, dy, out);
    if (byRows !== undefined) return b.reshapeLike(byRows, w);
  }
  const padded = unpadded ? x : pad(b, windows, x);
  if (group > 1 && input === 1) return depthwise(b, convolution, padded, w, dy);
  const perTap =
    group === 1 && input < fewChannels
      ? columns(b, windows, padded, dy, out, input)
      : ((group === 1 ? samples(b, windows, x, padded, dy, out, input) : undefined) ?? taps(b, convolution, padded, dy, out, input));
  return b.reshape(b.transpose(perTap, [1, 2, 0]), [out, input, ...kernel]);
}

function pad(b: GraphBuilder, windows: Windows, x: Value): Value {
  const { begin, end } = padsAtRunTime(b, windows, x);
  const pads = begin.ints !== undefined && end.ints !== undefined ? b.ints([0, 0, ...begin.ints, 0, 0, ...end.ints].map(Number)) : undefined;
  return b.op("Pad", [x, pads ?? b.concat([b.ints([0, 0]), begin, b.ints([0, 0]), end], 0)]);
}

/** 1 × 1 kernels: one matrix product, per sample or over all of them. */
function pointwise(b: GraphBuilder, { strides }: Windows, x: Value, w: Value, dy: Value): Value {
  const axes = strides.map((_, axis) => axis + 2);
  const all = (value: number): readonly number[] => axes.map(() => value);
  const seen = strides.some((s) => s > 1) ? b.slice(x, axes, all(0), all(beyondEnd), strides) : x;
  const [out, input] = w.type.shape as readonly number[];
  const positions = knownSizes(dy, axes);
  const copied = isStatic(positions) ? elementCount(positions) * (out + input) : 0;
  if (copied > batchedAdvantage * out * input) {
    const product = b.matmul(b.reshape(dy, [0, out, -1]), b.transposeLast(b.reshape(seen, [0, input, -1])));
    return b.reshapeLike(b.reduceSum(product, [0], false), w);
  }
  return b.reshapeLike(b.op("Gemm", [channelRows(b, dy, out), channelRows(b, seen, input)], { attributes: { transB: 1 } }), w);
}

/** `[N, C, …]` → `[C, N · …]` */
function channelRows(b: GraphBuilder, x: Value, channels: number): Value {
  return b.reshape(b.transpose(x, [1, 0, ...range(b.rank(x)).slice(2)]), [channels, -1]);
}

/** What every window saw at each tap of the kernel: strided slices along `axes` of the padded input. */
function slicesAtTaps(b: GraphBuilder, { kernel, strides, dilations }: Windows, padded: Value, axes: readonly number[], dy: Value): readonly Value[] {
  const behind = kernel.map((_, i) => i + 2);
  const counts = knownSizes(dy, behind);
  const reach = isStatic(counts)
    ? counts.map((n, i) => (n - 1) * strides[i] + 1)
    : b.add(b.mul(b.sub(sizesOf(b, dy, behind), b.ints([1])), b.ints(strides)), b.ints([1]));
  return tapsOf(kernel).map((tap) => {
    const starts = tap.map((t, i) => t * dilations[i]);
    const ends = "name" in reach ? b.add(reach, b.ints(starts)) : starts.map((s, i) => s + reach[i]);
    return b.slice(padded, axes, starts, ends, strides);
  });
}

/** Few channels: the slices of all taps side by side, one product per sample. `[taps, out, input]` */
function columns(b: GraphBuilder, windows: Windows, padded: Value, dy: Value, out: number, input: number): Value {
  const slices = slicesAtTaps(b, windows, padded, spatialAxes(windows), dy);
  const seen = b.reshape(b.concat(slices, 1), [0, slices.length * input, -1]);
  const product = b.reduceSum(b.matmul(b.reshape(dy, [0, out, -1]), b.transposeLast(seen)), [0], false);
  return b.transpose(b.reshape(product, [out, slices.length, input]), [1, 0, 2]);
}

/**
 * Large images of few channels, at stride 1: one product per tap and sample, in the layout that the operands have. What is shifted from tap
 * to tap is the operand with fewer channels, so that less is copied. `[taps, out, input]`
 */
function samples(b: GraphBuilder, windows: Windows, x: Value, padded: Value, dy: Value, out: number, input: number): Value | undefined {
  const axes = spatialAxes(windows);
  const [sizes, counts] = [knownSizes(x, axes), knownSizes(dy, axes)];
  const pads = padsFor(windows, sizes);
  if (pads === undefined || !isStatic(sizes) || !isStatic(counts) || windows.strides.some((s) => s > 1)) return undefined;
  if (elementCount(counts) < positionsPerChannel * Math.max(out, input)) return undefined;
  const flat = (v: Value, channels: number): Value => b.reshape(v, [0, channels, -1]);
  const reach = axes.map((_, axis) => span(windows, axis) - 1);
  // dY under zeros, from where every tap sees it as x lies.
  const before = reach.map((r, axis) => r - pads.begin[axis]);
  const behind = reach.map((r, axis) => r - pads.end[axis]);
  const shiftsOutput = out < input && [...before, ...behind].every((p) => p >= 0);
  const taps = tapsOf(windows.kernel);
  let products: readonly Value[];
  if (shiftsOutput) {
    const under = b.op("Pad", [dy, b.ints([0, 0, ...before, 0, 0, ...behind])]);
    const columns = b.transposeLast(flat(x, input));
    products = taps.map((tap) => {
      const starts = tap.map((t, axis) => reach[axis] - t * windows.dilations[axis]);
      return b.matmul(flat(b.slice(under, axes, starts, starts.map((s, axis) => s + sizes[axis])), out), columns); // prettier-ignore
    });
  } else {
    const rows = flat(dy, out);
    products = slicesAtTaps(b, windows, padded, axes, dy).map((slice) => b.matmul(rows, b.transposeLast(flat(slice, input))));
  }
  return b.reshape(b.reduceSum(b.concat(products, 1), [0], false), [taps.length, out, input]);
}

/** The common case: one product per tap, over all samples and positions, channels last. `[taps, out, input]` */
function taps(b: GraphBuilder, { windows, group }: Convolution, padded: Value, dy: Value, out: number, input: number): Value {
  const spatial = spatialAxes(windows);
  const rows = channelRows(b, dy, out);
  const products =
    group === 1
      ? slicesAtTaps(b, windows, b.transpose(padded, [0, ...spatial, 1]), spatial.map((a) => a - 1), dy).map((slice) =>
          b.matmul(rows, b.reshape(slice, [-1, input])),
        )
      : slicesAtTaps(b, windows, groupsFirst(b, padded, group, input, spatial), spatial, dy).map((slice) =>
          b.matmul(b.reshape(rows, [group, out / group, -1]), b.reshape(slice, [group, -1, input])),
        ); // prettier-ignore
  return b.reshape(b.concat(products, 0), [products.length, out, input]);
}

/** `[N, group · input, …]` → `[group, N, …, input]` */
function groupsFirst(b: GraphBuilder, x: Value, group: number, input: number, spatial: readonly number[]): Value {
  const split = b.reshape(x, vector(b, [sizeOf(b, x, 0), group, input, ...spatial.map((axis) => sizeOf(b, x, axis))]));
  return b.transpose(split, [1, 0, ...spatial.map((axis) => axis + 1), 2]);
}

/** One input channel per group: dy serves as the kernels of a convolution over x, with strides and dilations exchanged. */
function depthwise(b: GraphBuilder, { windows, group }: Convolution, padded: Value, w: Value, dy: Value): Value {
  const [out] = w.type.shape as readonly number[];
  const spatial = spatialAxes(windows);
  const batch = dy.type.shape?.[0];
  const sizes = (v: Value): readonly (number | Value)[] => spatial.map((axis) => sizeOf(b, v, axis));
  const attributes = { strides: windows.dilations, dilations: windows.strides };
  const ends = windows.kernel;
  const starts = ends.map(() => 0);
  if (typeof batch === "number") {
    const x = b.reshape(padded, vector(b, [1, batch * group, ...sizes(padded)]));
    const kernels = b.reshape(dy, vector(b, [batch * out, 1, ...sizes(dy)]));
    const each = b.slice(b.op("Conv", [x, kernels], { attributes: { ...attributes, group: batch * group } }), spatial, starts, ends);
    return b.reduceSum(b.reshape(each, [batch, out, 1, ...windows.kernel]), [0], false);
  }
  const swap = [1, 0, ...spatial];
  const x = b.reshape(b.transpose(padded, swap), vector(b, [1, -1, ...sizes(padded)]));
  const total = b.op("Conv", [x, b.transpose(dy, swap)], { attributes: { ...attributes, group } });
  return b.reshapeLike(b.slice(total, spatial, starts, ends), w);
}

/**
 * Depthwise, images of moderate width: for each row of the kernel one product of all rows of dy with the rows of x that they saw, which
 * gives every column of dy times every column of x; a second product, with a constant, adds up those that a tap brings together. That is
 * many times the multiplications, at the speed of matrix products, and copies nothing for the columns of the kernel. `[group, taps]`
 */
function rows(b: GraphBuilder, windows: Windows, x: Value, dy: Value, group: number): Value | undefined {
  const axes = spatialAxes(windows);
  const [sizes, counts] = [knownSizes(x, axes), knownSizes(dy, axes)];
  const pads = padsFor(windows, sizes);
  const batch = dy.type.shape?.[0];
  if (axes.length !== 2 || pads === undefined || typeof batch !== "number" || !isStatic(sizes) || !isStatic(counts)) return undefined;
  const [[height, width], [outHeight, outWidth]] = [sizes, counts];
  const [kernelHeight, kernelWidth] = windows.kernel;
  if (width > columnsPerTap * kernelWidth) return undefined;
  const rowsFirst = (v: Value): Value => b.transpose(v, [1, 2, 0, 3]);
  const [seen, arriving] = [rowsFirst(x), rowsFirst(dy)];
  const [stride, dilation] = [windows.strides[0], windows.dilations[0]];
  const products = range(kernelHeight).map((tap) => {
    // The rows of dy whose window has this row inside the image.
    const offset = tap * dilation - pads.begin[0];
    const first = Math.max(0, Math.ceil(-offset / stride));
    const last = Math.min(outHeight, Math.floor((height - 1 - offset) / stride) + 1);
    if (last <= first) return b.constant(tensorOf(x.type.dtype, new Float64Array(group * outWidth * width), [group, outWidth, width]));
    const from = first * stride + offset;
    const taken = b.slice(seen, [1], [from], [from + (last - first - 1) * stride + 1], [stride]);
    const given = first === 0 && last === outHeight ? arriving : b.slice(arriving, [1], [first], [last]);
    const flat = (v: Value, columns: number): Value => b.reshape(v, [group, (last - first) * batch, columns]);
    return b.matmul(b.transposeLast(flat(given, outWidth)), flat(taken, width));
  });
  const all = b.reshape(b.concat(products, 1), [group * kernelHeight, outWidth * width]);
  return b.reshape(b.matmul(all, meetings(b, windows, x, pads, outWidth, width)), [group, kernelHeight * kernelWidth]);
}

/** `[columns of dy · columns of x, columns of the kernel]`: 1 where a column of the kernel brings the two others together. */
function meetings(b: GraphBuilder, { kernel, strides, dilations }: Windows, x: Value, { begin }: Pads, outWidth: number, width: number): Value {
  const columns = kernel[1];
  const table = new Float64Array(outWidth * width * columns);
  for (let out = 0; out < outWidth; out++) {
    for (let tap = 0; tap < columns; tap++) {
      const at = out * strides[1] + tap * dilations[1] - begin[1];
      if (at >= 0 && at < width) table[(out * width + at) * columns + tap] = 1;
    }
  }
  return b.constant(tensorOf(x.type.dtype, table, [outWidth * width, columns]));
}
