// Gradients of convolutions, composed of plain operators. Each has several formulations that give the same sums; which one is emitted
// follows from what runs fast on ONNX Runtime's CPU kernels. Sizes known only at run time are served by a general, slower form.

import type { GraphBuilder, Value } from "../graph/builder.js";
import { elementCount, isStatic } from "../graph/dims.js";
import { tensorOf } from "../graph/tensor.js";
import { beyondEnd, range, sameTypeAs, sizeOf, vector } from "./axes.js";
import { knownSizes, padsAtRunTime, padsFor, sizesOf, span, spatialAxes, tapsOf, type Pads, type Windows } from "./windows.js";

/** Geometry of a convolution: x `[N, group·I, …]` with kernel `[group·O, I, …kernel]` gives `[N, group·O, …]`. */
export interface Convolution {
  readonly windows: Windows;
  readonly group: number;
}

/** Below so many input channels a product per tap of the kernel has too few columns: all taps go into one. */
const fewChannels = 8;
/** A product per sample pays where the products are this much smaller than what transposing both operands would copy. */
const batchedAdvantage = 4;

// ── to the input ────────────────────────────────────────────────────────────────────────────────────────────────────

/** Gradient of a convolution with respect to its input, in the shape of `x`. */
export function gradientToInput(b: GraphBuilder, convolution: Convolution, x: Value, w: Value, dy: Value): Value {
  const strided = convolution.windows.strides.some((s) => s !== 1);
  return sameTypeAs(strided ? spread(b, convolution, x, w, dy) : correlate(b, convolution, x, w, dy), x);
}

/** At stride 1: the convolution of dy with the kernel turned round. */
function correlate(b: GraphBuilder, { windows, group }: Convolution, x: Value, w: Value, dy: Value): Value {
  const pads = padsFor(windows, knownSizes(x, spatialAxes(windows))) as Pads;
  const begin = pads.begin.map((p, axis) => span(windows, axis) - 1 - p);
  const end = pads.end.map((p, axis) => span(windows, axis) - 1 - p);
  const axes = spatialAxes(windows);
  // Padding wider than the kernel makes windows that see nothing but padding: their gradients go nowhere.
  const surplus = [...begin, ...end].some((p) => p < 0);
  const kept = surplus
    ? b.slice(
        dy,
        axes,
        begin.map((p) => Math.max(0, -p)),
        end.map((p) => (p < 0 ? p : beyondEnd)),
      )
    : dy;
  return b.op("Conv", [kept, turnKernel(b, w, group)], {
    attributes: { pads: [...begin, ...end].map((p) => Math.max(0, p)), dilations: windows.dilations, group },
  });
}

/** The kernel with input and output channels exchanged within each group, and reversed along its spatial axes. */
function turnKernel(b: GraphBuilder, w: Value, group: number): Value {
  const [out, input, ...kernel] = w.type.shape as readonly number[];
  const spatial = kernel.map((_, axis) => axis + 2);
  let turned = w;
  if (group === 1) turned = b.transpose(w, [1, 0, ...spatial]);
  else if (input > 1 || out > group) {
    const split = b.reshape(w, [group, out / group, input, ...kernel]);
    turned = b.reshape(b.transpose(split, [0, 2, 1, ...spatial.map((axis) => axis + 1)]), [group * input, out / group, ...kernel]);
  }
  const reversed = spatial.filter((axis) => kernel[axis - 2] > 1);
  if (reversed.length === 0) return turned;
  const all = (value: number): readonly number[] => reversed.map(() => value);
  return b.slice(turned, reversed, all(-1), all(-beyondEnd), all(-1));
}

/** At larger strides: every element of dy spreads its window. Rows that no window touches get zeros. */
function spread(b: GraphBuilder, { windows, group }: Convolution, x: Value, w: Value, dy: Value): Value {
  const { strides, dilations } = windows;
  const axes = spatialAxes(windows);
  const [sizes, counts] = [knownSizes(x, axes), knownSizes(dy, axes)];
  const pads = padsFor(windows, sizes);
  if (pads !== undefined && isStatic(sizes) && isStatic(counts)) {
    const end = sizes.map((size, axis) => (counts[axis] - 1) * strides[axis] + span(windows, axis) - pads.begin[axis] - size);
    return b.op("ConvTranspose", [dy, w], {
      attributes: {
        strides,
        dilations,
        group,
        pads: [...pads.begin, ...end.map((p) => Math.max(0, p))],
        output_padding: end.map((p) => Math.max(0, -p)),
      },
    });
  }
  // The longest result that the sizes allow, cut down to x's at run time.
  const zeros = strides.map(() => 0);
  const longest = b.op("ConvTranspose", [dy, w], {
    attributes: {
      strides,
      dilations,
      group,
      pads: pads === undefined ? [...zeros, ...zeros] : [...pads.begin, ...pads.end],
      output_padding: strides.map((s) => s - 1),
    },
  });
  const lengths = sizesOf(b, x, axes);
  if (pads !== undefined) return b.slice(longest, axes, zeros, lengths);
  const { begin } = padsAtRunTime(b, windows, x);
  return b.slice(longest, axes, begin, b.add(begin, lengths));
}

/** Adds up `dy [N, C, …]` over the windows that saw each element of `x [N, C, …]`: the transpose of a pool that sums. */
export function spreadEvenly(b: GraphBuilder, windows: Windows, x: Value, dy: Value): Value {
  const channels = x.type.shape?.[1];
  const ones = (count: number): Value =>
    b.constant(tensorOf(x.type.dtype, new Float64Array(count * elementCount(windows.kernel)).fill(1), [count, 1, ...windows.kernel]));
  if (typeof channels === "number") return gradientToInput(b, { windows, group: channels }, x, ones(channels), dy);
  // The number of groups has to be known: without it, every channel becomes a sample of its own.
  const planes = (v: Value): Value => b.reshape(v, vector(b, [-1, 1, ...spatialAxes(windows).map((axis) => sizeOf(b, v, axis))]));
  return b.reshapeLike(gradientToInput(b, { windows, group: 1 }, planes(x), ones(1), planes(dy)), x);
}

// ── to the kernel ───────────────────────────────────────────────────────────────────────────────────────────────────

/** Gradient of a convolution with respect to its kernel, in the shape of `w`, whose sizes are static. */
export function gradientToKernel(b: GraphBuilder, convolution: Convolution, x: Value, w: Value, dy: Value): Value {
  const { windows, group } = convolution;
  const [out, input, ...kernel] = w.type.shape as readonly number[];
  const pads = padsFor(windows, knownSizes(x, spatialAxes(windows)));
  const unpadded = pads !== undefined && [...pads.begin, ...pads.end].every((p) => p === 0);
  if (group === 1 && unpadded && kernel.every((size) => size === 1)) return pointwise(b, windows, x, w, dy);
  const padded = unpadded ? x : pad(b, windows, x);
  if (group > 1 && input === 1) return depthwise(b, convolution, padded, w, dy);
  const perTap = group === 1 && input < fewChannels ? columns(b, windows, padded, dy, out, input) : taps(b, convolution, padded, dy, out, input);
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
