// Pools: the largest element or the mean of every window, or of all positions. LpPool and MaxUnpool have no gradient here.

import { intAttribute, intsAttribute } from "../graph/attributes.js";
import type { GraphBuilder, Value } from "../graph/builder.js";
import { elementCount, isStatic, unknownDim } from "../graph/dims.js";
import { tensorOf } from "../graph/tensor.js";
import type { AttributeType, Node, Shape } from "../graph/types.js";
import { range } from "./axes.js";
import { spreadEvenly } from "./conv-gradient.js";
import { defineOp, type GradientRule, type InferRule, type Site } from "./define.js";
import { tensorType } from "./rules.js";
import {
  batchOfWindows,
  knownSizes,
  padsAtRunTime,
  padsFor,
  sizesOf,
  span,
  spatialAxes,
  windowAttributes,
  windowCounts,
  windowsOf,
} from "./windows.js";
import type { Pads, Windows } from "./windows.js";

const poolAttributes: Readonly<Record<string, AttributeType>> = { ...windowAttributes, ceil_mode: "int" };

function poolWindows(node: Node): Windows {
  return windowsOf(node, intsAttribute(node, "kernel_shape") ?? []);
}

/** Shape of a pool's result; undefined where not even the rank of its input is known. */
function pooledShape(node: Node, x: Shape | undefined): Shape | undefined {
  if (x === undefined) return undefined;
  return [...x.slice(0, 2), ...windowCounts(node, poolWindows(node), x.slice(2))];
}

const inferPool: InferRule = ([x], { node }) => [x && tensorType(x.dtype, pooledShape(node, x.shape))];

function rankUnknown({ inputs: [x] }: Site): string | undefined {
  return x.type?.shape === undefined ? "the rank of its input is not known" : undefined;
}

// ── MaxPool ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Sends each gradient to the element that was the largest of its window, the first of equals. */
const gradMaxPool: GradientRule = ({ b, node, inputs: [x], outputs, dOutputs }) => [
  () => {
    const rowMajor = intAttribute(node, "storage_order", 0) === 0;
    const indices = rowMajor && node.outputs[1] !== undefined && node.outputs[1] !== "" ? outputs[1] : indicesOfMaxima(b, node, x);
    const flat = (v: Value): Value => b.reshape(v, [-1]);
    const { kernel_shape, strides } = Object.fromEntries(node.attributes);
    if (staysApart(poolWindows(node))) return b.op("MaxUnpool", [dOutputs[0], indices, b.shape(x)], { attributes: { kernel_shape, strides } });
    // Windows may share their largest element: additions, which this operator does one after the other.
    const sums = b.op("ScatterElements", [flat(b.zerosLike(x)), flat(indices), flat(dOutputs[0])], { attributes: { axis: 0, reduction: "add" } });
    return b.reshapeLike(sums, x);
  },
];

/** No element lies in two windows. */
function staysApart(windows: Windows): boolean {
  return windows.strides.every((stride, axis) => stride >= span(windows, axis));
}

/** Positions of the largest elements in the flattened input, by doing the pool once more with its second output. */
function indicesOfMaxima(b: GraphBuilder, node: Node, x: Value): Value {
  const attributes = Object.fromEntries([...node.attributes].filter(([name]) => name !== "storage_order"));
  return b.ops("MaxPool", [x], { attributes, outputs: 2 })[1];
}

const maxPool = defineOp({
  type: "MaxPool",
  since: 8,
  attributes: { ...poolAttributes, storage_order: "int" },
  infer: ([x], { node }) => {
    const shape = pooledShape(node, x?.shape);
    return [x && tensorType(x.dtype, shape), tensorType("int64", shape)];
  },
  unsupportedForm: rankUnknown,
  batch: (axes, site) => (site.node.outputs.length > 1 ? "numbers the elements of the whole batch" : batchOfWindows(axes, site)),
  grad: gradMaxPool,
  docs: "Largest element of each window; the gradient goes to the first of equals. https://onnx.ai/onnx/operators/onnx__MaxPool.html",
});

// ── AveragePool ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** How many elements of each window count: a number, or `[1, 1, …windows]`. */
function windowSizes(b: GraphBuilder, node: Node, windows: Windows, x: Value, dy: Value): Value {
  const axes = spatialAxes(windows);
  const countsPadding = intAttribute(node, "count_include_pad", 0) !== 0;
  const [sizes, counts] = [knownSizes(x, axes), knownSizes(dy, axes)];
  const pads = padsFor(windows, sizes);
  const whole = pads !== undefined && !windows.ceil && (countsPadding || [...pads.begin, ...pads.end].every((p) => p === 0));
  if (whole) return b.scalar(dy, elementCount(windows.kernel));
  if (pads !== undefined && isStatic(sizes) && isStatic(counts)) {
    const perAxis = counts.map((n, axis) => range(n).map((at) => countedTaps(windows, pads, axis, at, sizes[axis], countsPadding)));
    const products = perAxis.reduce((all, more) => all.flatMap((a) => more.map((c) => a * c)), [1]);
    return b.constant(tensorOf(dy.type.dtype, products, [1, 1, ...counts]));
  }
  const perAxis = axes.map((_, axis) => countedTapsAtRunTime(b, windows, axis, x, dy, countsPadding));
  return b.cast(perAxis.reduce((all, more) => b.mul(all, more)), dy.type.dtype); // prettier-ignore
}

/** Elements of window number `at` along one axis that lie within the input, or within its padding where that counts. */
function countedTaps(
  { kernel, strides, dilations }: Windows,
  { begin, end }: Pads,
  axis: number,
  at: number,
  size: number,
  countsPadding: boolean,
): number {
  const first = at * strides[axis] - begin[axis];
  const [low, high] = countsPadding ? [-begin[axis], size + end[axis]] : [0, size];
  return range(kernel[axis]).filter((tap) => first + tap * dilations[axis] >= low && first + tap * dilations[axis] < high).length;
}

