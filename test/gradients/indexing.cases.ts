// Gradient cases of the operators that pick elements by index, and of running sums.

import { fedInts, float, ints, type GradientCase } from "../support/gradient-case.js";

const all = ["static", "named", "unknown"] as const;

/** A table with more rows than the one-hot product is used for. */
const manyRows = 600;

const gathers: readonly GradientCase[] = [
  { op: "Gather", name: "one constant index", inputs: [float([4, 3]), ints([2], [])], dims: all },
  { op: "Gather", name: "one negative index", inputs: [float([4, 3]), ints([-1], [])], attributes: { axis: 1 }, dims: all },
  { op: "Gather", name: "constant indices", inputs: [float([4, 3]), ints([3, 0])], dims: all },
  { op: "Gather", name: "a permutation", inputs: [float([2, 4]), ints([3, 0, 2, 1])], attributes: { axis: -1 }, dims: all },
  { op: "Gather", name: "repeated constant indices", inputs: [float([2, 3, 2]), ints([1, 1, 0, -2])], attributes: { axis: 1 }, dims: all },
  { op: "Gather", name: "one index many times", inputs: [float([3, 2]), ints([1, 1, 1, 1, 1, 1, 0])], dims: all },
  { op: "Gather", name: "a matrix of constant indices", inputs: [float([3, 2]), ints([2, 0, 2, 1], [2, 2])], dims: all },
  { op: "Gather", name: "embedding", inputs: [float([5, 3]), fedInts([4, 0, 4, 2, -1, 4], [2, 3])], dims: all },
  { op: "Gather", name: "an index known when it runs", inputs: [float([3, 2]), fedInts([-3], [])], dims: all },
  { op: "Gather", name: "on an inner axis", inputs: [float([2, 4, 3]), fedInts([1, 3, 1])], attributes: { axis: 1 }, dims: all },
  { op: "Gather", name: "a matrix on the last axis", inputs: [float([2, 3, 4]), fedInts([0, -1, 0, 2], [2, 2])], attributes: { axis: 2 }, dims: all },
  { op: "Gather", name: "a vector", inputs: [float([4]), fedInts([1, 1, -2], [3, 1])], dims: all },
  {
    op: "Gather",
    name: "a long table",
    inputs: [float([2, 2]), fedInts([599, 3, -1, 3])],
    build: ({ b, inputs: [x, indices] }) => {
      const pads = b.op("Pad", [x, b.ints([2, 0, manyRows - 4, 0]), b.zero(x)]);
      return [b.gather(pads, b.op("Sub", [indices, b.ints([0])]), 0)];
    },
  },
  { op: "Gather", opset: 7, inputs: [float([4, 3]), fedInts([0, 2, 2])] },
  { op: "Gather", opset: 11, inputs: [float([4, 3]), ints([1, 1])], attributes: { axis: -1 } },
];

const elements: readonly GradientCase[] = [
  { op: "GatherElements", inputs: [float([3, 2]), fedInts([0, 2, 0, 0], [2, 2])], dims: all },
  { op: "GatherElements", inputs: [float([2, 3]), ints([0, -1, 2, 1, 1, 1, 1, 0], [2, 4])], attributes: { axis: 1 }, dims: all },
  { op: "GatherElements", opset: 11, inputs: [float([2, 3]), ints([0, 1], [2, 1])], attributes: { axis: -1 } },
];

const sums: readonly GradientCase[] = [
  { op: "CumSum", inputs: [float([3, 4]), ints([1], [])], dims: all },
  { op: "CumSum", inputs: [float([3, 4]), ints([0], [])], attributes: { exclusive: 1 } },
  { op: "CumSum", inputs: [float([3, 4]), ints([-1], [])], attributes: { reverse: 1 } },
  { op: "CumSum", opset: 11, inputs: [float([3, 4]), ints([-2], [])], attributes: { exclusive: 1, reverse: 1 } },
];

export const cases: readonly GradientCase[] = [...gathers, ...elements, ...sums];
