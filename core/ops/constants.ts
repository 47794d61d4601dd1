// Tensors that do not vary with the elements of any float input: constants, shapes, ranges, positions. Their gradient is zero.

import { intAttribute, intsAttribute, tensorAttribute } from "../graph/attributes.js";
import { expression, product, unknownDim } from "../graph/dims.js";
import type { Dim, Node, Shape, TensorType } from "../graph/types.js";
import { range, resolveAxis } from "./axes.js";
import { defineOp, type FoldRule, type InferRule } from "./define.js";
import { intsOfTensor, longestFollowed } from "./facts.js";
import { tensorType } from "./rules.js";

// ── Constant ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Types of the forms without a dense tensor; what that one holds, inference takes as it takes an initializer. */
function constantType(node: Node): TensorType | undefined {
  for (const [name, attribute] of node.attributes) {
    if (attribute.type === "sparseTensor") return tensorType(attribute.value.values.dtype, attribute.value.shape);
    if (name === "value_int") return tensorType("int64", []);
    if (name === "value_float") return tensorType("float32", []);
    if (name === "value_string") return tensorType("string", []);
    if (attribute.type === "ints") return tensorType("int64", [attribute.value.length]);
    if (attribute.type === "floats") return tensorType("float32", [attribute.value.length]);
    if (attribute.type === "strings") return tensorType("string", [attribute.value.length]);
  }
  return undefined;
}

const foldConstant: FoldRule = ({ node }) => [
  node.attributes.has("value_int") ? [intAttribute(node, "value_int")] : intsAttribute(node, "value_ints"),
];

const constant = defineOp({
  type: "Constant",
  since: 13,
  attributes: {
    value: "tensor",
    value_float: "float",
    value_floats: "floats",
    value_int: "int",
    value_ints: "ints",
    value_string: "string",
    value_strings: "strings",
    sparse_value: "sparseTensor",
  },
  infer: (_, { node }) => [constantType(node)],
  fold: foldConstant,
  grad: "zero",
  docs: "A tensor that the graph holds. https://onnx.ai/onnx/operators/onnx__Constant.html",
});

/** Sizes that an integer vector input holds; unknown ones where only their number is known. */
function shapeFrom(ints: readonly Dim[] | undefined, type: TensorType | undefined): Shape | undefined {
  const rank = type?.shape?.[0];
  return ints ?? (typeof rank === "number" ? range(rank).map(unknownDim) : undefined);
}

const constantOfShape = defineOp({
  type: "ConstantOfShape",
  since: 9,
  attributes: { value: "tensor" },
  infer: ([type], { node, inputs: [target] }) => [tensorType(tensorAttribute(node, "value")?.dtype ?? "float32", shapeFrom(target.ints, type))],
  fold: ({ node, numbers }) => {
    const [count, ...more] = numbers(0) ?? [Infinity];
    const tensor = tensorAttribute(node, "value");
    const value = tensor === undefined || more.length > 0 || count > longestFollowed ? undefined : intsOfTensor(tensor);
    return [value && range(count).map(() => value[0])];
  },
  grad: "zero",
  docs: "A tensor of one repeated value. https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html",
});

// ── shapes ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The sizes that a Shape node answers: all, or those from `start` to `end`. */
function askedSizes(node: Node, shape: Shape): Shape {
  return shape.slice(intAttribute(node, "start", 0), intAttribute(node, "end", shape.length));
}

const shapeOf = defineOp({
  type: "Shape",
  since: 15,
  attributes: { start: "int", end: "int" },
  infer: ([x], { node }) => [tensorType("int64", [x?.shape === undefined ? unknownDim() : askedSizes(node, x.shape).length])],
  fold: ({ node, inputs: [x] }) => [x.type?.shape && askedSizes(node, x.type.shape)],
  grad: "zero",
  // It tells sizes only, which do not vary with the sample.
  batch: () => [undefined],
  docs: "The sizes of a tensor's axes. https://onnx.ai/onnx/operators/onnx__Shape.html",
});

const sizeOfAll = defineOp({
  type: "Size",
  since: 13,
  infer: () => [tensorType("int64", [])],
  fold: ({ inputs: [x] }) => [x.type?.shape && [product(x.type.shape)]],
  grad: "zero",
  batch: () => [undefined],
  docs: "The number of a tensor's elements. https://onnx.ai/onnx/operators/onnx__Size.html",
});

// ── ranges and positions ────────────────────────────────────────────────────────────────────────────────────────────

const inferRange: InferRule = ([type], { inputs: [start, limit, delta], numbers }) => {
  const dtype = type?.dtype ?? "int64";
  const [from, to, step] = [numbers(0)?.[0], numbers(1)?.[0], numbers(2)?.[0]];
  if (from !== undefined && to !== undefined && step !== undefined) return [tensorType(dtype, [Math.max(0, Math.ceil((to - from) / step))])];
  const end = limit.ints?.[0];
  if (from === 0 && step === 1 && end !== undefined) return [tensorType(dtype, [end])];
  const bounds = [start, limit, delta].map((f) => f.ints?.[0]);
  return [tensorType(dtype, [bounds.includes(undefined) ? unknownDim() : expression(`range(${bounds.join()})`)])];
};

const rangeOf = defineOp({
  type: "Range",
  since: 11,
  infer: inferRange,
  fold: ({ inputs, numbers }) => {
    const [from, to, step] = [numbers(0)?.[0], numbers(1)?.[0], numbers(2)?.[0]];
    if (from === undefined || to === undefined || step === undefined || inputs[0].type === undefined) return [undefined];
    const count = Math.max(0, Math.ceil((to - from) / step));
    return [count <= longestFollowed ? range(count).map((i) => from + i * step) : undefined];
  },
  grad: "zero",
  docs: "Numbers from a start to a limit. https://onnx.ai/onnx/operators/onnx__Range.html",
});

const nonZero = defineOp({
  type: "NonZero",
  since: 13,
  infer: ([x]) => [tensorType("int64", [x?.shape?.length ?? unknownDim(), unknownDim()])],
  grad: "zero",
  docs: "Indices of the elements that are not zero. https://onnx.ai/onnx/operators/onnx__NonZero.html",
});

const oneHot = defineOp({
  type: "OneHot",
  since: 11,
  attributes: { axis: "int" },
  settings: [1, 2],
  infer: ([indices, , values], { node, inputs: [, depth] }) => {
    if (values === undefined || indices?.shape === undefined) return [values && tensorType(values.dtype, undefined)];
    const axis = resolveAxis(node, intAttribute(node, "axis", -1), indices.shape.length + 1);
    return [tensorType(values.dtype, indices.shape.toSpliced(axis, 0, depth.ints?.[0] ?? unknownDim()))];
  },
  grad: "zero",
  batch: ([indices], { node, inputs }) => {
    const rank = inputs[0].type?.shape?.length;
    if (indices === undefined || rank === undefined) return "its depth or values depend on the samples";
    const axis = resolveAxis(node, intAttribute(node, "axis", -1), rank + 1);
    return [indices.axis < axis ? indices : { ...indices, axis: indices.axis + 1 }];
  },
  docs: "One value at each index, another elsewhere. https://onnx.ai/onnx/operators/onnx__OneHot.html",
});

export const constants = [constant, constantOfShape, shapeOf, sizeOfAll, rangeOf, nonZero, oneHot];
