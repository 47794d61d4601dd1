// Where, and what hands tensors on: Identity, Cast, CastLike, and Dropout with fixed masks.

import { float as floatAttribute } from "../../core/graph/attributes.js";
import { onnxDType } from "../../core/graph/dtype-codes.js";
import { tensorOf } from "../../core/graph/tensor.js";
import { bools, exactly, float, frozen, given, type GradientCase } from "../support/gradient-case.js";

const dims = ["static", "named", "unknown"] as const;

const mask = [1, 0, 0, 1, 1, 0];

const where: readonly GradientCase[] = [
  { op: "Where", inputs: [bools(mask, [2, 3]), float([2, 3]), float([2, 3])], dims },
  { op: "Where", inputs: [bools([1, 0, 1]), float([2, 3]), float([2, 1])], dims },
  { op: "Where", inputs: [bools([1, 0], [2, 1]), float([3]), float([])], dims },
  { op: "Where", inputs: [bools([0], [1]), float([2, 1]), float([1, 3])], dims },
  { op: "Where", opset: 9, inputs: [bools(mask, [2, 3]), float([3]), frozen([2, 3])] },
];

/** Cast by value: the gradient is cast back as it is. */
const casts: readonly GradientCase[] = [
  {
    op: "Cast",
    name: "to float32",
    inputs: [float([2, 3])],
    attributes: { to: onnxDType("float32") },
    expected: ({ coefficients: [c] }) => [c],
  },
  {
    op: "Cast",
    name: "to float64 and back",
    inputs: [float([2, 3])],
    build: ({ b, inputs: [x], dtype }) => [b.cast(b.mul(b.cast(x, "float64"), b.scalar("float64", 3)), dtype)],
  },
  {
    op: "Add",
    name: "to itself as integers, which pass nothing",
    inputs: [float([2, 3])],
    build: ({ b, inputs: [x], dtype }) => [b.add(x, b.cast(b.cast(x, "int64"), dtype))],
  },
  {
    op: "Cast",
    name: "to itself",
    inputs: [float([2, 3])],
    opset: 7,
    attributes: { to: onnxDType("float32") },
    expected: ({ coefficients: [c] }) => [c],
  },
  {
    op: "CastLike",
    name: "like float32",
    inputs: [float([2, 3]), given(tensorOf("float32", [0], []))],
    expected: ({ coefficients: [c] }) => [c],
  },
  {
    op: "CastLike",
    name: "like float64",
    inputs: [float([2, 3]), given(tensorOf("float64", [0], []))],
    expected: ({ coefficients: [c] }) => [c],
  },
];

const ratio = { ...frozen([], exactly(0.25)), constant: true };

const dropouts: readonly GradientCase[] = [
  { op: "Dropout", inputs: [float([2, 3])] },
  { op: "Dropout", inputs: [float([2, 3]), ratio] },
  { op: "Dropout", opset: 7, inputs: [float([2, 3])], attributes: { ratio: floatAttribute(0.25) } },
  { op: "Dropout", opset: 10, inputs: [float([2, 3])] },
  { op: "Dropout", opset: 12, inputs: [float([2, 3]), ratio] },
  { op: "Dropout", opset: 13, inputs: [float([2, 3]), ratio, given(tensorOf("bool", [0], []))], outputs: 2 },
  {
    // A mask that keeps everything, drawn by the operator itself: the rest is checked on masks that are fed.
    op: "Dropout",
    name: "in training with ratio 0",
    inputs: [float([2, 3]), { ...frozen([], exactly(0)), constant: true }, given(tensorOf("bool", [1], []))],
    outputs: 2,
  },
  {
    op: "Dropout",
    name: "its mask computed by the operator, in training by input",
    inputs: [float([2, 3]), { ...frozen([], exactly(0)), constant: true }, given(tensorOf("bool", [1], []), false)],
    outputs: 2,
  },
];

export const cases: readonly GradientCase[] = [
  ...where,
  { op: "Identity", inputs: [float([2, 3])] },
  { op: "Identity", opset: 7, inputs: [float([])] },
  ...casts,
  ...dropouts,
];
