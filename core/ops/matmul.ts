// Products of matrices: MatMul and Gemm; the family has Einsum too.

import * as errors from "../errors.js";
import { floatAttribute, intAttribute } from "../graph/attributes.js";
import type { GraphBuilder, Value } from "../graph/builder.js";
import { broadcastShapes, formatShape } from "../graph/dims.js";
import type { Dim, Shape } from "../graph/types.js";
import { agree, differentAxes } from "./axes.js";
import {
  defineOp,
  parameter,
  sameBatch,
  slots,
  type BatchAxis,
  type BatchRule,
  type GradientRule,
  type InferRule,
  type OpDefinition,
} from "./define.js";
import { einsum } from "./einsum.js";
import { repeatForBatch } from "./repeat-for-batch.js";
import { tensorType } from "./rules.js";

// ── MatMul ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export const inferMatMul: InferRule = ([a, c], { node }) => {
  const dtype = a?.dtype ?? c?.dtype;
  if (dtype === undefined) return [undefined];
  if (a?.shape === undefined || c?.shape === undefined) return [tensorType(dtype, undefined)];
  const mismatch = (): Error => errors.shapeMismatch(node, "matrices that multiply with", formatShape(a.shape), formatShape(c.shape));
  if (a.shape.length === 0 || c.shape.length === 0) throw mismatch();
  // NumPy's rule: a vector is a row at the left, a column at the right, and its axis goes again afterwards.
  const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape;
  const right = c.shape.length === 1 ? [...c.shape, 1] : c.shape;
  if (agree(left[left.length - 1], right[right.length - 2]) === undefined) throw mismatch();
  const batch = broadcastShapes([left.slice(0, -2), right.slice(0, -2)]);
  if (batch === undefined) throw mismatch();
  const rows = a.shape.length === 1 ? [] : [left[left.length - 2]];
  const columns = c.shape.length === 1 ? [] : [right[right.length - 1]];
  return [tensorType(dtype, [...batch, ...rows, ...columns])];
};

/** Axes of a tensor up to its last one merged: [.., m, k] → [M, k]. */
function asMatrix(b: GraphBuilder, x: Value): Value {
  const rank = b.rank(x);
  return rank === 2 ? x : b.op("Flatten", [x], { attributes: { axis: rank - 1 } });
}

const gradMatMul: GradientRule = ({ b, inputs: [a, c], dOutputs }) => {
  const [aRank, cRank] = [b.rank(a), b.rank(c)];
  // Vectors as matrices: `dy` gets back the axes that they lost.
  const left = aRank === 1 ? b.unsqueeze(a, [0]) : a;
  const right = cRank === 1 ? b.unsqueeze(c, [1]) : c;
  const dy = (): Value => {
    const columns = cRank === 1 ? b.unsqueeze(dOutputs[0], [b.rank(dOutputs[0])]) : dOutputs[0];
    return aRank === 1 ? b.unsqueeze(columns, [b.rank(columns) - 1]) : columns;
  };
  const withoutAxis = (x: Value, fromEnd: number, remove: boolean): Value => (remove ? b.squeeze(x, [b.rank(x) - fromEnd]) : x);
  // One matrix at the right: every sample uses it, so that its gradient is a single product over all rows.
  if (cRank <= 2) {
    return [
      () => {
        const product = b.op("Gemm", [asMatrix(b, dy()), right], { attributes: { transB: 1 } });
        return b.reshapeLike(product, a);
      },
      () => {
        const product = b.op("Gemm", [asMatrix(b, left), asMatrix(b, dy())], { attributes: { transA: 1 } });
        return withoutAxis(product, 1, cRank === 1);
      },
    ];
  }
  return [() => withoutAxis(b.matmul(dy(), b.transposeLast(right)), 2, aRank === 1), () => b.matmul(b.transposeLast(left), dy())];
};

export const batchMatMul: BatchRule = ([a, c], { inputs, outputs }) => {
  const ranks = inputs.map((f) => f.type?.shape?.length);
  const [aRank, cRank] = ranks;
  const rank = outputs[0]?.type?.shape?.length;
  if (aRank === undefined || cRank === undefined || rank === undefined) return "the ranks of its operands are not known";
  const contracts = "sums over the axis of the batch";
  if (a?.axis === aRank - 1 || c?.axis === Math.max(cRank - 2, 0)) return contracts;
  // Counted from the end of the result: rows lie at 2, columns at 1, unless the other operand is a vector.
  const placed = (axis: BatchAxis, own: number, isColumn: boolean): BatchAxis => {
    const lost = (aRank === 1 ? 1 : 0) + (cRank === 1 ? 1 : 0);
    return { ...axis, axis: isColumn ? rank - 1 : rank + lost - (own - axis.axis) };
  };
  const fromA = a && placed(a, aRank, false);
  const fromC = c && placed(c, cRank, c.axis === cRank - 1);
  if (fromA !== undefined && fromC !== undefined && !sameBatch(fromA, fromC)) return differentAxes;
  return [fromA ?? fromC];
};

