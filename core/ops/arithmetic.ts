// Elementwise arithmetic with broadcasting: Add, Sub, Mul, Div, Neg, Pow, Mod, Sum, Mean, Max, Min. Functions of a single tensor live in
// `math.ts`. Gradients come back in the broadcast shape.

import { intAttribute } from "../graph/attributes.js";
import type { GraphBuilder, Value } from "../graph/builder.js";
import { defineOp, operand, slots, type GradientRule } from "./define.js";
import { differenceOf, foldElementwise, largestOf, numbersOnly, productOf, quotientOf, smallestOf, sumOf } from "./folding.js";
import { batchElementwise, inferBroadcast } from "./rules.js";

const add = defineOp({
  type: "Add",
  since: 14,
  infer: inferBroadcast(),
  fold: foldElementwise(sumOf),
  slot: slots([operand("bias"), operand("bias")]),
  batch: batchElementwise,
  grad: ({ dOutputs: [dy] }) => [dy, dy],
  docs: "Sum of two tensors, with broadcasting. https://onnx.ai/onnx/operators/onnx__Add.html",
});

const sub = defineOp({
  type: "Sub",
  since: 14,
  infer: inferBroadcast(),
  fold: foldElementwise(differenceOf),
  batch: batchElementwise,
  grad: ({ b, dOutputs: [dy] }) => [dy, () => b.neg(dy)],
  docs: "Difference of two tensors, with broadcasting. https://onnx.ai/onnx/operators/onnx__Sub.html",
});

const mul = defineOp({
  type: "Mul",
  since: 14,
  infer: inferBroadcast(),
  fold: foldElementwise(productOf),
  slot: slots([operand("scale"), operand("scale")]),
  batch: batchElementwise,
  grad: ({ b, inputs: [x, z], dOutputs: [dy] }) => [() => b.mul(dy, z), () => b.mul(dy, x)],
  docs: "Product of two tensors, element by element, with broadcasting. https://onnx.ai/onnx/operators/onnx__Mul.html",
});

const div = defineOp({
  type: "Div",
  since: 14,
  infer: inferBroadcast(),
  fold: foldElementwise(quotientOf),
  batch: batchElementwise,
  // d(x/z)/dz = −(x/z)/z
  grad: ({ b, inputs: [, z], outputs: [y], dOutputs: [dy] }) => [() => b.div(dy, z), () => b.neg(b.div(b.mul(dy, y), z))],
  docs: "Quotient of two tensors, with broadcasting. https://onnx.ai/onnx/operators/onnx__Div.html",
});

const neg = defineOp({
  type: "Neg",
  since: 13,
  infer: ([x]) => [x],
  fold: foldElementwise((x) => productOf(x, -1)),
  batch: batchElementwise,
  grad: ({ b, dOutputs: [dy] }) => [b.neg(dy)],
  docs: "The negative of each element. https://onnx.ai/onnx/operators/onnx__Neg.html",
});

const pow = defineOp({
  type: "Pow",
  since: 15,
  infer: inferBroadcast(),
  fold: foldElementwise(numbersOnly((x, e) => x ** e)),
  batch: batchElementwise,
  grad: ({ b, inputs: [x, e], outputs: [y], dOutputs: [dy] }) => {
    const exponent = b.cast(e, x.type.dtype);
    const one = b.one(x);
    return [
      // e·x^(e−1). Where e = 0 the other factor is x¹, so that (0, 0) gives 0 and not 0·∞.
      () => {
        const lower = b.where(b.equal(exponent, b.zero(x)), one, b.sub(exponent, one));
        return b.mul(dy, b.mul(exponent, b.pow(x, lower)));
      },
      // x^e·log x, and 0 at x = 0, where log would be infinite.
      () => {
        const logarithm = b.log(b.where(b.equal(x, b.zero(x)), one, x));
        return b.cast(b.mul(dy, b.mul(y, logarithm)), e.type.dtype);
      },
    ];
  },
  docs: "Each element raised to a power; the gradient at (0, 0) is 0. https://onnx.ai/onnx/operators/onnx__Pow.html",
});

const mod = defineOp({
  type: "Mod",
  since: 13,
  attributes: { fmod: "int" },
  infer: inferBroadcast(),
  fold: (site) => foldElementwise(numbersOnly((x, z) => remainder(x, z, intAttribute(site.node, "fmod", 0) === 1)))(site),
  batch: batchElementwise,
  grad: { unsupported: "the remainder of floats jumps" },
  docs: "Remainder of a division; of integers no gradient flows. https://onnx.ai/onnx/operators/onnx__Mod.html",
});

/** With the sign of the divisor, or (as in C) of the dividend. */
function remainder(x: number, z: number, ofDividend: boolean): number {
  return ofDividend ? x % z : ((x % z) + z) % z;
}

// ── any number of operands ──────────────────────────────────────────────────────────────────────────────────────────

const sum = defineOp({
  type: "Sum",
  since: 13,
  infer: inferBroadcast(),
  batch: batchElementwise,
  grad: ({ inputs, dOutputs: [dy] }) => inputs.map(() => dy),
  docs: "Sum of any number of tensors, with broadcasting. https://onnx.ai/onnx/operators/onnx__Sum.html",
});

const mean = defineOp({
  type: "Mean",
  since: 13,
  infer: inferBroadcast(),
  batch: batchElementwise,
  grad: ({ b, inputs, dOutputs: [dy] }) => {
    const share = b.div(dy, b.scalar(dy, inputs.length));
    return inputs.map(() => share);
  },
  docs: "Mean of any number of tensors, with broadcasting. https://onnx.ai/onnx/operators/onnx__Mean.html",
});

/** The gradient goes to the operands that reach the extreme value, in equal shares. */
const gradExtreme: GradientRule = ({ b, inputs, outputs: [y], dOutputs: [dy] }) => {
  if (inputs.length === 1) return [dy];
  const reaches = inputs.map((x) => b.cast(b.equal(x, y), y.type.dtype));
  const share = shareOf(b, dy, reaches);
  return inputs.map((_, i) => () => b.mul(share, reaches[i]));
};

function shareOf(b: GraphBuilder, dy: Value, reaches: readonly Value[]): Value {
  return b.div(dy, b.sum(reaches));
}

const max = defineOp({
  type: "Max",
  since: 13,
  infer: inferBroadcast(),
  fold: foldElementwise(largestOf),
  batch: batchElementwise,
  grad: gradExtreme,
  docs: "The largest of any number of tensors; ties share the gradient evenly. https://onnx.ai/onnx/operators/onnx__Max.html",
});

const min = defineOp({
  type: "Min",
  since: 13,
  infer: inferBroadcast(),
  fold: foldElementwise(smallestOf),
  batch: batchElementwise,
  grad: gradExtreme,
  docs: "The smallest of any number of tensors; ties share the gradient evenly. https://onnx.ai/onnx/operators/onnx__Min.html",
});

export const arithmetic = [add, sub, mul, div, neg, pow, mod, sum, mean, max, min];
