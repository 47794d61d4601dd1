// Convolutions: Conv and ConvTranspose. How their gradients are composed stands in `conv-gradient.ts`; quantised and fused
// convolutions, which have none, in `quantised.ts` and `contrib.ts`.

import * as errors from "../errors.js";
import { intAttribute, intsAttribute, stringAttribute } from "../graph/attributes.js";
import { add, formatShape, isStatic, multiply, unknownDim } from "../graph/dims.js";
import type { Dim, Node, Shape, TensorType } from "../graph/types.js";
import { gradientToInput, type Convolution } from "./conv-gradient.js";
import { gradientToKernel } from "./conv-kernel-gradient.js";
import { defineOp, parameter, slots, type GradientContext, type Site } from "./define.js";
import { tensorType } from "./rules.js";
import { batchOfWindows, span, spatialAxes, windowAttributes, windowCounts, windowsOf } from "./windows.js";

/** Sizes of the kernel's spatial axes; undefined where they are not known. */
function kernelOf(node: Node, w: Shape | undefined): readonly number[] | undefined {
  const sizes = w?.slice(2);
  return isStatic(sizes) ? sizes : intsAttribute(node, "kernel_shape");
}

/** Shape of a convolution's result. @throws model/shape where channels or ranks do not fit */
export function convolvedShape(node: Node, x: Shape | undefined, w: Shape | undefined): Shape | undefined {
  const kernel = kernelOf(node, w);
  if (x === undefined) return kernel && [unknownDim(), w?.[0] ?? unknownDim(), ...kernel.map(unknownDim)];
  if (w !== undefined && (w.length !== x.length || x.length < 3))
    throw errors.shapeMismatch(node, "input and kernel of one rank, at least 3,", formatShape(w), formatShape(x));
  const group = intAttribute(node, "group", 1);
  const channels = w === undefined ? undefined : multiply(w[1], group);
  if (typeof channels === "number" && typeof x[1] === "number" && channels !== x[1])
    throw errors.shapeMismatch(node, "input channels", String(channels), String(x[1]));
  const counts = kernel === undefined ? x.slice(2).map(unknownDim) : windowCounts(node, windowsOf(node, kernel), x.slice(2));
  return [x[0], w?.[0] ?? unknownDim(), ...counts];
}

/** Why the gradient rules below do not cover a convolution. */
function uncoveredForm({ inputs: [x, w] }: Site): string | undefined {
  if (!isStatic(w.type?.shape)) return "the size of its kernel is not known before it runs";
  if (x.type?.shape === undefined) return "the rank of its input is not known";
  return undefined;
}

function convolutionOf({ node, inputs }: Pick<GradientContext, "node" | "inputs">): Convolution {
  return { windows: windowsOf(node, (inputs[1].type.shape as readonly number[]).slice(2)), group: intAttribute(node, "group", 1) };
}

/** Gradient of a bias `[channels]`: the sum over batch and space. */
function gradientToBias({ b, inputs: [x], dOutputs }: GradientContext) {
  return b.reduceSum(dOutputs[0], [0, ...(x.type.shape ?? []).slice(2).map((_, i) => i + 2)], false);
}

const conv = defineOp({
  type: "Conv",
  since: 1,
  attributes: { ...windowAttributes, group: "int" },
  slot: slots([undefined, parameter("weight"), parameter("bias")]),
  infer: ([x, w], { node }) => [x && tensorType(x.dtype, convolvedShape(node, x.shape, w?.shape))],
  unsupportedForm: uncoveredForm,
  batch: batchOfWindows,
  grad: (context) => {
    const { b, dOutputs } = context;
    const [x, w] = context.inputs;
    const convolution = convolutionOf(context);
    return [
      () => gradientToInput(b, convolution, x, w, dOutputs[0]),
      () => gradientToKernel(b, convolution, x, w, dOutputs[0]),
      () => gradientToBias(context),
    ];
  },
  docs: "Convolution over any number of spatial axes. https://onnx.ai/onnx/operators/onnx__Conv.html",
});

/** Sizes of the spatial axes that a transposed convolution gives. */
function spreadSizes(node: Node, kernel: readonly number[], sizes: Shape): Shape {
  const given = intsAttribute(node, "output_shape");
  if (given !== undefined) return given.slice(-kernel.length);
  const windows = windowsOf(node, kernel);
  const extra = intsAttribute(node, "output_padding");
  return sizes.map((size, axis): Dim => {
    const scaled = multiply(size, windows.strides[axis]);
    const { pads } = windows;
    const beyond = span(windows, axis) - windows.strides[axis] + (extra?.[axis] ?? 0);
    // Automatic padding cuts down to size · stride, and cannot lengthen what falls short of it.
    if (typeof pads === "string") return add(scaled, Math.min(0, beyond));
    return add(scaled, beyond - pads.begin[axis] - pads.end[axis]);
  });
}

function spreadShape(node: Node, x: Shape | undefined, w: Shape | undefined): Shape | undefined {
  if (x === undefined) return undefined;
  const kernel = kernelOf(node, w);
  if (w !== undefined && typeof w[0] === "number" && typeof x[1] === "number" && w[0] !== x[1])
    throw errors.shapeMismatch(node, "input channels", String(w[0]), String(x[1]));
  const channels = w === undefined ? unknownDim() : multiply(w[1], intAttribute(node, "group", 1));
  return [x[0], channels, ...(kernel === undefined ? x.slice(2).map(unknownDim) : spreadSizes(node, kernel, x.slice(2)))];
}

const convTranspose = defineOp({
  type: "ConvTranspose",
  since: 1,
  attributes: { ...windowAttributes, group: "int", output_padding: "ints", output_shape: "ints" },
  slot: slots([undefined, parameter("weight"), parameter("bias")]),
  infer: ([x, w], { node }): readonly (TensorType | undefined)[] => [x && tensorType(x.dtype, spreadShape(node, x.shape, w?.shape))],
  unsupportedForm: (site) => {
    const { node } = site;
    if (node.attributes.has("output_shape")) return "its padding follows from the attribute output_shape";
    if (stringAttribute(node, "auto_pad", "NOTSET").startsWith("SAME")) return "its padding is automatic";
    const strides = intsAttribute(node, "strides");
    if (intsAttribute(node, "output_padding")?.some((p, axis) => p >= (strides?.[axis] ?? 1)) === true)
      return "its output padding is not smaller than its stride";
    return uncoveredForm(site);
  },
  batch: batchOfWindows,
  // y is spread from x as the input's gradient of a convolution is from dy: the roles of input and output are exchanged.
  grad: (context) => {
    const { b, node, dOutputs } = context;
    const [x, w] = context.inputs;
    const convolution = convolutionOf(context);
    const { windows, group } = convolution;
    const { strides, dilations, pads } = windows;
    const attributes = { strides, dilations, group, pads: intsAttribute(node, "pads") ?? spatialAxes(windows).flatMap(() => [0, 0]) };
    return [
      () => b.op("Conv", [dOutputs[0], w], { attributes: typeof pads === "string" ? {} : attributes }),
      () => gradientToKernel(b, convolution, dOutputs[0], w, x),
      () => gradientToBias(context),
    ];
  },
  docs: "Transposed convolution. https://onnx.ai/onnx/operators/onnx__ConvTranspose.html",
});

export const convolutions = [conv, convTranspose];
