// Gradient cases of Resize: every way to place and to round that has a gradient, growing and shrinking.

import { tensorOf } from "../../core/graph/tensor.js";
import { float, given, ints, type CaseInput, type GradientCase } from "../support/gradient-case.js";

const factors = (...values: readonly number[]): CaseInput => given(tensorOf("float32", values));

/** By scales for the spatial axes of an image. */
const scaled = (attributes: Readonly<Record<string, string>>, ...by: readonly number[]): GradientCase => ({
  op: "Resize",
  name: `by ${by.join(" and ")}`,
  inputs: [float([2, 2, 4, 3].slice(0, by.length + 2)), undefined, factors(1, 1, ...by)],
  attributes,
});

const nearest = (coordinate_transformation_mode: string, nearest_mode: string, ...by: readonly number[]): GradientCase =>
  scaled({ mode: "nearest", coordinate_transformation_mode, nearest_mode }, ...by);

const linear = (coordinate_transformation_mode: string, ...by: readonly number[]): GradientCase =>
  scaled({ mode: "linear", coordinate_transformation_mode }, ...by);

export const cases: readonly GradientCase[] = [
  nearest("asymmetric", "floor", 2, 2),
  nearest("asymmetric", "floor", 1, 3),
  nearest("asymmetric", "floor", 1.5, 2),
  nearest("asymmetric", "floor", 0.5, 1),
  nearest("asymmetric", "ceil", 2, 2),
  nearest("half_pixel", "round_prefer_floor", 2, 3),
  nearest("half_pixel", "round_prefer_ceil", 2, 2),
  nearest("half_pixel", "round_prefer_ceil", 0.5, 1.5),
  nearest("half_pixel", "round_prefer_floor", 0.5, 1.5),
  nearest("pytorch_half_pixel", "round_prefer_floor", 2, 2),
  nearest("align_corners", "round_prefer_floor", 2, 2),
  nearest("asymmetric", "floor", 2),
  linear("half_pixel", 2, 2),
  linear("half_pixel", 0.5, 1.5),
  linear("pytorch_half_pixel", 2, 1.5),
  linear("pytorch_half_pixel", 0.25, 2),
  linear("align_corners", 2, 2),
  linear("align_corners", 1.5, 0.5),
  linear("asymmetric", 2, 2),
  linear("half_pixel", 2),
  { op: "Resize", name: "to sizes", inputs: [float([2, 2, 4, 3]), undefined, undefined, ints([2, 2, 7, 6])], attributes: { mode: "linear" }, dims: ["static"] },
  { op: "Resize", name: "to sizes", inputs: [float([1, 2, 4, 3]), undefined, undefined, ints([1, 2, 8, 3])], attributes: { mode: "nearest" }, dims: ["static"] },
  {
    op: "Resize",
    name: "of named axes",
    inputs: [float([1, 1, 4, 3]), undefined, factors(1.5, 2)],
    attributes: { mode: "linear", axes: [3, 2] },
  },
  { op: "Resize", opset: 10, inputs: [float([1, 2, 3, 2]), factors(1, 1, 2, 2)], attributes: { mode: "nearest" } },
  { op: "Resize", opset: 10, inputs: [float([1, 2, 3, 2]), factors(1, 1, 2, 1.5)], attributes: { mode: "linear" } },
  { op: "Resize", opset: 13, inputs: [float([1, 2, 3, 2]), undefined, factors(1, 1, 2, 2)], attributes: { mode: "linear" }, dims: ["unknown"] },
]; // prettier-ignore