/** The same for all windows along one axis, as float32 `[windows, 1, …]` with one axis for every later spatial axis. */
function countedTapsAtRunTime(b: GraphBuilder, windows: Windows, axis: number, x: Value, dy: Value, countsPadding: boolean): Value {
  const { kernel, strides, dilations } = windows;
  const pads = padsAtRunTime(b, windows, x);
  const entry = (v: Value): Value => b.slice(v, [0], [axis], [axis + 1]);
  const size = sizesOf(b, x, [axis + 2]);
  const count = b.squeeze(sizesOf(b, dy, [axis + 2]), [0]);
  const numbers = b.op("Range", [b.scalar("int64", 0), count, b.scalar("int64", 1)]);
  const first = b.sub(b.mul(numbers, b.ints([strides[axis]])), entry(pads.begin));
  const positions = b.add(b.unsqueeze(first, [1]), b.ints(range(kernel[axis]).map((tap) => tap * dilations[axis])));
  const beforeEnd = b.less(positions, countsPadding ? b.add(size, entry(pads.end)) : size);
  const counted = countsPadding ? beforeEnd : b.and(beforeEnd, b.greater(positions, b.ints([-1])));
  const total = b.reduceSum(b.cast(counted, "float32"), [1], false);
  return b.reshape(total, [-1, ...kernel.slice(axis + 1).map(() => 1)]);
}

const averagePool = defineOp({
  type: "AveragePool",
  since: 7,
  attributes: { ...poolAttributes, count_include_pad: "int" },
  infer: inferPool,
  unsupportedForm: rankUnknown,
  batch: batchOfWindows,
  grad: ({ b, node, inputs: [x], dOutputs: [dy] }) => {
    const windows = poolWindows(node);
    return [() => spreadEvenly(b, windows, x, b.div(dy, windowSizes(b, node, windows, x, dy)))];
  },
  docs: "Mean of each window. https://onnx.ai/onnx/operators/onnx__AveragePool.html",
});

// ── pools over all positions ────────────────────────────────────────────────────────────────────────────────────────

const inferGlobal: InferRule = ([x]) => [
  x &&
    tensorType(
      x.dtype,
      x.shape?.map((d, axis) => (axis < 2 ? d : 1)),
    ),
];

const globalAveragePool = defineOp({
  type: "GlobalAveragePool",
  since: 1,
  infer: inferGlobal,
  unsupportedForm: rankUnknown,
  batch: batchOfWindows,
  grad: ({ b, inputs: [x], dOutputs: [dy] }) => [
    () => {
      const axes = range(b.rank(x)).slice(2);
      return b.expandLike(b.div(dy, b.count(x, axes, dy)), x);
    },
  ],
  docs: "Mean over all positions of each channel. https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html",
});

const globalMaxPool = defineOp({
  type: "GlobalMaxPool",
  since: 1,
  infer: inferGlobal,
  unsupportedForm: rankUnknown,
  batch: batchOfWindows,
  grad: ({ b, inputs: [x], dOutputs: [dy] }) => [
    () => {
      const flat = b.reshape(x, [0, 0, -1]);
      const first = b.op("ArgMax", [flat], { attributes: { axis: 2 } });
      const scattered = b.op("ScatterElements", [b.zerosLike(flat), first, b.reshape(dy, [0, 0, 1])], { attributes: { axis: 2 } });
      return b.reshapeLike(scattered, x);
    },
  ],
  docs: "Largest element of each channel; the gradient goes to the first of equals. https://onnx.ai/onnx/operators/onnx__GlobalMaxPool.html",
});

// ── without gradients ───────────────────────────────────────────────────────────────────────────────────────────────

const lpPool = defineOp({
  type: "LpPool",
  since: 2,
  attributes: { ...poolAttributes, p: "int" },
  infer: inferPool,
  batch: batchOfWindows,
  grad: { unsupported: "p-norm pooling is not differentiated" },
  docs: "p-norm of each window. https://onnx.ai/onnx/operators/onnx__LpPool.html",
});

const globalLpPool = defineOp({
  type: "GlobalLpPool",
  since: 2,
  attributes: { p: "int" },
  infer: inferGlobal,
  batch: batchOfWindows,
  grad: { unsupported: "p-norm pooling is not differentiated" },
  docs: "p-norm of each channel. https://onnx.ai/onnx/operators/onnx__GlobalLpPool.html",
});

const maxUnpool = defineOp({
  type: "MaxUnpool",
  since: 9,
  attributes: { kernel_shape: "ints", pads: "ints", strides: "ints" },
  infer: ([x], { inputs, node }) => {
    if (x?.shape === undefined) return [x];
    if (node.inputs[2] !== undefined && node.inputs[2] !== "") return [tensorType(x.dtype, inputs[2].ints ?? x.shape.map(unknownDim))];
    const { kernel, strides, pads } = poolWindows(node);
    const { begin, end } = pads as Pads;
    const sizes = x.shape.slice(2).map((d, i) => (typeof d === "number" ? (d - 1) * strides[i] - begin[i] - end[i] + kernel[i] : unknownDim()));
    return [tensorType(x.dtype, [...x.shape.slice(0, 2), ...sizes])];
  },
  batch: () => "places elements by their number in the whole batch",
  grad: { unsupported: "unpooling is not differentiated" },
  docs: "Puts pooled elements back where they came from. https://onnx.ai/onnx/operators/onnx__MaxUnpool.html",
});

export const pools = [maxPool, averagePool, globalAveragePool, globalMaxPool, lpPool, globalLpPool, maxUnpool];
