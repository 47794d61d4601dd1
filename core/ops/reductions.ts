// Reductions over axes: ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceProd, ReduceL1, ReduceL2, ReduceSumSquare, ReduceLogSum,
// ReduceLogSumExp, ArgMax, ArgMin. Axes are an input since opset 13 (ReduceSum) or 18 (the others), an attribute before.

import { intAttribute, intsAttribute } from "../graph/attributes.js";
import type { GraphBuilder, Value } from "../graph/builder.js";
import { unknownDim } from "../graph/dims.js";
import { tensorOf } from "../graph/tensor.js";
import type { Dim, Node, Shape } from "../graph/types.js";
import { range, resolveAxes, resolveAxis } from "./axes.js";
import {
  defineOp,
  type BatchRule,
  type FoldRule,
  type GradientContext,
  type InferRule,
  type OpDefinition,
  type Site,
  type Upgrade,
} from "./define.js";
import { productOf, sumOf } from "./folding.js";
import { tensorType } from "./rules.js";

// ── axes ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function hasAxes(node: Node): boolean {
  return node.inputs[1] !== undefined && node.inputs[1] !== "";
}

/** The axes that are reduced, ascending; undefined where they or the rank are known only at run time. */
function axesOf({ node, numbers }: Pick<Site, "node" | "numbers">, rank: number | undefined): readonly number[] | undefined {
  if (rank === undefined) return undefined;
  const given = hasAxes(node) ? numbers(1) : [];
  if (given === undefined) return undefined;
  if (given.length > 0) return resolveAxes(node, given, rank);
  return intAttribute(node, "noop_with_empty_axes", 0) === 1 ? [] : range(rank);
}

/** Whatever the rank. */
function reducesAll(node: Node): boolean {
  return !hasAxes(node) && intAttribute(node, "noop_with_empty_axes", 0) === 0;
}

function keepsDims(node: Node): boolean {
  return intAttribute(node, "keepdims", 1) === 1;
}

function reducedShape(shape: Shape | undefined, site: Site): Shape | undefined {
  const axes = axesOf(site, shape?.length);
  if (shape !== undefined && axes !== undefined) {
    return keepsDims(site.node) ? shape.map((d, i) => (axes.includes(i) ? 1 : d)) : shape.filter((_, i) => !axes.includes(i));
  }
  if (shape === undefined) return !keepsDims(site.node) && reducesAll(site.node) ? [] : undefined;
  if (keepsDims(site.node)) return shape.map(unknownDim);
  const count = site.inputs[1]?.type?.shape?.[0];
  return typeof count === "number" && count > 0 ? range(shape.length - count).map(unknownDim) : undefined;
}

const inferReduction: InferRule = ([x], site) => [x && tensorType(x.dtype, reducedShape(x.shape, site))];

const batchReduction: BatchRule = ([axis, onAxes], site) => {
  const axes = axesOf(site, site.inputs[0].type?.shape?.length);
  if (axis === undefined || onAxes !== undefined) return "its axes depend on the samples";
  if (axes === undefined) return "the axes that it reduces are not known before it runs";
  if (axes.includes(axis.axis)) return "reduces over the axis of the batch";
  return [keepsDims(site.node) ? axis : { ...axis, axis: axis.axis - axes.filter((a) => a < axis.axis).length }];
};

/** The attribute `axes` becomes an input. */
function axesBecomeInput(to: number): Upgrade {
  return {
    to,
    rewrite: (node, { constant }) => {
      const axes = intsAttribute(node, "axes");
      if (axes === undefined) return [node];
      const attributes = new Map([...node.attributes].filter(([name]) => name !== "axes"));
      return [{ ...node, inputs: [node.inputs[0], constant(tensorOf("int64", axes))], attributes }];
    },
  };
}

/** Folds a reduction of a whole integer vector. */
function foldWhole(f: (...elements: readonly Dim[]) => Dim | undefined): FoldRule {
  return (site) => {
    const [x] = site.inputs;
    const whole = x.ints !== undefined && x.type?.shape?.length === 1 && axesOf(site, 1)?.length === 1;
    const element = whole ? f(...x.ints) : undefined;
    return [element === undefined ? undefined : [element]];
  };
}

// ── gradients ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** What the gradient of a reduction is made of; `kept` values have size 1 on the reduced axes. */
interface Reduction {
  readonly b: GraphBuilder;
  readonly x: Value;
  /** The result and its gradient, kept. */
  readonly y: Value;
  readonly dy: Value;
  /** Sum over the reduced axes, kept. */
  sum(value: Value): Value;
  /** Number of elements that one result comes from, rank 0 or kept. */
  count(): Value;
}

function reduction({ b, node, inputs: [x, axesInput], outputs: [y], dOutputs: [dy] }: GradientContext): Reduction {
  const rank = b.rank(x);
  const numbers = (): readonly number[] | undefined => numbersOf(axesInput);
  const axes = axesOf({ node, numbers }, rank);
  const options = { attributes: { keepdims: 1, noop_with_empty_axes: intAttribute(node, "noop_with_empty_axes", 0) } };
  const sum = (value: Value): Value => (axes === undefined ? b.op("ReduceSum", [value, axesInput], options) : b.reduceSum(value, axes));
  const keep = (value: Value): Value => {
    if (keepsDims(node) || value.type.shape?.length === 0) return value; // A scalar broadcasts like a kept result.
    if (axes !== undefined) return b.unsqueeze(value, axes);
    // Which axes went is known only at run time: the same reduction that keeps them tells the shape.
    return b.reshape(value, b.shape(sum(x)));
  };
  const count = (): Value => (axes === undefined ? sum(b.expandLike(b.one(x), x)) : b.count(x, axes, x));
  // Made on first use: most rules need the gradient only.
  return {
    b,
    x,
    get y() {
      return keep(y);
    },
    get dy() {
      return keep(dy);
    },
    sum,
    count,
  };
}

