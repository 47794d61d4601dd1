// Gradient cases of Conv and ConvTranspose: windows of every kind, groups, automatic padding, sizes known only at run time.

import { combinations, float, frozen, type GradientCase } from "../support/gradient-case.js";

type Shape = readonly number[];
type Settings = NonNullable<GradientCase["attributes"]>;

/** A convolution with all three operands differentiated; `w` is [out, in per group, …kernel]. */
function conv(name: string, x: Shape, w: Shape, attributes: Settings = {}, rest: Partial<GradientCase> = {}): GradientCase {
  return { op: "Conv", name, inputs: [float(x), float(w), float([w[0]])], attributes, ...rest };
}

/** The kernel's sizes must be known, those of the input need not be. */
function toInput(name: string, x: Shape, w: Shape, attributes: Settings = {}): GradientCase {
  return { op: "Conv", name, inputs: [float(x), frozen(w)], attributes, dims: ["unknown"] };
}

/** Large inputs, of which only the kernel's gradient takes a way of its own. */
function toKernel(name: string, x: Shape, w: Shape, attributes: Settings = {}): GradientCase {
  return { op: "Conv", name, inputs: [frozen(x), float(w)], attributes, dims: ["static"] };
}

/** All three operands differentiated, with sizes of the input known only at run time: the kernel gets its sizes from a Reshape. */
function dynamic(name: string, x: Shape, w: Shape, attributes: Settings = {}): GradientCase {
  const count = w.reduce((n, d) => n * d, 1);
  return {
    op: "Conv",
    name: `${name}, sizes at run time`,
    inputs: [float(x), float([1, count]), float([1, w[0]])],
    attributes,
    dims: ["named"],
    build: ({ b, inputs: [data, kernel, bias] }) => [b.op("Conv", [data, b.reshape(kernel, w), b.reshape(bias, [w[0]])], { attributes })],
  };
}

const static1: Partial<GradientCase> = { dims: ["static"] };

/** Name, shapes and attributes of what is checked both with static sizes and with sizes known at run time. */
const windows: readonly (readonly [string, Shape, Shape, Settings])[] = [
  ["1 × 1", [2, 3, 4, 3], [4, 3, 1, 1], {}],
  ["1 × 1, stride", [2, 3, 5, 4], [2, 3, 1, 1], { strides: [2, 3] }],
  ["1 × 1, more positions than channels", [2, 2, 5, 6], [2, 2, 1, 1], {}],
  ["1 × 1, padded", [1, 2, 3, 3], [2, 2, 1, 1], { pads: [1, 0, 2, 1] }],
  ["plain", [2, 2, 5, 4], [3, 2, 3, 2], {}],
  ["asymmetric padding", [1, 2, 4, 4], [2, 2, 3, 3], { pads: [0, 1, 2, 0] }],
  ["padding as wide as the kernel", [1, 1, 2, 3], [1, 1, 2, 2], { pads: [2, 3, 3, 2] }],
  ["stride that leaves rows untouched", [1, 2, 6, 5], [2, 2, 2, 2], { strides: [3, 2] }],
  ["stride and padding", [2, 1, 6, 5], [2, 1, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }],
  ["stride beyond the kernel", [1, 2, 7, 7], [1, 2, 2, 1], { strides: [3, 4], pads: [0, 0, 1, 0] }],
  ["dilation", [1, 2, 6, 5], [2, 2, 3, 2], { dilations: [2, 3] }],
  ["dilation, stride, padding", [1, 1, 8, 7], [2, 1, 3, 2], { dilations: [2, 3], strides: [2, 3], pads: [1, 2, 0, 1] }],
  ["many channels", [1, 9, 4, 4], [2, 9, 3, 3], { pads: [1, 1, 1, 1] }],
  ["many channels, stride", [1, 9, 6, 5], [2, 9, 3, 2], { strides: [2, 2], pads: [1, 1, 0, 1] }],
  ["groups", [2, 4, 4, 4], [6, 2, 2, 3], { group: 2, pads: [0, 1, 1, 1] }],
  ["groups, stride, dilation", [1, 4, 7, 6], [4, 2, 2, 2], { group: 2, strides: [3, 2], dilations: [1, 2] }],
  ["depthwise", [2, 3, 4, 4], [3, 1, 3, 3], { group: 3, pads: [1, 1, 1, 1] }],
  ["depthwise 5 × 5, stride", [2, 2, 6, 7], [2, 1, 5, 5], { group: 2, strides: [2, 2], pads: [2, 2, 2, 2] }],
  ["depthwise, two kernels a channel", [2, 2, 5, 4], [4, 1, 2, 2], { group: 2, strides: [2, 1], dilations: [1, 2] }],
  ["depthwise, many columns for a tap", [2, 2, 3, 26], [2, 1, 2, 1], { group: 2, pads: [1, 0, 0, 0] }],
  ["depthwise, padding wider than the image", [2, 2, 2, 3], [2, 1, 3, 3], { group: 2, pads: [3, 2, 3, 1] }],
  ["depthwise, dilation and stride", [2, 2, 8, 7], [2, 1, 2, 3], { group: 2, strides: [2, 1], dilations: [3, 2], pads: [1, 2, 2, 0] }],
  ["depthwise, rows untouched", [1, 2, 6, 6], [2, 1, 2, 1], { group: 2, strides: [4, 3] }],
  ["one axis", [2, 3, 7], [4, 3, 3], { strides: [2], pads: [1, 0] }],
  ["one axis, depthwise", [1, 3, 6], [3, 1, 2], { group: 3, dilations: [2] }],
  ["one axis, groups", [1, 4, 5], [2, 2, 3], { group: 2, pads: [1, 1] }],
  ["three axes", [1, 2, 3, 4, 3], [2, 2, 2, 2, 1], { strides: [1, 2, 1], pads: [1, 0, 0, 0, 1, 0] }],
];

