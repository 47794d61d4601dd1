// Other spellings of what ONNX Runtime's CPU kernels are slow at, for float32. They say the same as the nodes that they replace, in several
// times less time; what was measured stands beside each.

import type { OpOptions } from "../graph/builder.js";
import type { Node } from "../graph/types.js";
import { epsilonOf, normalise, trailingAxes } from "./normalization.js";
import { eitherOrder, type Rewrite } from "./rewrite.js";

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

/**
 * The slope of Relu behind MaxPool: what the pool sends back lies where it found its maxima, which are above 0 where its results are. So the
 * slope is taken of the results, a quarter of the elements in the usual case, before they are sent back.
 */
const slopeBehindPool: Rewrite = {
  opType: "Mul",
  apply: ({ b, node, inputs, value, maker }) => {
    for (const [sent, slope] of eitherOrder({ node, inputs })) {
      const unpool = maker(sent, "MaxUnpool");
      const step = unpool === undefined ? undefined : maker(slope, "HardSigmoid");
      const pool = step === undefined ? undefined : maker(unpool?.inputs[1], "MaxPool");
      if (unpool === undefined || step === undefined || pool === undefined) continue;
      const [gradient, indices, shape] = unpool.inputs;
      const x = pool.inputs[0];
      const maxima = value(pool.node.outputs[0]);
      // What is not sent back is 0, whatever its slope.
      if (x === undefined || maxima === undefined || step.inputs[0]?.name !== x.name || gradient === undefined) continue;
      const attributes = (of: Node): NonNullable<OpOptions["attributes"]> => Object.fromEntries(of.attributes);
      const slopes = b.op("HardSigmoid", [maxima], { attributes: attributes(step.node) });
      return b.op("MaxUnpool", [b.mul(gradient, slopes), indices, shape], { attributes: attributes(unpool.node) });
    }
    return undefined;
  },
};

export const fasterKernels: readonly Rewrite[] = [layerNormalization, slopeBehindPool];
