// Operators that give the same elements, in the same order, another shape: Reshape, Flatten, Squeeze, Unsqueeze.

import * as errors from "../errors.js";
import { intAttribute, intsAttribute } from "../graph/attributes.js";
import { divideExactly, expression, formatShape, isStatic, multiply, product, substitute, unknownDim } from "../graph/dims.js";
import { tensorOf } from "../graph/tensor.js";
import type { Dim, Node, Shape } from "../graph/types.js";
import { range, resolveAxes, resolveAxis } from "./axes.js";
import {
  batchSize,
  defineOp,
  type BatchAxis,
  type BatchSite,
  type FoldRule,
  type GradientRule,
  type OpDefinition,
  type Site,
  type Upgrade,
} from "./define.js";
import { tensorType } from "./rules.js";

/** A small integer tensor keeps its known elements. */
const foldSame: FoldRule = ({ inputs: [x] }) => [x.ints];

/** A gradient in the shape of the input. */
const gradReshaped: GradientRule = ({ b, inputs: [x], dOutputs }) => [() => b.reshapeLike(dOutputs[0], x)];

// ── batch ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Axes of `to` on which a batch of size `batch` can lie, if as many elements are more significant than it as before the change of shape. */
function placements(axis: BatchAxis, from: Shape, to: Shape, batch: Dim): readonly BatchAxis[] {
  const above = multiply(product(from.slice(0, axis.axis)), axis.outer);
  return range(to.length).flatMap((k) => {
    const outer = divideExactly(above, product(to.slice(0, k)));
    const inner = outer === undefined ? undefined : divideExactly(to[k], multiply(outer, batch));
    return outer === undefined || inner === undefined || inner === 0 ? [] : [{ axis: k, outer, inner }];
  });
}

/** Where the samples lie after a change of shape that keeps the order of the elements. */
function batchReshaped(axis: BatchAxis, from: Shape | undefined, to: Shape | undefined, batch: Dim): BatchAxis | string {
  if (from === undefined || to === undefined) return "the shapes before and after it are not known";
  const [found] = placements(axis, from, to, batch);
  // Behind a size of 1 where the batch was, only the batch itself may follow: with more it is that 1 which meant the batch.
  const strays = found !== undefined && found.axis > axis.axis && to[axis.axis] === 1 && found.inner !== axis.inner;
  return found === undefined || strays ? `bakes the batch size in: ${formatShape(from)} becomes ${formatShape(to)}` : found;
}

function batchOfReshaping(
  axes: readonly (BatchAxis | undefined)[],
  { inputs, outputs, batch }: BatchSite,
): readonly (BatchAxis | undefined)[] | string {
  if (axes[1] !== undefined) return "its shape depends on the samples";
  if (axes[0] === undefined) return [undefined];
  const found = batchReshaped(axes[0], inputs[0].type?.shape, outputs[0]?.type?.shape, batch);
  return typeof found === "string" ? found : [found];
}

// ── Reshape ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The target with its 0 and −1 resolved; undefined where not even the rank is known. */
function reshapedShape({ node, inputs }: Site): Shape | undefined {
  const from = inputs[0].type?.shape;
  const target = inputs[1]?.ints;
  if (target === undefined) {
    const rank = inputs[1]?.type?.shape?.[0];
    return typeof rank === "number" ? range(rank).map(unknownDim) : undefined;
  }
  const copies = intAttribute(node, "allowzero", 0) === 0;
  const at = target.indexOf(-1);
  const out = target.map((d, i) => (d === 0 && copies ? (from === undefined ? unknownDim() : (from[i] ?? badTarget(node, from, target))) : d));
  if (from === undefined) return out.map((d) => (d === -1 ? unknownDim() : d));
  const all = product(from);
  const rest = product(out.filter((_, i) => i !== at));
  if (at >= 0) {
    const inferred = divideExactly(all, rest);
    if (inferred === undefined && typeof all === "number" && typeof rest === "number" && rest !== 0) badTarget(node, from, target);
    out[at] = inferred ?? (rest === 0 ? 0 : expression(`${all}/${rest}`));
  } else if (typeof all === "number" && typeof rest === "number" && all !== rest) badTarget(node, from, target);
  return out;
}

function badTarget(node: Node, from: Shape, target: Shape): never {
  throw errors.shapeMismatch(node, "a shape that holds the elements of", formatShape(from), formatShape(target));
}

