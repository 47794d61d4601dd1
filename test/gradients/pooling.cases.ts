// Gradient cases of the pools: overlapping and separate windows, padding, dilation, rounding up, ties, sizes known only at run time.

import { combinations, distinct, exactly, float, type DimForm, type GradientCase } from "../support/gradient-case.js";

type Shape = readonly number[];
type Settings = NonNullable<GradientCase["attributes"]>;

const everyForm: readonly DimForm[] = ["static", "named", "unknown"];

const windows: readonly (readonly [Shape, Settings])[] = [
  [[2, 2, 4, 4], { kernel_shape: [2, 2], strides: [2, 2] }],
  [[1, 2, 5, 4], { kernel_shape: [3, 2] }],
  [[1, 2, 6, 5], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }],
  [[1, 1, 5, 6], { kernel_shape: [3, 2], strides: [2, 3], pads: [2, 0, 1, 1] }],
  [[1, 2, 6, 6], { kernel_shape: [2, 2], strides: [3, 4] }],
  [[1, 1, 6, 7], { kernel_shape: [2, 3], dilations: [3, 2] }],
  [[1, 2, 6, 5], { kernel_shape: [3, 2], strides: [2, 2], ceil_mode: 1 }],
  [[1, 1, 5, 6], { kernel_shape: [3, 3], strides: [2, 3], pads: [1, 1, 1, 1], ceil_mode: 1 }],
  [[1, 2, 5, 4], { kernel_shape: [3, 2], strides: [2, 2], auto_pad: "SAME_UPPER" }],
  [[1, 2, 5, 4], { kernel_shape: [2, 2], auto_pad: "SAME_LOWER" }],
  [[1, 1, 5, 4], { kernel_shape: [2, 2], strides: [2, 2], auto_pad: "VALID" }],
  [[2, 2, 7], { kernel_shape: [3], strides: [2], pads: [1, 0] }],
  [[1, 1, 3, 4, 3], { kernel_shape: [2, 2, 2], strides: [1, 2, 1] }],
];

const maxPool = windows.map(([shape, attributes]): GradientCase => ({
  op: "MaxPool",
  inputs: [float(shape, distinct)],
  attributes,
  dims: everyForm,
}));

const averagePool = windows.flatMap(([shape, settings]) =>
  combinations<number | undefined>({ count_include_pad: [undefined, 1] }).map((more): GradientCase => {
    return { op: "AveragePool", inputs: [float(shape)], attributes: { ...settings, ...more }, dims: everyForm };
  }),
);

export const cases: readonly GradientCase[] = [
  ...maxPool,
  {
    op: "MaxPool",
    name: "indices wanted",
    inputs: [float([1, 2, 4, 4], distinct)],
    attributes: { kernel_shape: [2, 2] },
    outputs: 2,
  },
  {
    op: "MaxPool",
    name: "indices wanted column by column",
    inputs: [float([1, 2, 4, 5], distinct)],
    attributes: { kernel_shape: [2, 2], storage_order: 1 },
    outputs: 2,
  },
  {
    op: "MaxPool",
    name: "the first of equals takes all",
    inputs: [float([1, 1, 1, 4], exactly(3, 3, 1, 3))],
    attributes: { kernel_shape: [1, 4] },
    expected: ({ coefficients: [[c]] }) => [[c, 0, 0, 0]],
  },
  { op: "MaxPool", name: "opset 8", inputs: [float([1, 1, 4, 4], distinct)], attributes: { kernel_shape: [2, 2], pads: [1, 0, 0, 1] }, opset: 8 },
  ...averagePool,
  { op: "AveragePool", name: "opset 7", inputs: [float([1, 1, 4, 4])], attributes: { kernel_shape: [2, 2], pads: [1, 0, 0, 1] }, opset: 7 },
  { op: "GlobalAveragePool", inputs: [float([2, 3, 4, 2])], dims: everyForm },
  { op: "GlobalAveragePool", name: "one axis", inputs: [float([2, 3, 4])] },
  { op: "GlobalMaxPool", inputs: [float([2, 3, 4, 2], distinct)], dims: everyForm },
  { op: "GlobalMaxPool", name: "one axis", inputs: [float([2, 3, 4], distinct)] },
  {
    op: "GlobalMaxPool",
    name: "the first of equals takes all",
    inputs: [float([1, 1, 2, 2], exactly(0, 2, 2, 1))],
    expected: ({ coefficients: [[c]] }) => [[0, c, 0, 0]],
  },
];
