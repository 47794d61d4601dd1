// Gradient cases of the normalisations.

import { float as floatAttribute } from "../../core/graph/attributes.js";
import { exactly, float, frozen, positive, type GradientCase } from "../support/gradient-case.js";

const all = ["static", "named", "unknown"] as const;
const epsilon = floatAttribute(0.125);

const layerNormalizations: readonly GradientCase[] = [
  { op: "LayerNormalization", inputs: [float([2, 5]), float([5]), float([5])], dims: all },
  { op: "LayerNormalization", name: "no bias", inputs: [float([2, 3, 4]), float([4])], dims: all },
  { op: "LayerNormalization", name: "two axes", inputs: [float([2, 3, 4]), float([3, 4]), float([3, 4])], attributes: { axis: 1 }, dims: all },
  { op: "LayerNormalization", name: "all axes", inputs: [float([2, 3]), float([2, 3]), float([2, 3])], attributes: { axis: -2, epsilon } },
  { op: "LayerNormalization", name: "broadcast scale", inputs: [float([2, 3, 4]), float([1]), float([1])], attributes: { epsilon } },
  { op: "LayerNormalization", name: "frozen scale", inputs: [float([2, 5]), frozen([5]), frozen([5])], attributes: { axis: 1 } },
  { op: "LayerNormalization", opset: 17, inputs: [float([2, 5]), float([5]), float([5])] },
];

const rmsNormalizations: readonly GradientCase[] = [
  { op: "RMSNormalization", inputs: [float([2, 5]), float([5])], dims: all },
  { op: "RMSNormalization", inputs: [float([2, 3, 4]), float([3, 4])], attributes: { axis: 1, epsilon }, dims: all },
];

const channelNormalizations: readonly GradientCase[] = [
  { op: "InstanceNormalization", inputs: [float([2, 3, 5]), float([3]), float([3])], dims: all },
  { op: "InstanceNormalization", inputs: [float([2, 3, 2, 3]), float([3]), float([3])], attributes: { epsilon } },
  { op: "InstanceNormalization", opset: 7, inputs: [float([2, 2, 4]), float([2]), float([2])] },
  { op: "GroupNormalization", inputs: [float([2, 4, 3]), float([4]), float([4])], attributes: { num_groups: 2 }, dims: all },
  { op: "GroupNormalization", inputs: [float([2, 6, 2, 2]), float([6]), float([6])], attributes: { num_groups: 3, epsilon } },
  { op: "GroupNormalization", opset: 18, inputs: [float([2, 4, 3]), float([2]), float([2])], attributes: { num_groups: 2 } },
];

const lpNormalizations: readonly GradientCase[] = [
  { op: "LpNormalization", inputs: [float([2, 3, 2])], dims: all },
  { op: "LpNormalization", inputs: [float([2, 3])], attributes: { axis: 0, p: 1 }, dims: all },
  { op: "LpNormalization", opset: 7, inputs: [float([2, 3])], attributes: { axis: 1, p: 2 } },
  {
    op: "LpNormalization",
    name: "at zero",
    inputs: [float([2, 2], exactly(0, 0, 0, 0))],
    expected: () => [[0, 0, 0, 0]],
  },
];

const statistics = (channels: number) => [float([channels]), float([channels]), float([channels]), float([channels], positive)];
const stored = (channels: number) => [float([channels]), float([channels]), frozen([channels]), frozen([channels], positive)];

const batchNormalizations: readonly GradientCase[] = [
  { op: "BatchNormalization", inputs: [float([2, 3, 2, 2]), ...statistics(3)], dims: all },
  { op: "BatchNormalization", name: "stored statistics", inputs: [float([2, 3, 4]), ...stored(3)], attributes: { epsilon }, dims: all },
  { op: "BatchNormalization", name: "no pixels", inputs: [float([4, 3]), ...stored(3)], dims: all },
  { op: "BatchNormalization", opset: 7, inputs: [float([2, 3, 2, 2]), ...stored(3)], attributes: { spatial: 1, epsilon } },
  { op: "BatchNormalization", opset: 9, inputs: [float([2, 3, 2, 2]), ...stored(3)], attributes: { momentum: floatAttribute(0.5) } },
  { op: "BatchNormalization", opset: 14, inputs: [float([2, 3, 2, 2]), ...stored(3)], attributes: { training_mode: 0 } },
  { op: "BatchNormalization", opset: 15, inputs: [float([2, 3, 2]), ...stored(3)] },
];

export const cases: readonly GradientCase[] = [
  ...layerNormalizations,
  ...rmsNormalizations,
  ...channelNormalizations,
  ...lpNormalizations,
  ...batchNormalizations,
];
