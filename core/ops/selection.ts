// Picking, ordering and rearranging by value or length: TopK, Hardmax, Compress, Unique, ReverseSequence and others.

import { dtypeOfOnnx } from "../graph/dtype-codes.js";
import { intAttribute, intsAttribute } from "../graph/attributes.js";
import { unknownDim } from "../graph/dims.js";
import { tensorOf } from "../graph/tensor.js";
import type { TensorType } from "../graph/types.js";
import { batchOutside, range, resolveAxis, sameTypeAs } from "./axes.js";
import { defineOp, type InferRule, type Site } from "./define.js";
import { family, inferSame, onnxPage } from "./frozen-only.js";
import { tensorType } from "./rules.js";
import { fromMatrixForm } from "./softmax.js";

const frozen = family({ grad: { unsupported: "it is not differentiated" }, page: onnxPage });
const jumping = family({ grad: "zero", page: onnxPage });

/** The axis that a node works along, counted from the front. */
function alongAxis(fallback: number): (site: Site) => readonly number[] | string {
  return ({ node, inputs }) => {
    const rank = inputs[0].type?.shape?.length;
    return rank === undefined ? "the rank of its operand is not known" : [resolveAxis(node, intAttribute(node, "axis", fallback), rank)];
  };
}

const topK = defineOp({
  type: "TopK",
  since: 11,
  attributes: { axis: "int", k: "int", largest: "int", sorted: "int" },
  settings: [1],
  infer: ([x], { node, inputs }) => {
    const axis = x?.shape === undefined ? 0 : resolveAxis(node, intAttribute(node, "axis", -1), x.shape.length);
    const shape = x?.shape?.with(axis, inputs[1]?.ints?.[0] ?? unknownDim());
    return [x && tensorType(x.dtype, shape), tensorType("int64", shape)];
  },
  unsupportedForm: ({ node }) => (node.outputs[1] === undefined || node.outputs[1] === "" ? "its positions are left out" : undefined),
  grad: ({ b, node, inputs: [x], outputs: [, indices], dOutputs: [dy] }) => [
    () => sameTypeAs(b.op("ScatterElements", [b.zerosLike(x), indices, dy], { attributes: { axis: intAttribute(node, "axis", -1) } }), x),
  ],
  batch: batchOutside(alongAxis(-1), "sorts"),
  upgrades: [
    {
      to: 10,
      rewrite: (node, { constant }) => {
        const attributes = new Map([...node.attributes].filter(([name]) => name !== "k"));
        return [{ ...node, inputs: [node.inputs[0], constant(tensorOf("int64", [intAttribute(node, "k")]))], attributes }];
      },
    },
  ],
  docs: `The largest or smallest elements along an axis. ${onnxPage("TopK")}`,
});

/** Elements whose number only the values tell: along one axis, or of the flattened tensor. */
const inferSome: InferRule = ([x], { node }) => {
  const axis = node.attributes.has("axis") && x?.shape !== undefined ? resolveAxis(node, intAttribute(node, "axis"), x.shape.length) : undefined;
  const shape = node.attributes.has("axis") ? x?.shape?.map((d, i) => (i === axis ? unknownDim() : d)) : [unknownDim()];
  return [x && tensorType(x.dtype, shape)];
};

const reverseSequence = defineOp({
  type: "ReverseSequence",
  since: 10,
  attributes: { batch_axis: "int", time_axis: "int" },
  settings: [1],
  infer: inferSame,
  grad: ({ b, node, inputs: [, lengths], dOutputs: [dy] }) => [
    () => b.op("ReverseSequence", [dy, lengths], { attributes: Object.fromEntries(node.attributes) }),
  ],
  batch: ([x, lengths], { node }) => {
    if (x === undefined) return "its lengths depend on the samples, its operand does not";
    if (x.axis !== intAttribute(node, "batch_axis", 1) || lengths === undefined) return "reverses along the axis of the batch, or bakes its size in";
    return [x];
  },
  docs: `The start of each sequence in reverse; it undoes itself. ${onnxPage("ReverseSequence")}`,
});

const normalisedAxes = ({ node, inputs }: Site): readonly number[] | string => {
  const rank = inputs[0].type?.shape?.length;
  if (rank === undefined) return "the rank of its operand is not known";
  return (intsAttribute(node, "axes") ?? [0, 2, 3]).map((axis) => resolveAxis(node, axis, rank));
};

/** A loss over classes: one number, or one an element without a reduction. */
const inferLoss: InferRule = ([scores, labels], { node }) => {
  const reduction = node.attributes.get("reduction");
  const none = reduction?.type === "string" && new TextDecoder().decode(reduction.value) === "none";
  const loss = scores && tensorType(scores.dtype, none ? labels?.shape : []);
  return node.outputs.map((_, i): TensorType | undefined => (i === 0 ? loss : scores));
};

export const selections = [
  topK,
  reverseSequence,
  jumping("Hardmax", "1 at the largest element along an axis, 0 elsewhere.", {
    since: 13,
    attributes: { axis: "int" },
    infer: inferSame,
    batch: batchOutside(alongAxis(-1), "compares"),
    upgrades: [fromMatrixForm],
  }),
  jumping("EyeLike", "A matrix with ones on a diagonal.", {
    attributes: { dtype: "int", k: "int" },
    infer: ([x], { node }) => {
      const dtype = dtypeOfOnnx(intAttribute(node, "dtype", 0)) ?? x?.dtype;
      return [dtype && tensorType(dtype, x?.shape)];
    },
  }),
  frozen("Compress", "Slices that a condition picks.", { attributes: { axis: "int" }, infer: inferSome }),
  frozen("Unique", "Each element once.", {
    attributes: { axis: "int", sorted: "int" },
    infer: (types, site) =>
      [...inferSome(types, site), ...range(3).map(() => tensorType("int64", [unknownDim()]))].slice(0, site.node.outputs.length),
    batch: () => "compares elements of the whole batch",
  }),
  frozen("Det", "The determinant of square matrices.", {
    infer: ([x]) => [x && tensorType(x.dtype, x.shape?.slice(0, -2))],
    batch: batchOutside(
      ({ inputs: [x] }) => x.type?.shape?.map((_, i) => i).slice(-2) ?? "the rank of its operand is not known",
      "takes determinants",
    ),
  }),
  frozen("LRN", "Elements over a norm of their neighbours in other channels.", {
    attributes: { alpha: "float", beta: "float", bias: "float", size: "int" },
    infer: inferSame,
    batch: batchOutside(() => [1], "normalises"),
  }),
  frozen("MeanVarianceNormalization", "Elements less their mean, over their standard deviation.", {
    attributes: { axes: "ints" },
    infer: inferSame,
    batch: batchOutside(normalisedAxes, "normalises"),
  }),
  frozen("Scatter", "The old name of ScatterElements.", {
    attributes: { axis: "int" },
    infer: inferSame,
    upgrades: [{ to: 11, rewrite: (node) => [{ ...node, opType: "ScatterElements" }] }],
  }),
  frozen("NegativeLogLikelihoodLoss", "Cross-entropy of log-probabilities.", {
    attributes: { ignore_index: "int", reduction: "string" },
    infer: inferLoss,
    batch: () => "averages over the batch",
  }),
  frozen("SoftmaxCrossEntropyLoss", "Cross-entropy of logits.", {
    attributes: { ignore_index: "int", reduction: "string" },
    infer: inferLoss,
    batch: () => "averages over the batch",
  }),
];
