// Operators that exporters spell out in smaller ones: recognised, they have a gradient of their own, which costs a fraction of what the
// gradients of their parts do.

import { float, intAttribute } from "../graph/attributes.js";
import type { Value } from "../graph/builder.js";
import { eitherOrder, isScalar, scalarOf, type Made, type Rewrite, type RewriteContext } from "./rewrite.js";

type Maker = RewriteContext["maker"];

/** Nested products deeper than this are not looked into. */
const deepestProduct = 3;

/** The operand other than a constant with one element, and that element. */
function scaled(made: Made | undefined): { readonly value: Value | undefined; readonly factor: number } | undefined {
  if (made?.node.opType === "Div") {
    const divisor = scalarOf(made.inputs[1]);
    return divisor === undefined ? undefined : { value: made.inputs[0], factor: 1 / divisor };
  }
  for (const [value, constant] of made === undefined ? [] : eitherOrder(made)) {
    const factor = scalarOf(constant);
    if (factor !== undefined) return { value, factor };
  }
  return undefined;
}

/** What a product multiplies, products within it taken apart, but not `whole`. */
function factorsOf(value: Value | undefined, maker: Maker, whole: string, depth = deepestProduct): readonly (Value | number | undefined)[] {
  const constant = scalarOf(value);
  if (constant !== undefined) return [constant];
  const made = value?.name === whole || depth === 0 ? undefined : maker(value, "Mul", "Div");
  if (made === undefined) return [value];
  if (made.node.opType === "Mul") return made.inputs.flatMap((input) => factorsOf(input, maker, whole, depth - 1));
  const divisor = scalarOf(made.inputs[1]);
  return divisor === undefined ? [value] : [...factorsOf(made.inputs[0], maker, whole, depth - 1), 1 / divisor];
}

/** What a product multiplies with a constant: the constant, and its other factors. */
function product(value: Value | undefined, maker: Maker, whole = ""): { readonly constant: number; readonly others: readonly (Value | undefined)[] } {
  const factors = factorsOf(value, maker, whole);
  return {
    constant: factors.reduce((all: number, f) => (typeof f === "number" ? all * f : all), 1),
    others: factors.filter((f) => typeof f !== "number"),
  };
}

const near = (found: number, expected: number): boolean => Math.abs(found - expected) < 1e-6;

/** What of x a GELU multiplies it by. */
interface Gate {
  readonly x: Value;
  readonly approximate: "none" | "tanh";
}

/** The x of erf(x ⁄ √2). */
function errorFunctionOf(value: Value | undefined, maker: Maker): Gate | undefined {
  const argument = scaled(maker(maker(value, "Erf")?.inputs[0], "Div", "Mul"));
  return argument?.value !== undefined && near(argument.factor, Math.SQRT1_2) ? { x: argument.value, approximate: "none" } : undefined;
}

/** Whether a value is x³. */
function isCube(factors: readonly (Value | undefined)[], x: Value, maker: Maker): boolean {
  const power = factors.length === 1 ? maker(factors[0], "Pow") : undefined;
  if (power !== undefined) return power.inputs[0]?.name === x.name && isScalar(power.inputs[1], 3);
  return factors.length === 3 && factors.every((f) => f?.name === x.name);
}

/** The x of tanh(√(2/π) · (x + 0.044715 · x³)). */
function tanhOf(value: Value | undefined, maker: Maker): Gate | undefined {
  const argument = product(maker(value, "Tanh")?.inputs[0], maker);
  const sum = near(argument.constant, Math.sqrt(2 / Math.PI)) && argument.others.length === 1 ? maker(argument.others[0], "Add") : undefined;
  for (const [x, cubic] of sum === undefined ? [] : eitherOrder(sum)) {
    if (x === undefined) continue;
    const { constant, others } = product(cubic, maker, x.name);
    if (near(constant, 0.044715) && isCube(others, x, maker)) return { x, approximate: "tanh" };
  }
  return undefined;
}

