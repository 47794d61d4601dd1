// Gradient cases of rarely used functions, and of operators that pick or reorder elements.

import { float as floatAttribute } from "../../core/graph/attributes.js";
import {
  awayFrom,
  between,
  combinations,
  distinct,
  exactly,
  float,
  given,
  ints,
  positive,
  signed,
  type GradientCase,
  type Generator,
} from "../support/gradient-case.js";
import { tensorOf } from "../../core/graph/tensor.js";

const inUnit = between(-0.9, 0.9);

const domains: Readonly<Record<string, Generator>> = {
  Tan: inUnit,
  Asin: inUnit,
  Acos: inUnit,
  Atan: signed,
  Sinh: signed,
  Cosh: signed,
  Asinh: signed,
  Acosh: between(1.2, 2.5),
  Atanh: inUnit,
  Celu: awayFrom([0]),
  ThresholdedRelu: awayFrom([1]),
  Shrink: awayFrom([-0.5, 0.5]),
};

const settings = (values: Readonly<Record<string, number>>) => Object.fromEntries(Object.entries(values).map(([k, v]) => [k, floatAttribute(v)]));

export const cases: readonly GradientCase[] = [
  ...Object.entries(domains).map(([op, values]): GradientCase => ({ op, inputs: [float([2, 3], values)] })),
  { op: "Celu", name: "alpha", inputs: [float([2, 3], awayFrom([0]))], attributes: settings({ alpha: 1.5 }) },
  { op: "ThresholdedRelu", name: "alpha", inputs: [float([2, 3], awayFrom([0.5]))], attributes: settings({ alpha: 0.5 }) },
  { op: "ThresholdedRelu", name: "at alpha", inputs: [float([3], exactly(0.5, 1, 1.5))], expected: ({ coefficients: [[, , c]] }) => [[0, 0, c]] },
  { op: "Shrink", name: "bias", inputs: [float([2, 3], awayFrom([-1, 1]))], attributes: settings({ lambd: 1, bias: 0.25 }) },
  { op: "ReduceLogSum", inputs: [float([2, 3, 2], positive), ints([1])] },
  { op: "ReduceLogSum", name: "opset 13", inputs: [float([2, 3], positive)], attributes: { axes: [0], keepdims: 0 }, opset: 13 },
  ...combinations<number | undefined>({ axis: [undefined, 0], largest: [undefined, 0] }).map((attributes): GradientCase => {
    return { op: "TopK", inputs: [float([4, 5], distinct), ints([2])], attributes, outputs: 2 };
  }),
  { op: "TopK", name: "opset 9", inputs: [float([2, 5], distinct)], attributes: { k: 3 }, outputs: 2, opset: 9 },
  { op: "ReverseSequence", inputs: [float([4, 2, 3]), given(tensorOf("int64", [3, 1]))] },
  {
    op: "ReverseSequence",
    name: "batch first",
    inputs: [float([2, 4]), given(tensorOf("int64", [4, 2]))],
    attributes: { batch_axis: 0, time_axis: 1 },
  },
];
