// Operators that hand a tensor on, as it is or in another element type: Identity, Cast, CastLike, Dropout, and Frostline's own
// StopGradient.

import { floatAttribute, intAttribute } from "../graph/attributes.js";
import { dtypeOfOnnx } from "../graph/dtype-codes.js";
import { tensorOf } from "../graph/tensor.js";
import type { Dim, DType, Node } from "../graph/types.js";
import { defineOp, type FoldRule, type InferRule, type UpgradeContext } from "./define.js";
import { batchElementwise, tensorType } from "./rules.js";

const foldSame: FoldRule = ({ inputs: [x] }) => [x.ints];

const identity = defineOp({
  type: "Identity",
  handsOn: true,
  since: 21,
  transparent: true,
  infer: ([x]) => [x],
  fold: foldSame,
  batch: (axes) => axes,
  grad: ({ dOutputs: [dy] }) => [dy],
  docs: "The tensor itself. https://onnx.ai/onnx/operators/onnx__Identity.html",
});

const stopGradient = defineOp({
  type: "StopGradient",
  domain: "frostline",
  since: 1,
  stop: true,
  infer: ([x]) => [x],
  fold: foldSame,
  batch: (axes) => axes,
  grad: "zero",
  docs: "The tensor itself, through which no gradient passes.",
});

// ── Cast ────────────────────────────────────────────────────────────────────────────────────────────────────────────

const integers: ReadonlySet<DType> = new Set(["int64", "int32"]);

/** Integers stay known as integers, and as booleans where they are all numbers. */
function foldCast(ints: readonly Dim[] | undefined, to: DType | undefined): readonly Dim[] | undefined {
  if (ints === undefined || to === undefined) return undefined;
  if (integers.has(to)) return ints;
  return to === "bool" && ints.every((d) => typeof d === "number") ? ints.map((d) => (d === 0 ? 0 : 1)) : undefined;
}

function targetOf(node: Node): DType | undefined {
  return dtypeOfOnnx(intAttribute(node, "to"));
}

/** In the other type, in the same shape. */
function cast(x: Parameters<InferRule>[0][number], to: DType | undefined): ReturnType<InferRule> {
  return [x === undefined || to === undefined ? undefined : tensorType(to, x.shape)];
}

const castOp = defineOp({
  type: "Cast",
  handsOn: true,
  since: 19,
  transparent: true,
  attributes: { to: "int", saturate: "int", round_mode: "string" },
  infer: ([x], { node }) => cast(x, targetOf(node)),
  fold: ({ node, inputs: [x] }) => [foldCast(x.ints, targetOf(node))],
  batch: batchElementwise,
  grad: ({ b, inputs: [x], dOutputs: [dy] }) => [b.cast(dy, x.type.dtype)],
  docs: "Another element type; between floats the gradient is cast back. https://onnx.ai/onnx/operators/onnx__Cast.html",
});

const castLike = defineOp({
  type: "CastLike",
  since: 19,
  attributes: { saturate: "int", round_mode: "string" },
  settings: [1],
  infer: ([x, like]) => cast(x, like?.dtype),
  fold: ({ inputs: [x, like] }) => [foldCast(x.ints, like.type?.dtype)],
  batch: ([x], { node }) => node.outputs.map(() => x),
  grad: ({ b, inputs: [x], dOutputs: [dy] }) => [b.cast(dy, x.type.dtype)],
  docs: "The element type of another tensor. https://onnx.ai/onnx/operators/onnx__CastLike.html",
});

// ── Dropout ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function hasInput(node: Node, i: number): boolean {
  return node.inputs[i] !== undefined && node.inputs[i] !== "";
}

function hasTrainingMode(node: Node): boolean {
  return hasInput(node, 2);
}

/** Opset 12 made the ratio an input; before, the operator knew the inference form only. */
function ratioBecomesInput(node: Node, { constant }: UpgradeContext): readonly Node[] {
  const ratio = constant(tensorOf("float32", [floatAttribute(node, "ratio", 0.5)], []));
  const attributes = new Map([...node.attributes].filter(([name]) => name !== "ratio"));
  return [{ ...node, inputs: [node.inputs[0], ratio], attributes }];
}

const dropout = defineOp({
  type: "Dropout",
  since: 22,
  attributes: { ratio: "float", seed: "int" },
  settings: [1, 2],
  inferenceForm: (node) => (hasTrainingMode(node) ? { ...node, inputs: node.inputs.slice(0, 2) } : node),
  inTraining: "dropout",
  dropout: {
    ratio: (node, scalar) => (hasInput(node, 1) ? scalar(node.inputs[1]) : floatAttribute(node, "ratio", 0.5)),
  },
  infer: ([x]) => [x, x && tensorType("bool", x.shape)],
  batch: ([x], { node }) => node.outputs.map(() => x),
  random: hasTrainingMode,
  unsupportedForm: ({ node }) => (hasTrainingMode(node) && (node.outputs[1] ?? "") === "" ? "its mask is not an output" : undefined),
  grad: ({ b, node, has, inputs: [, ratio, training], outputs: [, mask], dOutputs: [dy] }) => {
    if (!hasTrainingMode(node)) return [dy];
    // y = x·mask / (1 − ratio) in training, and x (with a mask of ones) otherwise.
    const share = has(1) ? b.cast(ratio, dy.type.dtype) : b.scalar(dy, 0.5);
    const scale = b.where(training, b.sub(b.one(dy), share), b.one(dy));
    return [b.where(mask, b.div(dy, scale), b.zero(dy))];
  },
  upgrades: [{ to: 12, rewrite: ratioBecomesInput }],
  docs: "In training, sets elements to 0 at random and scales up the rest; else the tensor itself. https://onnx.ai/onnx/operators/onnx__Dropout.html",
});

export const passing = [identity, stopGradient, castOp, castLike, dropout];
