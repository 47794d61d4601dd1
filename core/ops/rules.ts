// Shape and batch rules that many operators share.

import * as errors from "../errors.js";
import { broadcastShapes, formatShape } from "../graph/dims.js";
import type { DType, Shape, TensorType } from "../graph/types.js";
import { differentAxes } from "./axes.js";
import { sameBatch, type BatchAxis, type BatchRule, type InferRule } from "./define.js";

export function tensorType(dtype: DType, shape: Shape | undefined): TensorType {
  return { kind: "tensor", dtype, ...(shape === undefined ? {} : { shape }) };
}

/** All inputs broadcast together; the result has the first known element type, or `dtype`. */
export function inferBroadcast(dtype?: DType): InferRule {
  return (types, { node }) => {
    const known = types.filter((t) => t !== undefined);
    const element = dtype ?? known[0]?.dtype;
    if (element === undefined) return [undefined];
    const shapes = known.map((t) => t.shape);
    if (known.length < node.inputs.length || shapes.includes(undefined)) return [tensorType(element, undefined)];
    const shape = broadcastShapes(shapes as Shape[]);
    if (shape === undefined)
      throw errors.shapeMismatch(node, "shapes that broadcast", formatShape(shapes[0]), shapes.slice(1).map(formatShape).join(" and "));
    return [tensorType(element, shape)];
  };
}

/** Samples stay apart under broadcasting as long as all inputs that vary with the sample have it on one aligned axis. */
export const batchElementwise: BatchRule = (axes, { inputs }) => {
  const ranks = inputs.map((f) => f.type?.shape?.length);
  const rank = Math.max(...ranks.map((r) => r ?? 0));
  let found: BatchAxis | undefined;
  for (const [i, axis] of axes.entries()) {
    if (axis === undefined) continue;
    const own = ranks[i];
    if (own === undefined) return "the rank of an operand is not known";
    const aligned: BatchAxis = { ...axis, axis: axis.axis + rank - own };
    if (found !== undefined && !sameBatch(found, aligned)) return differentAxes;
    found = aligned;
  }
  return [found];
};
