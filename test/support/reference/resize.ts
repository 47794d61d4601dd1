// Resize by nearest neighbours and by linear interpolation, which has no float64 kernel in onnxruntime, one element of the result at a time.

import { intsAttribute, stringAttribute } from "../../../core/graph/attributes.js";
import type { HostTensor } from "../../../core/runtime/executor.js";
import type { Node } from "../../../core/graph/types.js";
import { float64, indicesOf, offset, product, values, type Kernel } from "./kernel.js";

/** Elements that one of the result is mixed from along an axis, with their shares. */
type Mix = readonly (readonly [at: number, share: number])[];

const listed = (tensor: HostTensor): readonly number[] => Array.from(tensor.data as Float32Array | BigInt64Array, Number);

/** Position of element `o`, in single precision where `f` rounds to it. */
function placeOf(mode: string, o: number, before: number, after: number, factor: number, f: (x: number) => number): number {
  if (mode === "asymmetric") return f(o / factor);
  if (mode === "align_corners") return after === 1 ? 0 : f(f(o * (before - 1)) / (after - 1));
  if (mode === "pytorch_half_pixel" && after === 1) return 0;
  return f(f(f(o + 0.5) / factor) - 0.5);
}

function nearestOf(place: number, rounding: string): number {
  const whole = Math.floor(place);
  const rest = place - whole;
  if (rounding === "floor" || rest === 0) return whole;
  if (rounding === "ceil") return whole + 1;
  return rest < 0.5 || (rest === 0.5 && rounding === "round_prefer_floor") ? whole : whole + 1;
}

function mixesAlong(node: Node, before: number, after: number, factor: number): readonly Mix[] {
  const nearest = stringAttribute(node, "mode", "nearest") === "nearest";
  const placing = stringAttribute(node, "coordinate_transformation_mode", "half_pixel");
  const inside = (at: number): number => Math.min(Math.max(at, 0), before - 1);
  return Array.from({ length: after }, (_, o): Mix => {
    const place = placeOf(placing, o, before, after, factor, nearest ? Math.fround : (x) => x);
    if (nearest) return [[inside(nearestOf(place, stringAttribute(node, "nearest_mode", "round_prefer_floor"))), 1]];
    const within = inside(place);
    const low = Math.floor(within);
    return within === low ? [[low, 1]] : [[low, low + 1 - within], [low + 1, within - low]]; // prettier-ignore
  });
}

const resize: Kernel = (node, [x, , scales, sizes]) => {
  const axes = intsAttribute(node, "axes")?.map((axis) => (axis + x.shape.length) % x.shape.length) ?? x.shape.map((_, axis) => axis);
  const factors = x.shape.map((d, axis) => {
    const at = axes.indexOf(axis);
    return at < 0 ? 1 : sizes === undefined ? listed(scales)[at] : listed(sizes)[at] / d;
  });
  const shape = x.shape.map((d, axis) => Math.floor(d * factors[axis] + 1e-6));
  const mixes = x.shape.map((d, axis) => mixesAlong(node, d, shape[axis], factors[axis]));
  const out = new Float64Array(product(shape));
  for (const index of indicesOf(shape)) {
    const along = index.map((o, axis) => mixes[axis][o]);
    let sum = 0;
    for (const choice of indicesOf(along.map((mix) => mix.length))) {
      const picked = choice.map((n, axis) => along[axis][n]);
      sum += values(x)[offset(x.shape, picked.map(([at]) => at))] * picked.reduce((share, [, part]) => share * part, 1); // prettier-ignore
    }
    out[offset(shape, index)] = sum;
  }
  return [float64(shape, out)];
};

export const resizing: Readonly<Record<string, Kernel>> = { Resize: resize };