/** Queries that are the same for all samples, in as many heads as a batch of 1 has: [heads, n, d] times [batch · heads, d, m]. */
const freeMatMul: OpDefinition["freeBatch"] = (axes, site, context) => {
  const [rank, ...others] = site.inputs.map((f) => f.type?.shape?.length);
  const input = axes.findIndex((axis) => axis !== undefined);
  const axis = axes[input];
  // Stacks of matrices of one rank share their axes; a size of 1 broadcasts by itself.
  if (axis === undefined || axes[1 - input] !== undefined || rank === undefined || rank !== others[0] || axis.axis >= rank - 2) return undefined;
  return axis.inner === 1 ? undefined : repeatForBatch(site, context, { input, axis }, [{ input: 1 - input, axis: axis.axis }]);
};

const matMul = defineOp({
  type: "MatMul",
  since: 13,
  slot: slots([parameter("weight"), parameter("weight")]),
  infer: inferMatMul,
  grad: gradMatMul,
  batch: batchMatMul,
  freeBatch: freeMatMul,
  docs: "Matrix product over the last two axes, the others broadcast. https://onnx.ai/onnx/operators/onnx__MatMul.html",
});

// ── Gemm ────────────────────────────────────────────────────────────────────────────────────────────────────────────

const inferGemm: InferRule = ([a, c, bias], { node }) => {
  const dtype = a?.dtype ?? c?.dtype;
  if (dtype === undefined) return [undefined];
  const flip = (shape: Shape | undefined, name: string): Shape | undefined => {
    if (shape !== undefined && shape.length !== 2) throw errors.shapeMismatch(node, "a matrix", "of rank 2", formatShape(shape));
    return shape !== undefined && intAttribute(node, name, 0) !== 0 ? [shape[1], shape[0]] : shape;
  };
  const [left, right] = [flip(a?.shape, "transA"), flip(c?.shape, "transB")];
  if (left === undefined || right === undefined) return [tensorType(dtype, undefined)];
  if (agree(left[1], right[0]) === undefined) throw errors.shapeMismatch(node, "matrices that multiply with", formatShape(left), formatShape(right));
  const shape: readonly Dim[] = [left[0], right[1]];
  const broadcast = bias?.shape === undefined ? shape : broadcastShapes([shape, bias.shape]);
  if (broadcast?.length !== 2) throw errors.shapeMismatch(node, "a bias that broadcasts to", formatShape(shape), formatShape(bias?.shape));
  return [tensorType(dtype, shape)];
};

const gradGemm: GradientRule = ({ b, node, inputs: [a, c], dOutputs }) => {
  const flags = { a: intAttribute(node, "transA", 0) !== 0, c: intAttribute(node, "transB", 0) !== 0 };
  const factor = (name: string): number => floatAttribute(node, name, 1);
  const product = (left: Value, transA: boolean, right: Value, transB: boolean): Value => {
    const alpha = factor("alpha");
    const attributes = {
      alpha: alpha === 1 ? undefined : ({ type: "float", value: alpha } as const),
      transA: transA ? 1 : undefined,
      transB: transB ? 1 : undefined,
    };
    return b.op("Gemm", [left, right], { attributes });
  };
  return [
    () => (flags.a ? product(c, flags.c, dOutputs[0], true) : product(dOutputs[0], false, c, !flags.c)),
    () => (flags.c ? product(dOutputs[0], true, a, flags.a) : product(a, !flags.a, dOutputs[0], false)),
    () => (factor("beta") === 1 ? dOutputs[0] : b.mul(dOutputs[0], b.scalar(dOutputs[0], factor("beta")))),
  ];
};

const batchGemm: BatchRule = ([a, c, bias], { node, inputs }) => {
  const flipped = (axis: BatchAxis | undefined, name: string): number | undefined =>
    axis && (intAttribute(node, name, 0) !== 0 ? 1 - axis.axis : axis.axis);
  if (flipped(a, "transA") === 1 || flipped(c, "transB") === 0) return "sums over the axis of the batch";
  const biasRank = inputs[2]?.type?.shape?.length ?? 2;
  const found = [a && { ...a, axis: 0 }, c && { ...c, axis: 1 }, bias && { ...bias, axis: bias.axis + 2 - biasRank }].filter((x) => x !== undefined);
  const [first] = found;
  return found.every((x) => sameBatch(x, first)) ? [first] : differentAxes;
};

const gemm = defineOp({
  type: "Gemm",
  since: 11,
  attributes: { alpha: "float", beta: "float", transA: "int", transB: "int" },
  slot: slots([parameter("weight"), parameter("weight"), parameter("bias")]),
  infer: inferGemm,
  grad: gradGemm,
  batch: batchGemm,
  docs: "alpha · A · B + beta · C for matrices A and B, either transposed. https://onnx.ai/onnx/operators/onnx__Gemm.html",
});

export const matrixProducts = [matMul, gemm, einsum];