const automatic = combinations<string | Shape>({ auto_pad: ["SAME_UPPER", "SAME_LOWER", "VALID"], strides: [[1, 1], [2, 3]] }); // prettier-ignore

const convCases: readonly GradientCase[] = [
  ...windows.map(([name, x, w, attributes]) => conv(name, x, w, attributes, static1)),
  ...windows.map(([name, x, w, attributes]) => toInput(name, x, w, attributes)),
  ...windows.map(([name, x, w, attributes]) => dynamic(name, x, w, attributes)),
  ...automatic.map((attributes) => conv("automatic padding", [1, 2, 5, 6], [2, 2, 3, 2], attributes, static1)),
  ...automatic.map((attributes) => toInput("automatic padding", [1, 2, 5, 6], [2, 2, 3, 2], attributes)),
  ...automatic.map((attributes) => dynamic("automatic padding", [1, 2, 5, 6], [2, 2, 3, 2], attributes)),
  dynamic("automatic padding, depthwise", [2, 2, 5, 4], [2, 1, 3, 3], { auto_pad: "SAME_LOWER", strides: [2, 2], group: 2 }),
  { op: "Conv", name: "no bias", inputs: [float([1, 2, 4, 4]), float([2, 2, 3, 3])], dims: ["static"] },
  toKernel("more positions than channels", [1, 8, 9, 9], [8, 8, 2, 1], { pads: [1, 0, 0, 0] }),
  toKernel("more positions, fewer output channels", [2, 8, 9, 8], [2, 8, 3, 2], { pads: [1, 1, 2, 1] }),
  toKernel("more positions, fewer output channels, dilation", [1, 8, 9, 10], [2, 8, 2, 3], { pads: [0, 2, 1, 1], dilations: [1, 2] }),
  toKernel("more positions, padding wider than the kernel", [1, 8, 9, 8], [2, 8, 2, 1], { pads: [2, 0, 0, 1] }),
  conv("opset 7", [1, 2, 4, 4], [2, 2, 3, 3], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }, { ...static1, opset: 7 }),
];

function spread(name: string, x: Shape, w: Shape, attributes: Settings = {}): GradientCase {
  const channels = w[1] * Number(attributes.group ?? 1);
  return { op: "ConvTranspose", name, inputs: [float(x), float(w), float([channels])], attributes, dims: ["static"] };
}

const spreadCases: readonly GradientCase[] = [
  spread("plain", [2, 2, 3, 4], [2, 3, 3, 2]),
  spread("stride and padding", [1, 2, 3, 3], [2, 2, 3, 3], { strides: [2, 2], pads: [1, 0, 1, 2] }),
  spread("output padding", [1, 2, 3, 2], [2, 1, 2, 3], { strides: [2, 3], output_padding: [1, 2] }),
  spread("dilation", [1, 1, 3, 3], [1, 2, 2, 2], { dilations: [2, 1], strides: [1, 2] }),
  spread("groups", [1, 4, 3, 3], [4, 2, 2, 2], { group: 2, strides: [2, 2] }),
  spread("depthwise", [2, 3, 3, 2], [3, 1, 2, 2], { group: 3, strides: [2, 2] }),
  spread("one axis", [1, 2, 4], [2, 2, 4], { strides: [2], pads: [1, 1] }),
  { op: "ConvTranspose", name: "to the input", inputs: [float([2, 2, 3, 2]), frozen([2, 3, 3, 2])], attributes: { strides: [2, 2] } },
];

export const cases = [...convCases, ...spreadCases];
