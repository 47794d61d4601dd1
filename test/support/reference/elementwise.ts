// Elementwise operators without a float64 kernel in onnxruntime. Formulas are those of the ONNX operator pages.

import { floatAttribute, intAttribute, stringAttribute } from "../../../core/graph/attributes.js";
import type { Node } from "../../../core/graph/types.js";
import { broadcastAt, broadcastShape, float64, indicesOf, product, values, type Kernel } from "./kernel.js";

/**
 * The error function to about 1e-16: the Taylor series 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1·3·5…(2n+1)) below 3 (all terms positive, so
 * nothing cancels), the continued fraction of erfc above. Abramowitz and Stegun 7.1.6 and 7.1.14.
 */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  if (z < 3) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= (2 * z * z) / (2 * n + 1);
      sum += term;
    }
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum;
  }
  let fraction = 0;
  for (let n = 60; n >= 1; n--) fraction = n / 2 / (z + fraction);
  return Math.sign(x) * (1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + fraction));
}

function map(f: (x: number, node: Node) => number): Kernel {
  return (node, [x]) => [float64(x.shape, values(x).map((v) => f(v, node)))]; // prettier-ignore
}

function zip(f: (...xs: readonly number[]) => number): Kernel {
  return (_, inputs) => {
    const shape = broadcastShape(inputs.map((x) => x.shape));
    const out = new Float64Array(product(shape));
    let i = 0;
    for (const index of indicesOf(shape)) out[i++] = f(...inputs.map((x) => broadcastAt(x, index)));
    return [float64(shape, out)];
  };
}

const clamp = (x: number): number => Math.min(1, Math.max(0, x));
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

function gelu(x: number, node: Node): number {
  if (stringAttribute(node, "approximate", "none") === "none") return 0.5 * x * (1 + erf(x / Math.SQRT2));
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

export const elementwise: Readonly<Record<string, Kernel>> = {
  Erf: map(erf),
  Gelu: map(gelu),
  Cos: map(Math.cos),
  Sin: map(Math.sin),
  LeakyRelu: map((x, node) => (x < 0 ? floatAttribute(node, "alpha", 0.01) * x : x)),
  Elu: map((x, node) => (x < 0 ? floatAttribute(node, "alpha", 1) * Math.expm1(x) : x)),
  Selu: map((x, node) => {
    const alpha = floatAttribute(node, "alpha", 1.67326319217681884765625);
    return floatAttribute(node, "gamma", 1.05070102214813232421875) * (x > 0 ? x : alpha * Math.expm1(x));
  }),
  HardSigmoid: map((x, node) => clamp(floatAttribute(node, "alpha", 0.2) * x + floatAttribute(node, "beta", 0.5))),
  HardSwish: map((x) => x * clamp(x / 6 + 0.5)),
  Softplus: map(softplus),
  Softsign: map((x) => x / (1 + Math.abs(x))),
  Tan: map(Math.tan),
  Asin: map(Math.asin),
  Acos: map(Math.acos),
  Atan: map(Math.atan),
  Sinh: map(Math.sinh),
  Cosh: map(Math.cosh),
  Asinh: map(Math.asinh),
  Acosh: map(Math.acosh),
  Atanh: map(Math.atanh),
  Celu: map((x, node) => {
    const alpha = floatAttribute(node, "alpha", 1);
    return x < 0 ? alpha * Math.expm1(x / alpha) : x;
  }),
  ThresholdedRelu: map((x, node) => (x > floatAttribute(node, "alpha", 1) ? x : 0)),
  Mish: map((x) => x * Math.tanh(softplus(x))),
  PRelu: zip((x, slope) => (x < 0 ? slope * x : x)),
  Mean: zip((...xs) => xs.reduce((a, x) => a + x, 0) / xs.length),
  OneHot: (node, [indices, depth, pair]) => {
    const size = Number(depth.data[0]);
    const rank = indices.shape.length + 1;
    const given = intAttribute(node, "axis", -1);
    const axis = given < 0 ? given + rank : given;
    const shape = [...indices.shape.slice(0, axis), size, ...indices.shape.slice(axis)];
    const inner = product(indices.shape.slice(axis));
    const out = new Float64Array(product(shape)).fill(values(pair)[0]);
    for (const [i, index] of Array.from(indices.data as Float64Array, Number).entries()) {
      const hot = index < 0 ? index + size : index;
      if (hot >= 0 && hot < size) out[(Math.floor(i / inner) * size + hot) * inner + (i % inner)] = values(pair)[1];
    }
    return [float64(shape, out)];
  },
};