function numbersOf(value: Value | undefined): readonly number[] | undefined {
  const ints = value?.ints;
  return ints?.every((d) => typeof d === "number") === true ? ints : undefined;
}

type ReductionGradient = ((r: Reduction) => Value) | { readonly unsupported: string };

/** The shares of the elements that reach the extreme value are equal. */
function gradExtreme(r: Reduction): Value {
  const reaches = r.b.cast(r.b.equal(r.x, r.y), r.x.type.dtype);
  return r.b.mul(reaches, r.b.div(r.dy, r.sum(reaches)));
}

function reduce(type: string, gradient: ReductionGradient, docs: string, rest: Partial<OpDefinition> = {}): OpDefinition {
  return defineOp({
    type,
    since: 18,
    attributes: { axes: "ints", keepdims: "int", noop_with_empty_axes: "int" },
    settings: [1],
    infer: inferReduction,
    batch: batchReduction,
    grad: typeof gradient === "function" ? (context) => [gradient(reduction(context))] : gradient,
    upgrades: [axesBecomeInput(18)],
    docs: `${docs} https://onnx.ai/onnx/operators/onnx__${type}.html`,
    ...rest,
  });
}

const reduceSum = reduce("ReduceSum", ({ b, x, dy }) => b.expandLike(dy, x), "Sum over axes.", {
  since: 13,
  upgrades: [axesBecomeInput(13)],
  fold: foldWhole(sumOf),
});

const reduceMean = reduce("ReduceMean", (r) => r.b.expandLike(r.b.div(r.dy, r.count()), r.x), "Mean over axes.");

const reduceMax = reduce("ReduceMax", gradExtreme, "Largest element over axes; ties share the gradient evenly.");

const reduceMin = reduce("ReduceMin", gradExtreme, "Smallest element over axes; ties share the gradient evenly.");

const reduceProd = reduce("ReduceProd", { unsupported: "Frostline has no gradient for ReduceProd" }, "Product over axes.", {
  fold: foldWhole(productOf),
});

/** An operator that does something to each element first is left alone where it reduces no axis: runtimes differ about what it does then. */
const someAxes = ({ node }: Site): string | undefined =>
  intAttribute(node, "noop_with_empty_axes", 0) === 1 ? "noop_with_empty_axes on an operator that is more than a sum" : undefined;

const reduceL1 = reduce("ReduceL1", ({ b, x, dy }) => b.mul(dy, b.op("Sign", [x])), "Sum of absolute values over axes; the gradient at 0 is 0.", {
  unsupportedForm: someAxes,
});

const reduceL2 = reduce(
  "ReduceL2",
  ({ b, x, y, dy }) => b.mul(x, b.div(dy, b.where(b.equal(y, b.zero(y)), b.one(y), y))),
  "Euclidean norm over axes; the gradient where it is 0 is 0.",
  { unsupportedForm: someAxes },
);

const reduceSumSquare = reduce("ReduceSumSquare", ({ b, x, dy }) => b.mul(x, b.add(dy, dy)), "Sum of squares over axes.", {
  unsupportedForm: someAxes,
});

const reduceLogSumExp = reduce(
  "ReduceLogSumExp",
  ({ b, x, y, dy }) => b.mul(dy, b.exp(b.sub(x, y))),
  "Logarithm of the sum of exponentials over axes.",
  {
    unsupportedForm: someAxes,
  },
);

const reduceLogSum = reduce("ReduceLogSum", ({ b, x, y, dy }) => b.expandLike(b.div(dy, b.exp(y)), x), "Logarithm of the sum over axes.", {
  unsupportedForm: someAxes,
});

// ── positions of extremes ───────────────────────────────────────────────────────────────────────────────────────────

function argument(type: string, docs: string): OpDefinition {
  const axisOf = (node: Node, rank: number): number => resolveAxis(node, intAttribute(node, "axis", 0), rank);
  return defineOp({
    type,
    since: 13,
    attributes: { axis: "int", keepdims: "int", select_last_index: "int" },
    infer: ([x], { node }) => {
      if (x?.shape === undefined) return [tensorType("int64", undefined)];
      const axis = axisOf(node, x.shape.length);
      return [tensorType("int64", keepsDims(node) ? x.shape.with(axis, 1) : x.shape.toSpliced(axis, 1))];
    },
    grad: "zero",
    batch: ([batch], { node, inputs }) => {
      const rank = inputs[0].type?.shape?.length;
      if (batch === undefined || rank === undefined) return "the rank of its operand is not known";
      const axis = axisOf(node, rank);
      if (axis === batch.axis) return "searches along the axis of the batch";
      return [keepsDims(node) || batch.axis < axis ? batch : { ...batch, axis: batch.axis - 1 }];
    },
    docs: `${docs} https://onnx.ai/onnx/operators/onnx__${type}.html`,
  });
}

const argMax = argument("ArgMax", "Position of the largest element along an axis.");
const argMin = argument("ArgMin", "Position of the smallest element along an axis.");

export const reductions = [
  reduceSum, reduceMean, reduceMax, reduceMin, reduceProd, reduceL1, reduceL2, reduceSumSquare, reduceLogSum, reduceLogSumExp, argMax, argMin,
]; // prettier-ignore
