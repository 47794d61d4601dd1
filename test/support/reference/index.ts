// The operators that the reference evaluator knows: those for which onnxruntime has no float64 kernel, or computes in float32. Plain loops, slow and obvious.

import type { Node } from "../../../core/graph/types.js";
import { convolution } from "./convolution.js";
import { elementwise } from "./elementwise.js";
import type { Kernel } from "./kernel.js";
import { normalization } from "./normalization.js";
import { pooling } from "./pooling.js";
import { resizing } from "./resize.js";

const kernels: ReadonlyMap<string, Kernel> = new Map(Object.entries({ ...elementwise, ...convolution, ...normalization, ...pooling, ...resizing }));

/** The plain-loop kernel of a node's operator; undefined where the runtime does it. */
export function referenceKernel(node: Node): Kernel | undefined {
  return node.domain === "" ? kernels.get(node.opType) : undefined;
}
