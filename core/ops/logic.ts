// Comparisons, logic on booleans and bits, tests of single elements, and the choice between two tensors (Where). All but Where have
// outputs that jump: their gradient is zero.

import { defineOp, type InferRule, type OpDefinition } from "./define.js";
import { choiceOf, comparisonOf, equalityOf, foldElementwise, numbersOnly } from "./folding.js";
import { batchElementwise, inferBroadcast, tensorType } from "./rules.js";

const inferBooleans: InferRule = inferBroadcast("bool");
const inferTest: InferRule = ([x]) => [x && tensorType("bool", x.shape)];

/** An operator whose output does not vary with its inputs but in jumps. */
function jumping(type: string, since: number, infer: InferRule, docs: string, rest: Partial<OpDefinition> = {}): OpDefinition {
  return defineOp({
    type,
    since,
    infer,
    batch: batchElementwise,
    grad: "zero",
    docs: `${docs} https://onnx.ai/onnx/operators/onnx__${type}.html`,
    ...rest,
  });
}

const equal = jumping("Equal", 19, inferBooleans, "Whether elements are equal.", { fold: foldElementwise(equalityOf) });
const greater = jumping("Greater", 13, inferBooleans, "Whether elements are greater.", { fold: foldElementwise(comparisonOf((a, b) => a > b)) });
const less = jumping("Less", 13, inferBooleans, "Whether elements are less.", { fold: foldElementwise(comparisonOf((a, b) => a < b)) });
const greaterOrEqual = jumping("GreaterOrEqual", 16, inferBooleans, "Whether elements are greater or equal.", {
  fold: foldElementwise(comparisonOf((a, b) => a >= b)),
});
const lessOrEqual = jumping("LessOrEqual", 16, inferBooleans, "Whether elements are less or equal.", {
  fold: foldElementwise(comparisonOf((a, b) => a <= b)),
});

const and = jumping("And", 7, inferBooleans, "Both.", { fold: foldElementwise(numbersOnly((a, b) => a * b)) });
const or = jumping("Or", 7, inferBooleans, "One or both.", { fold: foldElementwise(numbersOnly((a, b) => Math.max(a, b))) });
const xor = jumping("Xor", 7, inferBooleans, "One but not both.", { fold: foldElementwise(numbersOnly((a, b) => Number(a !== b))) });
const not = jumping("Not", 1, ([x]) => [x], "The opposite.", { fold: foldElementwise(numbersOnly((a) => 1 - a)) });
const isNaN = jumping("IsNaN", 20, inferTest, "Whether elements are not numbers.");
const isInf = jumping("IsInf", 20, inferTest, "Whether elements are infinite.", { attributes: { detect_negative: "int", detect_positive: "int" } });
const bitShift = jumping("BitShift", 11, inferBroadcast(), "Shifts bits.", { attributes: { direction: "string" } });
const bitwiseAnd = jumping("BitwiseAnd", 18, inferBroadcast(), "Bits that both have.");
const bitwiseOr = jumping("BitwiseOr", 18, inferBroadcast(), "Bits that one or both have.");
const bitwiseXor = jumping("BitwiseXor", 18, inferBroadcast(), "Bits that one has.");
const bitwiseNot = jumping("BitwiseNot", 18, ([x]) => [x], "The other bits.");

/** All three broadcast together; the element type is that of the choices. */
const inferWhere: InferRule = (types, site) => inferBroadcast((types[1] ?? types[2])?.dtype)(types, site);

const where = defineOp({
  type: "Where",
  since: 16,
  infer: inferWhere,
  fold: foldElementwise(choiceOf),
  batch: batchElementwise,
  grad: ({ b, inputs: [condition], dOutputs: [dy] }) => [
    undefined,
    () => b.where(condition, dy, b.zero(dy)),
    () => b.where(condition, b.zero(dy), dy),
  ],
  docs: "Elements of one tensor or another, by a condition. https://onnx.ai/onnx/operators/onnx__Where.html",
});

export const logic = [
  equal, greater, less, greaterOrEqual, lessOrEqual, and, or, xor, not, isNaN, isInf, bitShift, bitwiseAnd, bitwiseOr, bitwiseXor, bitwiseNot, where,
]; // prettier-ignore
