// Gradient cases of the operators that give the same elements another shape.

import { fedInts, float, ints, type GradientCase } from "../support/gradient-case.js";

const all = ["static", "named", "unknown"] as const;

const reshapes: readonly GradientCase[] = [
  { op: "Reshape", inputs: [float([2, 3, 4]), ints([6, 4])] },
  { op: "Reshape", name: "one size inferred", inputs: [float([2, 3, 4]), ints([-1, 3, 2])], dims: all },
  { op: "Reshape", name: "sizes copied", inputs: [float([2, 3, 4]), ints([0, 0, 2, 2])], dims: all },
  { op: "Reshape", name: "copied and inferred", inputs: [float([2, 3, 4]), ints([0, -1])], dims: all },
  { op: "Reshape", name: "to a scalar", inputs: [float([1, 1]), ints([])] },
  { op: "Reshape", name: "from a scalar", inputs: [float([]), ints([1, 1])] },
  { op: "Reshape", name: "shape known when it runs", inputs: [float([2, 6]), fedInts([3, 4])], dims: all },
  { op: "Reshape", name: "zeros as sizes", inputs: [float([2, 3]), ints([3, 2])], attributes: { allowzero: 1 } },
  { op: "Reshape", opset: 7, inputs: [float([2, 3, 4]), ints([0, -1])] },
  { op: "Reshape", opset: 13, inputs: [float([2, 3, 4]), ints([4, -1])] },
];

const flattens: readonly GradientCase[] = [0, 1, 2, 3, -1].map((axis) => {
  return { op: "Flatten", inputs: [float([2, 3, 4])], attributes: { axis }, dims: all };
});

const squeezes: readonly GradientCase[] = [
  { op: "Squeeze", inputs: [float([1, 3, 1, 2]), ints([0, 2])], dims: all },
  { op: "Squeeze", name: "negative axes", inputs: [float([1, 3, 1]), ints([-1])], dims: all },
  { op: "Squeeze", name: "all axes of size 1", inputs: [float([1, 3, 1])], dims: ["static"] },
  { op: "Squeeze", opset: 11, inputs: [float([1, 3, 1, 2])], attributes: { axes: [0, -2] } },
  { op: "Squeeze", opset: 7, inputs: [float([1, 3, 1])], attributes: { axes: [2] } },
  { op: "Squeeze", opset: 12, name: "all axes of size 1", inputs: [float([1, 3, 1])], dims: ["static"] },
];

const unsqueezes: readonly GradientCase[] = [
  { op: "Unsqueeze", inputs: [float([3, 2]), ints([0, 2])], dims: all },
  { op: "Unsqueeze", name: "negative axes out of order", inputs: [float([3, 2]), ints([-1, 0])], dims: all },
  { op: "Unsqueeze", name: "a scalar", inputs: [float([]), ints([0])] },
  { op: "Unsqueeze", opset: 11, inputs: [float([3, 2])], attributes: { axes: [-1, 1] } },
  { op: "Unsqueeze", opset: 7, inputs: [float([3, 2])], attributes: { axes: [0] } },
];

export const cases: readonly GradientCase[] = [
  ...reshapes,
  ...flattens,
  { op: "Flatten", opset: 9, inputs: [float([2, 3, 4])] },
  ...squeezes,
  ...unsqueezes,
];
