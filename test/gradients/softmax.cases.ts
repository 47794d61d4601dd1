// Gradient cases of Softmax and LogSoftmax.

import { float, type GradientCase } from "../support/gradient-case.js";

const all = ["static", "named", "unknown"] as const;

export const cases: readonly GradientCase[] = ["Softmax", "LogSoftmax"].flatMap((op): readonly GradientCase[] => [
  { op, inputs: [float([2, 3])], dims: all },
  { op, inputs: [float([2, 3, 4])], attributes: { axis: 1 }, dims: all },
  { op, inputs: [float([2, 3])], attributes: { axis: 0 }, dims: all },
  { op, inputs: [float([4])], attributes: { axis: -1 } },
  { op, name: "last axis", opset: 7, inputs: [float([2, 3])], attributes: { axis: 1 } },
  { op, name: "default axis", opset: 9, inputs: [float([2, 3, 2])] },
  { op, name: "first axis", opset: 11, inputs: [float([2, 3, 2])], attributes: { axis: 0 } },
  { op, name: "last axis", opset: 12, inputs: [float([2, 3, 2])], attributes: { axis: -1 } },
  { op, name: "middle axis", opset: 12, inputs: [float([2, 3, 2])], attributes: { axis: -2 }, dims: all },
]);
