// InstanceNormalization and GroupNormalization in float64: onnxruntime has no such kernel for the one, and computes the other in float32.

import { floatAttribute, intAttribute } from "../../../core/graph/attributes.js";
import { float64, product, values, type Kernel } from "./kernel.js";

/** Normalises each group of channels of each sample: [batch, channels, …] with `groups` groups. */
function normalise(groups: (channels: number, group: number) => number): Kernel {
  return (node, [x, scale, bias]) => {
    const [batch, channels, ...spatial] = x.shape;
    const area = product(spatial);
    const count = groups(channels, intAttribute(node, "num_groups", 1));
    const size = (channels / count) * area;
    const epsilon = floatAttribute(node, "epsilon", 1e-5);
    const out = new Float64Array(values(x).length);
    for (let g = 0; g < batch * count; g++) {
      const group = values(x).subarray(g * size, (g + 1) * size);
      const mean = group.reduce((a, v) => a + v, 0) / size;
      const variance = group.reduce((a, v) => a + (v - mean) ** 2, 0) / size;
      for (const [i, v] of group.entries()) {
        const channel = Math.floor((g * size + i) / area) % channels;
        out[g * size + i] = ((v - mean) / Math.sqrt(variance + epsilon)) * values(scale)[channel] + values(bias)[channel];
      }
    }
    return [float64(x.shape, out)];
  };
}

export const normalization: Readonly<Record<string, Kernel>> = {
  InstanceNormalization: normalise((channels) => channels),
  GroupNormalization: normalise((_, groups) => groups),
};
