// Gradient cases of the operators that rearrange, join, cut apart or repeat whole tensors.

import { fedInts, float, frozen, ints, type GradientCase } from "../support/gradient-case.js";

const all = ["static", "named", "unknown"] as const;

const transposes: readonly GradientCase[] = [
  { op: "Transpose", name: "reversed", inputs: [float([2, 3, 4])], dims: all },
  { op: "Transpose", inputs: [float([2, 3, 4])], attributes: { perm: [2, 0, 1] }, dims: all },
  { op: "Transpose", inputs: [float([2, 3, 1, 2])], attributes: { perm: [0, 2, 3, 1] }, dims: all },
  { op: "Transpose", opset: 7, inputs: [float([2, 3])] },
];

const concats: readonly GradientCase[] = [
  { op: "Concat", inputs: [float([2, 3]), float([2, 1]), float([2, 2])], attributes: { axis: 1 }, dims: all },
  { op: "Concat", inputs: [float([2, 3]), float([4, 3])], attributes: { axis: -2 }, dims: all },
  { op: "Concat", name: "one operand", inputs: [float([2, 3])], attributes: { axis: 0 } },
  { op: "Concat", name: "with a constant between", inputs: [float([2, 3]), frozen([2, 2]), float([2, 1])], attributes: { axis: 1 }, dims: all },
  {
    op: "Concat",
    name: "one operand twice",
    inputs: [float([2, 3])],
    build: ({ b, inputs: [x] }) => [b.concat([x, x], 0)],
    dims: all,
  },
  { op: "Concat", opset: 7, inputs: [float([2, 3]), float([1, 3])], attributes: { axis: 0 } },
];

const splits: readonly GradientCase[] = [
  { op: "Split", inputs: [float([2, 6]), ints([1, 3, 2])], attributes: { axis: 1 }, outputs: 3, dims: all },
  { op: "Split", name: "even", inputs: [float([4, 3])], attributes: { num_outputs: 2 }, outputs: 2 },
  { op: "Split", name: "shorter last part", inputs: [float([3, 7])], attributes: { axis: -1, num_outputs: 3 }, outputs: 3, dims: all },
  { op: "Split", name: "sizes known when it runs", inputs: [float([5, 2]), fedInts([2, 3])], outputs: 2, dims: all },
  {
    op: "Split",
    name: "one part unused",
    inputs: [float([2, 6])],
    build: ({ b, inputs: [x] }) => b.ops("Split", [x, b.ints([2, 4])], { attributes: { axis: 1 }, outputs: 2 }).slice(1),
    dims: all,
  },
  { op: "Split", opset: 7, inputs: [float([2, 6])], attributes: { axis: 1, split: [2, 4] }, outputs: 2 },
  { op: "Split", opset: 11, name: "even", inputs: [float([6, 2])], outputs: 3 },
  { op: "Split", opset: 13, inputs: [float([6, 2]), ints([1, 5])], outputs: 2 },
  { op: "Split", opset: 13, name: "even", inputs: [float([6, 2])], outputs: 2 },
];

const expands: readonly GradientCase[] = [
  { op: "Expand", inputs: [float([3, 1]), ints([2, 3, 4])], dims: all },
  { op: "Expand", name: "to sizes of 1", inputs: [float([2, 3]), ints([1, 1, 1])], dims: all },
  { op: "Expand", name: "a scalar", inputs: [float([]), ints([2, 2])], dims: all },
  { op: "Expand", name: "shape known when it runs", inputs: [float([1, 3]), fedInts([4, 1])], dims: all },
  { op: "Expand", opset: 8, inputs: [float([1, 3]), ints([4, 3])] },
];

const tiles: readonly GradientCase[] = [
  { op: "Tile", inputs: [float([2, 3]), ints([2, 1])], dims: all },
  { op: "Tile", inputs: [float([2, 1, 3]), ints([3, 2, 2])], dims: all },
  { op: "Tile", name: "repeats known when it runs", inputs: [float([2, 3]), fedInts([2, 2])], dims: all },
  { op: "Tile", opset: 7, inputs: [float([2, 3]), ints([1, 3])] },
];

const blocks: readonly GradientCase[] = [
  { op: "DepthToSpace", inputs: [float([2, 8, 2, 3])], attributes: { blocksize: 2 }, dims: all },
  { op: "DepthToSpace", inputs: [float([2, 8, 2, 3])], attributes: { blocksize: 2, mode: "DCR" } },
  { op: "DepthToSpace", inputs: [float([2, 8, 2, 3])], attributes: { blocksize: 2, mode: "CRD" }, dims: all },
  { op: "DepthToSpace", opset: 7, inputs: [float([1, 4, 2, 1])], attributes: { blocksize: 2 } },
  { op: "SpaceToDepth", inputs: [float([2, 2, 4, 6])], attributes: { blocksize: 2 }, dims: all },
  { op: "SpaceToDepth", opset: 7, inputs: [float([1, 1, 3, 6])], attributes: { blocksize: 3 } },
];

const triangles: readonly GradientCase[] = [
  { op: "Trilu", inputs: [float([3, 4])], dims: all },
  { op: "Trilu", inputs: [float([2, 3, 3])], attributes: { upper: 0 } },
  { op: "Trilu", inputs: [float([3, 4]), ints([1], [])], attributes: { upper: 1 } },
  { op: "Trilu", inputs: [float([3, 4]), ints([-1], [])], attributes: { upper: 0 } },
];

export const cases: readonly GradientCase[] = [...transposes, ...concats, ...splits, ...expands, ...tiles, ...blocks, ...triangles];
