// Activation functions: of each element, with settings as attributes. Softmax and its kin, which work along an axis, live in `softmax.ts`.

import { float, floatAttribute, stringAttribute } from "../graph/attributes.js";
import type { GraphBuilder, Value } from "../graph/builder.js";
import { tensorOf } from "../graph/tensor.js";
import type { AttributeType, Node } from "../graph/types.js";
import { defineOp, parameter, slots, type GradientContext, type OpDefinition, type UpgradeContext } from "./define.js";
import { foldElementwise, largestOf, smallestOf } from "./folding.js";
import { batchElementwise } from "./rules.js";

/** An activation of one input. */
function activation(
  type: string,
  since: number,
  attributes: Readonly<Record<string, AttributeType>>,
  gradient: (context: GradientContext) => Value,
  docs: string,
  rest: Partial<OpDefinition> = {},
): OpDefinition {
  return defineOp({
    type,
    since,
    attributes,
    infer: ([x]) => [x],
    batch: batchElementwise,
    grad: (context) => [gradient(context)],
    docs: `${docs} https://onnx.ai/onnx/operators/onnx__${type}.html`,
    ...rest,
  });
}

/** Where x > limit (default 0). */
function above(b: GraphBuilder, x: Value, limit = 0): Value {
  return b.op("Greater", [x, b.scalar(x, limit)]);
}

/**
 * 1 where x > 0, else 0, in one pass: any number times this slope is 1 or more, but for the smallest denormal ones. A product with it takes
 * a third of the time that Where takes, which the runtime does on one thread.
 */
function step(b: GraphBuilder, x: Value): Value {
  return b.op("HardSigmoid", [x], { attributes: { alpha: float(3e38), beta: float(0) } });
}

/** 1 − y² */
function oneMinusSquare(b: GraphBuilder, y: Value): Value {
  return b.sub(b.one(y), b.mul(y, y));
}

// ── piecewise linear ────────────────────────────────────────────────────────────────────────────────────────────────

const relu = activation("Relu", 14, {}, ({ b, outputs: [y], dOutputs: [dy] }) => b.mul(dy, step(b, y)), "max(x, 0); its gradient at 0 is 0.");

const leakyRelu = activation(
  "LeakyRelu",
  16,
  { alpha: "float" },
  ({ b, node, inputs: [x], dOutputs: [dy] }) => b.where(above(b, x), dy, b.mul(dy, b.scalar(dy, floatAttribute(node, "alpha", 0.01)))),
  "x above 0, alpha·x below; its gradient at 0 is alpha.",
);

const prelu = defineOp({
  type: "PRelu",
  since: 16,
  infer: ([x]) => [x],
  batch: (axes, site) => (axes[1] === undefined ? batchElementwise(axes, site) : "its slope depends on the samples"),
  slot: slots([undefined, parameter("slope")]),
  grad: ({ b, inputs: [x, slope], dOutputs: [dy] }) => [
    () => b.where(above(b, x), dy, b.mul(dy, slope)),
    () => b.where(above(b, x), b.zero(dy), b.mul(dy, x)),
  ],
  docs: "x above 0, slope·x below, with a slope that can be learned; its gradient at 0 is the slope. https://onnx.ai/onnx/operators/onnx__PRelu.html",
});

/** Opset 11 made the bounds inputs. */
function boundsBecomeInputs(node: Node, context: UpgradeContext): readonly Node[] {
  const dtype = context.facts(node.inputs[0]).type?.dtype ?? "float32";
  const bound = (name: string): string => (node.attributes.has(name) ? context.constant(tensorOf(dtype, [floatAttribute(node, name)], [])) : "");
  const inputs = [node.inputs[0], bound("min"), bound("max")];
  const attributes = new Map([...node.attributes].filter(([name]) => name !== "min" && name !== "max"));
  return [{ ...node, inputs: inputs.slice(0, inputs.findLastIndex((name) => name !== "") + 1), attributes }];
}

const clip = defineOp({
  type: "Clip",
  since: 13,
  attributes: { min: "float", max: "float" },
  settings: [1, 2],
  infer: ([x]) => [x],
  batch: ([x, low, high], site) =>
    (low ?? high) !== undefined || x === undefined ? "its bounds depend on the samples" : site.node.outputs.map(() => x),
  fold: (site) => {
    const { inputs } = site;
    if (inputs.length < 3 || inputs.some((i) => i.ints === undefined)) return [undefined];
    return foldElementwise((x, low, high) => {
      const raised = largestOf(x, low);
      return raised === undefined ? undefined : smallestOf(raised, high);
    })(site);
  },
  grad: ({ b, has, inputs: [x, low, high], dOutputs: [dy] }) => {
    const inside = [...(has(1) ? [b.op("GreaterOrEqual", [x, low])] : []), ...(has(2) ? [b.op("LessOrEqual", [x, high])] : [])];
    if (inside.length === 0) return [dy];
    return [b.mul(dy, b.cast(inside.reduce((p, q) => b.and(p, q)), dy.type.dtype))]; // prettier-ignore
  },
  upgrades: [{ to: 11, rewrite: boundsBecomeInputs }],
  docs: "Limits each element to an interval; the gradient passes at its bounds. https://onnx.ai/onnx/operators/onnx__Clip.html",
});

const hardSigmoid = activation(
  "HardSigmoid",
  22,
  { alpha: "float", beta: "float" },
  ({ b, node, outputs: [y], dOutputs: [dy] }) => {
    const slope = b.mul(dy, b.scalar(dy, floatAttribute(node, "alpha", 0.2)));
    return b.where(b.and(above(b, y), b.less(y, b.one(y))), slope, b.zero(dy));
  },
  "alpha·x + beta within [0, 1]; its gradient where it reaches 0 or 1 is 0.",
);