/** What a Reshape that was exported with a batch of 1 meant. */
interface Meaning {
  readonly target: readonly number[];
  /** The shape that it made, where the batch was 1. */
  readonly shape: Shape;
  /** Where the batch lies in it. */
  readonly batch: BatchAxis;
}

/**
 * A batch of 1 fits in many places of a shape. Likeliest is an entry of 1, best the one on the batch's own axis; then one in which it
 * was merged with others, but not the last axis, which holds features. Rows of a matrix `[time · batch, features]` and attention heads
 * `[time, batch · heads, features]` both come out right. Whatever is chosen, samples stay apart.
 */
function meaningOf(axis: BatchAxis, { node, inputs, batch }: BatchSite): Meaning | undefined {
  const from = inputs[0].type?.shape;
  const target = inputs[1].ints;
  if (from === undefined || !isStatic(target)) return undefined;
  const single = from.map((d) => substitute(d, new Map([[String(batch), 1]])));
  const shape = reshapedShape({ node, inputs: [{ type: tensorType("float32", single) }, inputs[1]], numbers: () => undefined });
  if (shape === undefined) return undefined;
  const possible = placements(axis, from, shape, 1);
  const alone = possible.filter(({ outer, inner }) => outer === 1 && inner === 1);
  const merged = possible.filter(({ axis: k }) => k < shape.length - 1);
  const [best] = [alone, merged, possible].flatMap((list) => [...list.filter(({ axis: k }) => k === axis.axis), ...list]);
  return best && { target, shape, batch: best };
}

/** The target with the batch's entry freed: 0 where it keeps its axis, else −1, for which another −1 becomes the number that it stands for. */
function freedTarget({ target, shape, batch: { axis, outer, inner } }: Meaning, { node, inputs, batch }: BatchSite): readonly number[] | undefined {
  const freed = [...target];
  const keeps = inputs[0].type?.shape?.[axis] === batchSize({ axis, outer, inner }, batch);
  if (keeps && intAttribute(node, "allowzero", 0) === 0) freed[axis] = 0;
  else {
    const other = target.indexOf(-1);
    if (other >= 0) {
      const number = shape[other];
      if (typeof number !== "number") return undefined;
      freed[other] = number;
    }
    freed[axis] = -1;
  }
  return freed;
}

/** Frees a target that has no room for the batch, or that has a 1 in its place and so would lay all samples along another axis. */
const freeReshape: OpDefinition["freeBatch"] = ([axis], site, context) => {
  const meaning = axis === undefined ? undefined : meaningOf(axis, site);
  if (meaning === undefined || meaning.target[meaning.batch.axis] <= 0) return undefined;
  const found = batchOfReshaping([axis], site);
  const moved = typeof found !== "string" && found[0]?.axis !== meaning.batch.axis && meaning.shape[meaning.batch.axis] === 1;
  if (typeof found !== "string" && !moved) return undefined;
  const target = freedTarget(meaning, site);
  if (target === undefined) return undefined;
  const { node } = site;
  return [{ ...node, inputs: [node.inputs[0], context.constant(tensorOf("int64", target))] }];
};

const reshape = defineOp({
  type: "Reshape",
  handsOn: true,
  since: 14,
  transparent: true,
  attributes: { allowzero: "int" },
  settings: [1],
  infer: ([x], site) => [x === undefined ? undefined : tensorType(x.dtype, reshapedShape(site))],
  fold: foldSame,
  grad: gradReshaped,
  batch: batchOfReshaping,
  freeBatch: freeReshape,
  docs: "The same elements in another shape. https://onnx.ai/onnx/operators/onnx__Reshape.html",
});

const flatten = defineOp({
  type: "Flatten",
  handsOn: true,
  since: 11,
  transparent: true,
  attributes: { axis: "int" },
  infer: ([x], { node }) => {
    if (x?.shape === undefined) return [x && tensorType(x.dtype, [unknownDim(), unknownDim()])];
    const given = intAttribute(node, "axis", 1);
    const axis = given === x.shape.length ? given : resolveAxis(node, given, x.shape.length);
    return [tensorType(x.dtype, [product(x.shape.slice(0, axis)), product(x.shape.slice(axis))])];
  },
  grad: gradReshaped,
  batch: batchOfReshaping,
  docs: "Axes before `axis` and from `axis` on, each merged into one. https://onnx.ai/onnx/operators/onnx__Flatten.html",
});

// ── Squeeze and Unsqueeze ───────────────────────────────────────────────────────────────────────────────────────────

