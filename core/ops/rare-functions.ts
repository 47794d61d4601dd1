// Functions of single elements that few networks use: trigonometric and hyperbolic ones, Celu, ThresholdedRelu, Shrink.

import { floatAttribute } from "../graph/attributes.js";
import type { GraphBuilder, Value } from "../graph/builder.js";
import type { AttributeType } from "../graph/types.js";
import { defineOp, type GradientContext, type OpDefinition } from "./define.js";
import { onnxPage } from "./frozen-only.js";
import { batchElementwise } from "./rules.js";

/** A function by its derivative, from the context. */
function smooth(
  type: string,
  derivative: (context: GradientContext) => Value,
  docs: string,
  attributes: Readonly<Record<string, AttributeType>> = {},
): OpDefinition {
  return defineOp({
    type,
    since: 7,
    attributes,
    infer: ([x]) => [x],
    batch: batchElementwise,
    grad: (context) => [context.b.mul(context.dOutputs[0], derivative(context))],
    docs: `${docs} ${onnxPage(type)}`,
  });
}

const square = (b: GraphBuilder, x: Value): Value => b.mul(x, x);
/** 1 / √x */
const inverseRoot = (b: GraphBuilder, x: Value): Value => b.div(b.one(x), b.sqrt(x));

export const rareFunctions = [
  smooth("Tan", ({ b, outputs: [y] }) => b.add(b.one(y), square(b, y)), "The tangent."),
  smooth("Asin", ({ b, inputs: [x] }) => inverseRoot(b, b.sub(b.one(x), square(b, x))), "The inverse of the sine."),
  smooth("Acos", ({ b, inputs: [x] }) => b.neg(inverseRoot(b, b.sub(b.one(x), square(b, x)))), "The inverse of the cosine."),
  smooth("Atan", ({ b, inputs: [x] }) => b.div(b.one(x), b.add(b.one(x), square(b, x))), "The inverse of the tangent."),
  smooth("Sinh", ({ b, inputs: [x] }) => b.mul(b.scalar(x, 0.5), b.add(b.exp(x), b.exp(b.neg(x)))), "The hyperbolic sine."),
  smooth("Cosh", ({ b, inputs: [x] }) => b.mul(b.scalar(x, 0.5), b.sub(b.exp(x), b.exp(b.neg(x)))), "The hyperbolic cosine."),
  smooth("Asinh", ({ b, inputs: [x] }) => inverseRoot(b, b.add(square(b, x), b.one(x))), "The inverse of the hyperbolic sine."),
  smooth("Acosh", ({ b, inputs: [x] }) => inverseRoot(b, b.sub(square(b, x), b.one(x))), "The inverse of the hyperbolic cosine."),
  smooth("Atanh", ({ b, inputs: [x] }) => b.div(b.one(x), b.sub(b.one(x), square(b, x))), "The inverse of the hyperbolic tangent."),
  smooth(
    "Celu",
    ({ b, node, inputs: [x] }) => b.where(b.less(x, b.zero(x)), b.exp(b.div(x, b.scalar(x, floatAttribute(node, "alpha", 1)))), b.one(x)),
    "x above 0, alpha·(e^(x/alpha) − 1) below.",
    { alpha: "float" },
  ),
  smooth(
    "ThresholdedRelu",
    ({ b, node, inputs: [x] }) => b.cast(b.greater(x, b.scalar(x, floatAttribute(node, "alpha", 1))), x.type.dtype),
    "x above alpha, else 0; its gradient at alpha is 0.",
    { alpha: "float" },
  ),
  smooth(
    "Shrink",
    ({ b, node, inputs: [x] }) => b.cast(b.greater(b.op("Abs", [x]), b.scalar(x, floatAttribute(node, "lambd", 0.5))), x.type.dtype),
    "x moved towards 0 by a bias beyond ±lambd, 0 between; its gradient at ±lambd is 0.",
    { bias: "float", lambd: "float" },
  ),
];
