// Other spellings of what ONNX Runtime's CPU kernels are slow at, for float32. They say the same as the nodes that they replace, in several
// times less time; what was measured stands beside each.

import { epsilonOf, normalise, trailingAxes } from "./normalization.js";
import type { Rewrite } from "./rewrite.js";

/** The opset from which on ReduceMean takes its axes as an input. */
const axesAsInput = 18;

/** The kernel of LayerNormalization takes twice as long as the passes that it is made of; a gradient reads most of them again. */
const layerNormalization: Rewrite = {
  opType: "LayerNormalization",
  apply: ({ b, node, inputs: [x, scale, bias], opset }) => {
    if (opset < axesAsInput) return undefined;
    const axes = x === undefined ? "" : trailingAxes({ node, inputs: [x] });
    if (x?.type.dtype !== "float32" || scale === undefined || typeof axes === "string") return undefined;
    const product = b.mul(normalise(b, x, axes, epsilonOf(node), true).unit, scale);
    return bias === undefined ? product : b.add(product, bias);
  },
};

export const fasterKernels: readonly Rewrite[] = [layerNormalization];