const hardSwish = activation(
  "HardSwish",
  22,
  {},
  ({ b, inputs: [x], dOutputs: [dy] }) => {
    const inner = b.mul(dy, b.add(b.div(x, b.scalar(x, 3)), b.scalar(x, 0.5)));
    const upper = b.where(b.less(x, b.scalar(x, 3)), inner, dy);
    return b.where(above(b, x, -3), upper, b.zero(dy));
  },
  "x times a hard sigmoid; its gradient at −3 is 0, at 3 it is 1.",
);

// ── exponential ─────────────────────────────────────────────────────────────────────────────────────────────────────

const elu = activation(
  "Elu",
  22,
  { alpha: "float" },
  // alpha·e^x = y + alpha below 0
  ({ b, node, inputs: [x], outputs: [y], dOutputs: [dy] }) =>
    b.where(above(b, x), dy, b.mul(dy, b.add(y, b.scalar(y, floatAttribute(node, "alpha", 1))))),
  "x above 0, alpha·(e^x − 1) below.",
);

const selu = activation(
  "Selu",
  22,
  { alpha: "float", gamma: "float" },
  ({ b, node, inputs: [x], outputs: [y], dOutputs: [dy] }) => {
    const gamma = floatAttribute(node, "gamma", 1.05070102214813232421875);
    const alpha = floatAttribute(node, "alpha", 1.67326319217681884765625);
    return b.where(above(b, x), b.mul(dy, b.scalar(dy, gamma)), b.mul(dy, b.add(y, b.scalar(y, gamma * alpha))));
  },
  "Elu with a scale that keeps mean and variance. https://arxiv.org/abs/1706.02515",
);

const softplus = activation(
  "Softplus",
  22,
  {},
  ({ b, inputs: [x], dOutputs: [dy] }) => b.mul(dy, b.op("Sigmoid", [x])),
  "log(1 + e^x), a smooth Relu.",
);

const softsign = activation(
  "Softsign",
  22,
  {},
  ({ b, inputs: [x], dOutputs: [dy] }) => {
    const root = b.add(b.op("Abs", [x]), b.one(x));
    return b.div(dy, b.mul(root, root));
  },
  "x / (1 + |x|).",
);

const sigmoid = activation("Sigmoid", 13, {}, ({ b, outputs: [y], dOutputs: [dy] }) => b.mul(dy, b.mul(y, b.sub(b.one(y), y))), "1 / (1 + e^−x).", {
  activation: "independentProbabilities",
});

const tanh = activation("Tanh", 13, {}, ({ b, outputs: [y], dOutputs: [dy] }) => b.mul(dy, oneMinusSquare(b, y)), "The hyperbolic tangent.");

// ── gated ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Φ(x) + x·φ(x), with Φ and φ the standard normal distribution and density. In few passes over the elements, which is what the time goes to:
 * Φ = ½ + ½·erf u and φ = exp(−u² − ½·ln 2π), with u = x ⁄ √2.
 */
function gradGeluExact({ b, inputs: [x], dOutputs: [dy] }: GradientContext): Value {
  const u = b.mul(x, b.scalar(x, Math.SQRT1_2));
  // Half of it plus a half lies within [0, 1], so that this is all that HardSigmoid does to it.
  const distribution = b.op("HardSigmoid", [b.op("Erf", [u])], { attributes: { alpha: float(0.5), beta: float(0.5) } });
  const density = b.exp(b.sub(b.scalar(x, -0.5 * Math.log(2 * Math.PI)), b.mul(u, u)));
  return b.mul(dy, b.add(distribution, b.mul(x, density)));
}

/** With u = √(2/π)·(x + 0.044715·x³): ½(1 + tanh u) + ½x·(1 − tanh² u)·u′ */
function gradGeluTanh({ b, inputs: [x], dOutputs: [dy] }: GradientContext): Value {
  const scale = Math.sqrt(2 / Math.PI);
  const half = b.scalar(x, 0.5);
  const square = b.mul(x, x);
  const u = b.mul(b.mul(x, b.scalar(x, scale)), b.add(b.one(x), b.mul(square, b.scalar(x, 0.044715))));
  const slope = b.mul(b.add(b.one(x), b.mul(square, b.scalar(x, 3 * 0.044715))), b.scalar(x, scale));
  const t = b.op("Tanh", [u]);
  const value = b.mul(half, b.add(b.one(x), t));
  return b.mul(dy, b.add(value, b.mul(b.mul(half, x), b.mul(oneMinusSquare(b, t), slope))));
}

const gelu = activation(
  "Gelu",
  20,
  { approximate: "string" },
  (context) => (stringAttribute(context.node, "approximate", "none") === "tanh" ? gradGeluTanh(context) : gradGeluExact(context)),
  "x times the normal distribution function, or its tanh approximation.",
);

const mish = activation(
  "Mish",
  22,
  {},
  // tanh s + x·(1 − tanh² s)·sigmoid x, with s = softplus x
  ({ b, inputs: [x], dOutputs: [dy] }) => {
    const t = b.op("Tanh", [b.op("Softplus", [x])]);
    return b.mul(dy, b.add(t, b.mul(b.mul(x, oneMinusSquare(b, t)), b.op("Sigmoid", [x]))));
  },
  "x·tanh(softplus x).",
);

export const activations = [
  relu, leakyRelu, prelu, clip, hardSigmoid, hardSwish, elu, selu, softplus, softsign, sigmoid, tanh, gelu, mish,
]; // prettier-ignore
