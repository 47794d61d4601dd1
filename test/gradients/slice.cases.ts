// Gradient cases of Slice and Pad.

import { attribute, float as floatAttribute } from "../../core/graph/attributes.js";
import { fedInts, float, frozen, ints, type GradientCase } from "../support/gradient-case.js";

const all = ["static", "named", "unknown"] as const;
const toEnd = 2 ** 31 - 1;
const int64Most = { type: "ints", value: [2n ** 63n - 1n] } as const;
const int64Least = { type: "ints", value: [-(2n ** 63n)] } as const;

interface Cut {
  readonly name?: string;
  readonly shape: readonly number[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly axes?: readonly number[];
  readonly steps?: readonly number[];
}

const cuts: readonly Cut[] = [
  { shape: [5, 4], starts: [1], ends: [3], axes: [0] },
  { name: "two axes", shape: [5, 4], starts: [1, 2], ends: [4, toEnd], axes: [0, 1] },
  { name: "axes left out", shape: [5, 4], starts: [0, 1], ends: [2, 3] },
  { name: "negative axes", shape: [2, 3, 4], starts: [1], ends: [3], axes: [-1] },
  { name: "negative bounds", shape: [5, 4], starts: [-4], ends: [-1], axes: [0] },
  { name: "bounds past the ends", shape: [5, 4], starts: [-100], ends: [100], axes: [0] },
  { name: "to the end", shape: [5, 4], starts: [2], ends: [toEnd], axes: [0] },
  { name: "everything", shape: [5, 4], starts: [0], ends: [toEnd], axes: [1] },
  { name: "the last element", shape: [5, 4], starts: [-1], ends: [toEnd], axes: [0] },
  { name: "every second", shape: [7, 2], starts: [0], ends: [toEnd], axes: [0], steps: [2] },
  { name: "every third from 1", shape: [2, 8], starts: [1], ends: [7], axes: [1], steps: [3] },
  { name: "backwards", shape: [5, 2], starts: [-1], ends: [-toEnd], axes: [0], steps: [-1] },
  { name: "backwards within", shape: [6, 2], starts: [4], ends: [0], axes: [0], steps: [-1] },
  { name: "every second backwards", shape: [7, 2], starts: [100], ends: [-100], axes: [0], steps: [-2] },
  { name: "every second backwards from the last but one", shape: [7, 2], starts: [-2], ends: [0], axes: [0], steps: [-2] },
  { name: "forwards and backwards", shape: [5, 6], starts: [1, 5], ends: [4, 0], axes: [0, 1], steps: [1, -3] },
];

const slices: readonly GradientCase[] = cuts.map(({ name, shape, starts, ends, axes, steps }) => {
  const inputs = [float(shape), ints(starts), ints(ends), axes && ints(axes), steps && ints(steps)];
  const last = inputs.findLastIndex((input) => input !== undefined);
  return { op: "Slice", inputs: inputs.slice(0, last + 1), dims: all, ...(name === undefined ? {} : { name }) };
});

const oldSlices: readonly GradientCase[] = [
  { op: "Slice", opset: 7, inputs: [float([5, 4])], attributes: { starts: [1], ends: [3], axes: [0] } },
  { op: "Slice", opset: 9, inputs: [float([5, 4])], attributes: { starts: [0, -3], ends: [-1, 4] } },
  { op: "Slice", opset: 9, name: "largest bound", inputs: [float([5, 4])], attributes: { starts: [-2], ends: int64Most, axes: [1] } },
  { op: "Slice", opset: 9, name: "smallest bound", inputs: [float([5, 4])], attributes: { starts: int64Least, ends: [2], axes: [1] } },
  { op: "Slice", opset: 10, inputs: [float([5, 4]), ints([1]), ints([5]), ints([0]), ints([2])] },
  { op: "Slice", opset: 11, inputs: [float([5, 4]), ints([3]), ints([-100]), ints([-1]), ints([-1])] },
];

/** Bounds that are known only at run time; axes and steps stay constants. */
const fedSlices: readonly GradientCase[] = [
  { op: "Slice", name: "ends fed", inputs: [float([5, 4]), ints([1]), fedInts([3]), ints([0])], dims: all },
  { op: "Slice", name: "all bounds fed", inputs: [float([5, 4]), fedInts([1, -3]), fedInts([-1, 100]), ints([0, 1])], dims: all },
  { op: "Slice", name: "every second from a fed start", inputs: [float([7, 2]), fedInts([1]), fedInts([6]), ints([0]), ints([2])], dims: all },
  { op: "Slice", name: "backwards from a fed start", inputs: [float([6, 2]), fedInts([-2]), fedInts([0]), ints([0]), ints([-1])], dims: all },
  { op: "Slice", name: "beyond both ends", inputs: [float([3, 2]), fedInts([-9]), fedInts([9]), ints([0])], dims: all },
];

const pads: readonly GradientCase[] = [
  { op: "Pad", inputs: [float([2, 3]), ints([1, 0, 2, 1])], dims: all },
  { op: "Pad", name: "with a value", inputs: [float([2, 3]), ints([0, 1, 0, 2]), frozen([], () => [0.5])], attributes: { mode: "constant" } },
  { op: "Pad", name: "chosen axes", inputs: [float([2, 3, 2]), ints([1, 0, 1, 2]), undefined, ints([2, -2])], dims: all },
  { op: "Pad", name: "nothing", inputs: [float([2, 3]), ints([0, 0, 0, 0])] },
  { op: "Pad", name: "negative", inputs: [float([4, 5]), ints([-1, -2, 0, -1])], dims: all },
  { op: "Pad", name: "of both signs", inputs: [float([4, 5]), ints([-1, 2, 3, -1])], dims: all },
  { op: "Pad", name: "known when it runs", inputs: [float([2, 3]), fedInts([1, 0, 0, 2])], dims: all },
  ...["reflect", "edge"].flatMap((mode): readonly GradientCase[] => [
    { op: "Pad", inputs: [float([2, 5]), ints([0, 2, 0, 1])], attributes: { mode }, dims: all },
    { op: "Pad", inputs: [float([4, 5]), ints([3, 0, 2, 4])], attributes: { mode }, dims: all },
    { op: "Pad", name: "chosen axes", inputs: [float([2, 3, 2]), ints([2, 1]), undefined, ints([-2])], attributes: { mode } },
    { op: "Pad", opset: 9, inputs: [float([1, 2, 3])], attributes: { pads: attribute([0, 0, 1, 0, 0, 2]), mode } },
  ]),
  { op: "Pad", opset: 7, inputs: [float([2, 3])], attributes: { pads: [0, 1, 1, 0], value: floatAttribute(1.5) } },
  { op: "Pad", opset: 9, inputs: [float([2, 3])], attributes: { pads: attribute([1, 1, 1, 1]), mode: "constant" } },
  { op: "Pad", opset: 11, inputs: [float([2, 3]), ints([0, -1, 1, 2])] },
  { op: "Pad", opset: 13, inputs: [float([2, 3]), ints([0, 1, 1, 2]), frozen([], () => [2])] },
];

export const cases: readonly GradientCase[] = [...slices, ...oldSlices, ...fedSlices, ...pads];