/** Opset 13 made the attribute `axes` an input. */
const axesBecomeInput: Upgrade = {
  to: 13,
  rewrite: (node, { constant }) => {
    const axes = intsAttribute(node, "axes");
    if (axes === undefined) return [node];
    const attributes = new Map([...node.attributes].filter(([name]) => name !== "axes"));
    return [{ ...node, inputs: [node.inputs[0], constant(tensorOf("int64", axes))], attributes }];
  },
};

/** Axes that a Squeeze removes, from the front; undefined where that depends on sizes at run time. */
function squeezedAxes({ node, inputs, numbers }: Site): readonly number[] | undefined {
  const shape = inputs[0].type?.shape;
  if (shape === undefined) return undefined;
  if (node.inputs[1] === undefined || node.inputs[1] === "") return isStatic(shape) ? range(shape.length).filter((i) => shape[i] === 1) : undefined;
  const axes = numbers(1);
  return axes && resolveAxes(node, axes, shape.length);
}

const squeeze = defineOp({
  type: "Squeeze",
  handsOn: true,
  since: 13,
  transparent: true,
  attributes: { axes: "ints" },
  settings: [1],
  infer: ([x], site) => {
    if (x === undefined) return [undefined];
    const axes = squeezedAxes(site);
    const wrong = axes?.find((a) => typeof x.shape?.[a] === "number" && x.shape[a] !== 1);
    if (wrong !== undefined) throw errors.shapeMismatch(site.node, `axis ${wrong} of size`, "1", formatShape(x.shape));
    return [tensorType(x.dtype, axes && x.shape?.filter((_, i) => !axes.includes(i)))];
  },
  fold: foldSame,
  grad: ({ b, node, inputs: [x, axes], dOutputs }) => [
    () => {
      const rank = x.type.shape?.length;
      if (rank === undefined || !isStatic(axes?.ints)) return b.reshapeLike(dOutputs[0], x);
      return b.unsqueeze(dOutputs[0], resolveAxes(node, axes.ints, rank));
    },
  ],
  batch: (axes, site) => {
    const removed = squeezedAxes(site);
    const [axis] = axes;
    if (axis === undefined) return "its axes depend on the samples";
    if (removed === undefined) return "the axes that it removes are not known before it runs";
    if (removed.includes(axis.axis)) return "removes the axis of the batch";
    return [{ ...axis, axis: axis.axis - removed.filter((a) => a < axis.axis).length }];
  },
  upgrades: [axesBecomeInput],
  docs: "Removes axes of size 1. https://onnx.ai/onnx/operators/onnx__Squeeze.html",
});

const unsqueeze = defineOp({
  type: "Unsqueeze",
  handsOn: true,
  since: 13,
  transparent: true,
  attributes: { axes: "ints" },
  settings: [1],
  infer: ([x], { node, numbers }) => {
    const axes = numbers(1);
    if (x?.shape === undefined || axes === undefined) return [x && tensorType(x.dtype, undefined)];
    const rank = x.shape.length + axes.length;
    const added = resolveAxes(node, axes, rank);
    const rest = [...x.shape];
    return [
      tensorType(
        x.dtype,
        range(rank).map((i) => (added.includes(i) ? 1 : (rest.shift() as Dim))),
      ),
    ];
  },
  fold: foldSame,
  grad: ({ b, node, inputs: [x, axes], outputs: [y], dOutputs }) => [
    () => {
      const rank = y.type.shape?.length;
      if (rank === undefined || !isStatic(axes.ints)) return b.reshapeLike(dOutputs[0], x);
      return b.squeeze(dOutputs[0], resolveAxes(node, axes.ints, rank));
    },
  ],
  batch: ([axis], { node, outputs, numbers }) => {
    const axes = numbers(1);
    const rank = outputs[0]?.type?.shape?.length;
    if (axis === undefined) return "its axes depend on the samples";
    if (axes === undefined || rank === undefined) return "the axes that it adds are not known before it runs";
    const added = resolveAxes(node, axes, rank);
    const kept = range(rank).filter((i) => !added.includes(i));
    return [{ ...axis, axis: kept[axis.axis] }];
  },
  upgrades: [axesBecomeInput],
  docs: "Adds axes of size 1. https://onnx.ai/onnx/operators/onnx__Unsqueeze.html",
});

export const shape = [reshape, flatten, squeeze, unsqueeze];