/** The gate in 1 + gate. */
function gateOf(value: Value | undefined, maker: Maker): Gate | undefined {
  const sum = maker(value, "Add");
  for (const [inner, one] of sum === undefined ? [] : eitherOrder(sum)) {
    const found = isScalar(one, 1) ? (errorFunctionOf(inner, maker) ?? tanhOf(inner, maker)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The gate in a product of which 1 + gate is a factor. */
function gateIn(made: Made, maker: Maker, depth = deepestProduct): Gate | undefined {
  for (const input of made.inputs) {
    const inner = depth === 1 ? undefined : maker(input, "Mul");
    const found = gateOf(input, maker) ?? (inner === undefined ? undefined : gateIn(inner, maker, depth - 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** x · ½ · (1 + erf(x ⁄ √2)), or its approximation by a hyperbolic tangent, factors in any order. https://arxiv.org/abs/1606.08415 */
const gelu: Rewrite = {
  opType: "Mul",
  apply: ({ b, node, inputs, output, maker }) => {
    const gate = gateIn({ node, inputs }, maker);
    if (gate === undefined) return undefined;
    const { x, approximate } = gate;
    const [left, right] = inputs.map((input) => product(input, maker, x.name));
    const others = [...left.others, ...right.others];
    const whole = others.length === 2 && others.some((f) => f?.name === x.name) && others.some((f) => gateOf(f, maker)?.x.name === x.name);
    if (!whole || !near(left.constant * right.constant, 0.5) || x.type.dtype !== output.type.dtype) return undefined;
    return b.op("Gelu", [x], { attributes: { approximate: approximate === "tanh" ? approximate : undefined } });
  },
};

/** The operand of a mean over the last axis alone, which stays with size 1. */
function meanedOverLast(value: Value | undefined, maker: Maker): Value | undefined {
  const mean = maker(value, "ReduceMean");
  const [x, axes] = mean?.inputs ?? [];
  const rank = x?.type.shape?.length;
  if (mean === undefined || rank === undefined || axes?.ints?.length !== 1 || intAttribute(mean.node, "keepdims", 1) === 0) return undefined;
  return axes.ints[0] === -1 || axes.ints[0] === rank - 1 ? x : undefined;
}

/** The base of a square: x · x, or x to the power of 2. */
function squared(value: Value | undefined, maker: Maker): Value | undefined {
  const made = maker(value, "Mul", "Pow");
  if (made === undefined) return undefined;
  const [base, other] = made.inputs;
  const isSquare = made.node.opType === "Pow" ? isScalar(other, 2) : base !== undefined && base.name === other?.name;
  return isSquare ? base : undefined;
}

/** The x and ε of (x − mean) ⁄ √(variance + ε) over the last axis. */
function normalisedOverLast(value: Value | undefined, maker: Maker): { readonly x: Value; readonly epsilon: number } | undefined {
  const quotient = maker(value, "Div");
  const centre = quotient?.inputs[0];
  const [x, mean] = maker(centre, "Sub")?.inputs ?? [];
  if (x === undefined || meanedOverLast(mean, maker)?.name !== x.name) return undefined;
  const sum = maker(maker(quotient?.inputs[1], "Sqrt")?.inputs[0], "Add");
  for (const [variance, constant] of sum === undefined ? [] : eitherOrder(sum)) {
    const epsilon = scalarOf(constant);
    const base = squared(meanedOverLast(variance, maker), maker);
    if (epsilon === undefined || base === undefined) continue;
    // Some exporters subtract the mean once more for the variance.
    const [again, meanAgain] = maker(base, "Sub")?.inputs ?? [];
    if (base.name === centre?.name || (again?.name === x.name && meanedOverLast(meanAgain, maker)?.name === x.name)) return { x, epsilon };
  }
  return undefined;
}

/** (x − mean) ⁄ √(variance + ε) · scale + bias over the last axis. */
const layerNormalization: Rewrite = {
  opType: "Add",
  apply: ({ b, node, inputs, maker }) => {
    for (const [product, bias] of eitherOrder({ node, inputs })) {
      const made = maker(product, "Mul");
      for (const [unit, scale] of made === undefined ? [] : eitherOrder(made)) {
        const found = normalisedOverLast(unit, maker);
        const size = found?.x.type.shape?.at(-1);
        const fits = (v: Value | undefined): v is Value => v?.type.shape?.length === 1 && v.type.shape[0] === size && typeof size === "number";
        if (found === undefined || !fits(scale) || !fits(bias)) continue;
        return b.op("LayerNormalization", [found.x, scale, bias], { attributes: { axis: -1, epsilon: float(found.epsilon) } });
      }
    }
    return undefined;
  },
};

export const spelledOut: readonly Rewrite[] = [gelu, layerNormalization];
