// Gradients of convolutions with respect to their input, composed of plain operators. Those with respect to the kernel are in
// `conv-kernel-gradient.ts`. Sizes known only at run time are served by a general, slower form.

import type { GraphBuilder, Value } from "../graph/builder.js";
import { elementCount, isStatic } from "../graph/dims.js";
import { tensorOf } from "../graph/tensor.js";
import { beyondEnd, sameTypeAs, sizeOf, vector } from "./axes.js";
import { knownSizes, padsAtRunTime, padsFor, sizesOf, span, spatialAxes, type Pads, type Windows } from "./windows.js";

/** Geometry of a convolution: x `[N, group·I, …]` with kernel `[group·O, I, …kernel]` gives `[N, group·O, …]`. */
export interface Convolution {
  readonly windows: Windows;
  readonly group: number;
}

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
