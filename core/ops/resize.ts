// Resize, and Upsample before it: other sizes by interpolation. Along each axis that is linear, so that a gradient is a product with the
// matrix that interpolates; where a nearest neighbour is repeated a whole number of times, a sum over its copies.

import { attribute, intAttribute, intsAttribute, stringAttribute } from "../graph/attributes.js";
import type { GraphBuilder, Value } from "../graph/builder.js";
import { divideExactly, expression, multiply, unknownDim } from "../graph/dims.js";
import { tensorOf } from "../graph/tensor.js";
import type { Attribute, Dim, DType, Node, Shape } from "../graph/types.js";
import { range, resolveAxis, sameTypeAs, sizeOf, vector } from "./axes.js";
import { defineOp, type BatchRule, type Facts, type GradientRule, type InferRule, type Site, type Upgrade, type UpgradeContext } from "./define.js";
import { onnxPage } from "./frozen-only.js";
import { tensorType } from "./rules.js";

function scaleDim(d: Dim, factor: number): Dim {
  if (factor === 1) return d;
  if (typeof d === "number") return Math.floor(d * factor);
  return Number.isInteger(factor) ? multiply(d, factor) : expression(`floor(${d}×${factor})`);
}

/** For each axis of a tensor, its place in the lists of scales and sizes; −1 where they do not name it. */
function places(node: Node, rank: number): readonly number[] {
  const named = intsAttribute(node, "axes")?.map((axis) => resolveAxis(node, axis, rank));
  return range(rank).map((axis) => named?.indexOf(axis) ?? axis);
}

/** The shape that scales or sizes ask for; an axis about which neither is known gets an unknown size. */
function resizedShape(node: Node, x: Shape, scales: Facts | undefined, sizes: Facts | undefined): Shape {
  const at = places(node, x.length);
  return x.map((d, axis) => {
    if (at[axis] < 0) return d;
    if (sizes?.type !== undefined) return keepsAspect(node) ? unknownDim() : (sizes.ints?.[at[axis]] ?? unknownDim());
    const factor = scales?.floats?.[at[axis]];
    return factor === undefined ? unknownDim() : scaleDim(d, factor);
  });
}

/** Keeping the aspect ratio changes the sizes that were asked for. */
function keepsAspect(node: Node): boolean {
  return stringAttribute(node, "keep_aspect_ratio_policy", "stretch") !== "stretch";
}

const inferResize: InferRule = ([x], { node, inputs }) => {
  if (x?.shape === undefined) return [x];
  const [scales, sizes] = node.opType === "Upsample" ? [inputs[1], undefined] : [inputs[2], inputs[3]];
  return [tensorType(x.dtype, resizedShape(node, x.shape, scales, sizes))];
};

/** Samples stay apart as long as the axis of the batch keeps its size. */
export const batchResize: BatchRule = (axes, { inputs, outputs }) => {
  const [x] = axes;
  if (x === undefined || axes.slice(1).some((axis) => axis !== undefined)) return "its sizes depend on the samples";
  const [before, after] = [inputs[0].type?.shape?.[x.axis], outputs[0]?.type?.shape?.[x.axis]];
  if (before === undefined || after === undefined) return "the shape of its operand is not known";
  return before === after ? [x] : "bakes the batch size in, or resizes along the axis of the batch";
};

// ── the gradient ────────────────────────────────────────────────────────────────────────────────────────────────────

const modeOf = (node: Node): string => stringAttribute(node, "mode", "nearest");
const placingOf = (node: Node): string => stringAttribute(node, "coordinate_transformation_mode", "half_pixel");
const roundingOf = (node: Node): string => stringAttribute(node, "nearest_mode", "round_prefer_floor");

const placings: readonly string[] = ["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"];

function unsupportedForm({ node, inputs }: Site): string | undefined {
  if (!["nearest", "linear"].includes(modeOf(node))) return `${modeOf(node)} interpolation is only computed, not differentiated`;
  if (!placings.includes(placingOf(node))) return `positions placed by ${placingOf(node)} are only computed, not differentiated`;
  if (intAttribute(node, "antialias", 0) !== 0) return "antialiasing is only computed, not differentiated";
  if (keepsAspect(node)) return "the sizes that keep its aspect ratio are known only when it runs";
  return inputs[0].type?.shape === undefined ? "the rank of its operand is not known" : undefined;
}

