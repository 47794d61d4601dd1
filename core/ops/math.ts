// Functions of single elements without parameters: Abs, Sqrt, Reciprocal, Exp, Log, Erf, Sin, Cos, Sign, Floor, Ceil, Round.
// Activations live in `activations.ts`.

import type { Value } from "../graph/builder.js";
import { defineOp, type GradientContext, type GradientStance, type OpDefinition } from "./define.js";
import { foldElementwise, numbersOnly } from "./folding.js";
import { batchElementwise } from "./rules.js";

/** Gradient of one element: what `derivative` makes of the context, which is asked only when a gradient is needed. */
function elementwise(
  type: string,
  since: number,
  gradient: ((context: GradientContext) => Value) | Exclude<GradientStance, (context: GradientContext) => unknown>,
  docs: string,
  rest: Partial<OpDefinition> = {},
): OpDefinition {
  return defineOp({
    type,
    since,
    infer: ([x]) => [x],
    batch: batchElementwise,
    grad: typeof gradient === "function" ? (context) => [gradient(context)] : gradient,
    docs: `${docs} https://onnx.ai/onnx/operators/onnx__${type}.html`,
    ...rest,
  });
}

const abs = elementwise(
  "Abs",
  13,
  ({ b, inputs: [x], dOutputs: [dy] }) => b.mul(dy, b.op("Sign", [x])),
  "The absolute value; its gradient at 0 is 0.",
  { fold: foldElementwise(numbersOnly(Math.abs)) },
);

const sqrt = elementwise("Sqrt", 13, ({ b, outputs: [y], dOutputs: [dy] }) => b.div(b.mul(dy, b.scalar(dy, 0.5)), y), "The square root.");

const reciprocal = elementwise(
  "Reciprocal",
  13,
  ({ b, outputs: [y], dOutputs: [dy] }) => b.neg(b.mul(dy, b.mul(y, y))),
  "One divided by each element.",
);

const exp = elementwise("Exp", 13, ({ b, outputs: [y], dOutputs: [dy] }) => b.mul(dy, y), "e to the power of each element.");

const log = elementwise("Log", 13, ({ b, inputs: [x], dOutputs: [dy] }) => b.div(dy, x), "The natural logarithm.");

const erf = elementwise(
  "Erf",
  13,
  // 2/√π · e^(−x²)
  ({ b, inputs: [x], dOutputs: [dy] }) => b.mul(b.mul(dy, b.scalar(dy, 2 / Math.sqrt(Math.PI))), b.exp(b.neg(b.mul(x, x)))),
  "The Gauss error function.",
);

const sin = elementwise("Sin", 22, ({ b, inputs: [x], dOutputs: [dy] }) => b.mul(dy, b.op("Cos", [x])), "The sine.");

const cos = elementwise("Cos", 22, ({ b, inputs: [x], dOutputs: [dy] }) => b.neg(b.mul(dy, b.op("Sin", [x]))), "The cosine.");

const sign = elementwise("Sign", 13, "zero", "−1, 0 or 1 by the sign.", { fold: foldElementwise(numbersOnly(Math.sign)) });
const floor = elementwise("Floor", 13, "zero", "Rounds down.");
const ceil = elementwise("Ceil", 13, "zero", "Rounds up.");
const round = elementwise("Round", 22, "zero", "Rounds to the nearest integer, halves to even ones.");

export const math = [abs, sqrt, reciprocal, exp, log, erf, sin, cos, sign, floor, ceil, round];