/** What a Resize reads: scales for the axes, or the sizes that they shall have. */
interface Resizing {
  readonly b: GraphBuilder;
  readonly node: Node;
  readonly x: Value;
  readonly y: Value;
  /** Absent where sizes are given. */
  readonly scales: Value | undefined;
}

/** How many times each element is repeated along an axis, its copies side by side; undefined where it is not so, or cannot be told. */
function copiesAlong({ b, node, x, y, scales }: Resizing, axis: number): number | undefined {
  const factor = divideExactly(y.type.shape?.[axis] ?? 0, x.type.shape?.[axis] ?? 0);
  const asked = scales === undefined ? factor : scales.floats?.[places(node, b.rank(x))[axis]];
  if (modeOf(node) !== "nearest" || typeof factor !== "number" || asked !== factor) return undefined;
  const centred = placingOf(node).endsWith("half_pixel") && roundingOf(node).startsWith("round");
  return centred || (placingOf(node) === "asymmetric" && roundingOf(node) === "floor") ? factor : undefined;
}

/** Sums the copies of each element: [.., d · copies, ..] → [.., d, ..]. */
function sumCopies(b: GraphBuilder, dy: Value, x: Value, copies: readonly number[]): Value {
  const sizes = copies.flatMap((count, axis) => (count === 1 ? [sizeOf(b, x, axis)] : [sizeOf(b, x, axis), count]));
  const counted = copies.flatMap((count) => (count === 1 ? [false] : [false, true]));
  return b.reduceSum(b.reshape(dy, vector(b, sizes)), [...counted.keys()].filter((i) => counted[i]), false); // prettier-ignore
}

/** 0, 1, … up to the size of an axis. Counted in integers: the runtime does not take a Range of floats whose limit is a size. */
function counting(b: GraphBuilder, x: Value, axis: number, dtype: DType): Value {
  return b.cast(b.op("Range", [b.scalar("int64", 0), b.squeeze(b.dim(x, axis), [0]), b.scalar("int64", 1)]), dtype);
}

/** Where each element of the result lies among those of the operand along an axis: [out], within 0 … in − 1. */
function positions({ b, node, x, y, scales }: Resizing, axis: number, dtype: "float32" | "float64"): Value {
  const size = (v: Value): Value => b.squeeze(b.cast(b.dim(v, axis), dtype), [0]);
  const number = (value: number): Value => b.scalar(dtype, value);
  const [before, after] = [size(x), size(y)];
  const at = places(node, b.rank(x))[axis];
  const factor = (): Value => (scales === undefined ? b.div(after, before) : b.squeeze(b.cast(b.slice(scales, [0], [at], [at + 1]), dtype), [0]));
  const index = counting(b, y, axis, dtype);
  const place = (): Value => {
    const placing = placingOf(node);
    if (placing === "asymmetric") return b.div(index, factor());
    // One element alone lies at the first.
    if (placing === "align_corners") return b.div(b.mul(index, b.sub(before, number(1))), b.op("Max", [b.sub(after, number(1)), number(1)]));
    const shifted = b.sub(b.div(b.add(index, number(0.5)), factor()), number(0.5));
    return placing === "half_pixel" ? shifted : b.mul(shifted, b.cast(b.greater(after, number(1)), dtype));
  };
  const rounded = modeOf(node) === "nearest" ? round(b, place(), roundingOf(node)) : place();
  return b.op("Min", [b.op("Max", [rounded, number(0)]), b.sub(before, number(1))]);
}

function round(b: GraphBuilder, place: Value, rounding: string): Value {
  const half = b.scalar(place, 0.5);
  if (rounding === "round_prefer_floor") return b.op("Ceil", [b.sub(place, half)]);
  if (rounding === "round_prefer_ceil") return b.op("Floor", [b.add(place, half)]);
  return b.op(rounding === "ceil" ? "Ceil" : "Floor", [place]);
}

/** The share of each element of the operand in each of the result along an axis: [out, in]. */
function shares(resizing: Resizing, axis: number): Value {
  const { b, node, x } = resizing;
  const nearest = modeOf(node) === "nearest";
  // The runtime's kernels round in float32.
  const dtype = nearest || x.type.dtype !== "float64" ? "float32" : "float64";
  const place = b.unsqueeze(positions(resizing, axis, dtype), [1]);
  const elements = b.unsqueeze(counting(b, x, axis, dtype), [0]);
  if (nearest) return b.cast(b.equal(place, elements), x.type.dtype);
  const distance = b.op("Abs", [b.sub(place, elements)]);
  return b.cast(b.op("Relu", [b.sub(b.scalar(dtype, 1), distance)]), x.type.dtype);
}

/** dy · shares along an axis, wherever it lies. */
function collectAlong(b: GraphBuilder, dy: Value, axis: number, matrix: Value): Value {
  const rank = b.rank(dy);
  if (axis === rank - 2) return b.matmul(b.transposeLast(matrix), dy);
  const swap = range(rank).map((i) => (i === axis ? rank - 1 : i === rank - 1 ? axis : i));
  return b.transpose(b.matmul(b.transpose(dy, swap), matrix), swap);
}

const gradResize: GradientRule = ({ b, node, inputs: [x, , scales], outputs: [y], dOutputs, has }) => [
  () => {
    const resizing: Resizing = { b, node, x, y, scales: has(3) ? undefined : scales };
    const axes = range(b.rank(x)).filter((axis) => x.type.shape?.[axis] !== y.type.shape?.[axis]);
    const copies = range(b.rank(x)).map((axis) => (axes.includes(axis) ? copiesAlong(resizing, axis) : 1));
    if (copies.every((count) => count !== undefined)) return sameTypeAs(sumCopies(b, dOutputs[0], x, copies), x);
    return sameTypeAs(axes.reduce((dy, axis) => collectAlong(b, dy, axis, shares(resizing, axis)), dOutputs[0]), x); // prettier-ignore
  },
];

// ── records ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Opset 10 knew one way to place samples, which has a name since 11. */
const placeSamples: Upgrade = {
  to: 11,
  rewrite: (node) => {
    const placed: readonly (readonly [string, Attribute])[] = [
      ["coordinate_transformation_mode", attribute("asymmetric")],
      ["nearest_mode", attribute("floor")],
    ];
    return [{ ...node, inputs: [node.inputs[0], "", node.inputs[1]], attributes: new Map([...node.attributes, ...placed]) }];
  },
};

const scalesBecomeInput = (node: Node, { constant }: UpgradeContext): readonly Node[] => {
  const scales = node.attributes.get("scales");
  if (scales?.type !== "floats") return [node];
  const attributes = new Map([...node.attributes].filter(([name]) => name !== "scales"));
  return [{ ...node, inputs: [node.inputs[0], constant(tensorOf("float32", scales.value))], attributes }];
};

const resize = defineOp({
  type: "Resize",
  since: 11,
  attributes: {
    antialias: "int",
    axes: "ints",
    coordinate_transformation_mode: "string",
    cubic_coeff_a: "float",
    exclude_outside: "int",
    extrapolation_value: "float",
    keep_aspect_ratio_policy: "string",
    mode: "string",
    nearest_mode: "string",
  },
  settings: [1, 2, 3],
  infer: inferResize,
  unsupportedForm,
  grad: gradResize,
  batch: batchResize,
  upgrades: [placeSamples],
  docs: `Another size, by interpolation. ${onnxPage("Resize")}`,
});

const upsample = defineOp({
  type: "Upsample",
  since: 10,
  attributes: { mode: "string", scales: "floats" },
  settings: [1],
  infer: inferResize,
  grad: { unsupported: "it is a Resize since opset 10" },
  batch: batchResize,
  upgrades: [
    { to: 9, rewrite: scalesBecomeInput },
    { to: 10, rewrite: (node) => [{ ...node, opType: "Resize" }] },
  ],
  docs: `A larger size; Resize since opset 10. ${onnxPage("Upsample")}`,
});

export const resizing = [resize, upsample];
