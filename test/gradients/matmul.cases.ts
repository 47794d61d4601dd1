// Gradient cases of the products of matrices.

import { float as floatAttribute } from "../../core/graph/attributes.js";
import { combinations, float, frozen, type GradientCase } from "../support/gradient-case.js";

const all = ["static", "named", "unknown"] as const;

const layouts: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[2, 3], [3, 4]],
  [[2, 5, 3], [3, 4]],
  [[2, 2, 5, 3], [3, 4]],
  [[2, 5, 3], [2, 3, 4]],
  [[2, 5, 3], [1, 3, 4]],
  [[1, 5, 3], [2, 3, 4]],
  [[5, 3], [2, 3, 4]],
  [[2, 1, 5, 3], [4, 3, 2]],
  [[3], [3]],
  [[3], [3, 4]],
  [[2, 3], [3]],
  [[2, 5, 3], [3]],
  [[3], [2, 3, 4]],
  [[1, 1], [1, 1]],
]; // prettier-ignore

const matMuls: readonly GradientCase[] = [
  ...layouts.map(([a, c]): GradientCase => ({ op: "MatMul", inputs: [float(a), float(c)], dims: all })),
  { op: "MatMul", name: "frozen weight", inputs: [float([2, 5, 3]), frozen([3, 4])], dims: all },
  { op: "MatMul", name: "frozen operand", inputs: [frozen([5, 3]), float([3, 4])], dims: all },
  {
    op: "MatMul",
    name: "by itself",
    inputs: [float([3, 3])],
    build: ({ b, inputs: [x] }) => [b.matmul(x, x)],
  },
  { op: "MatMul", opset: 7, inputs: [float([2, 3]), float([3, 4])] },
];

const flips = combinations({ transA: [0, 1], transB: [0, 1] });

const gemms: readonly GradientCase[] = [
  ...flips.map((attributes): GradientCase => {
    const [a, c] = [attributes.transA === 1 ? [3, 2] : [2, 3], attributes.transB === 1 ? [4, 3] : [3, 4]];
    return { op: "Gemm", inputs: [float(a), float(c), float([4])], attributes, dims: all };
  }),
  ...flips.map((flags): GradientCase => {
    const [a, c] = [flags.transA === 1 ? [3, 2] : [2, 3], flags.transB === 1 ? [4, 3] : [3, 4]];
    const attributes = { ...flags, alpha: floatAttribute(0.5), beta: floatAttribute(2) };
    return { op: "Gemm", inputs: [float(a), float(c), float([2, 4])], attributes };
  }),
  ...[[], [1], [4], [2, 1], [1, 4], [1, 1]].map((bias): GradientCase => {
    return { op: "Gemm", name: "bias", inputs: [float([2, 3]), float([3, 4]), float(bias)], dims: all };
  }),
  { op: "Gemm", name: "no bias", inputs: [float([2, 3]), float([3, 4])], dims: all },
  { op: "Gemm", name: "no bias but a factor", inputs: [float([2, 3]), float([3, 4])], attributes: { alpha: floatAttribute(-1.5) } },
  { op: "Gemm", name: "frozen weight", inputs: [float([2, 3]), frozen([4, 3]), float([4])], attributes: { transB: 1 } },
  { op: "Gemm", opset: 7, inputs: [float([2, 3]), float([3, 4]), float([4])] },
  { op: "Gemm", opset: 9, inputs: [float([2, 3]), float([4, 3]), float([1, 4])], attributes: { transB: 1, beta: floatAttribute(0.25) } },
  { op: "Gemm", opset: 11, inputs: [float([2, 3]), float([3, 4])] },
];

const equations: readonly (readonly [equation: string, ...shapes: readonly (readonly number[])[]])[] = [
  ["ij,jk->ik", [2, 3], [3, 4]],
  ["ij,jk", [2, 3], [3, 4]],
  ["btd,hde->bhte", [2, 3, 4], [2, 4, 3]],
  ["bhts,bhse,hed->btd", [2, 2, 3, 4], [2, 2, 4, 3], [2, 3, 5]],
  ["i,j->ij", [2], [3]],
  ["ij->ji", [2, 3]],
  ["ij,ij->", [2, 3], [2, 3]],
  ["ijk,i->i", [2, 3, 4], [2]],
  ["ijk->j", [2, 3, 4]],
  ["...ij,jk->...ik", [2, 2, 5, 3], [3, 4]],
  ["b...d,...d->b...", [2, 3, 4], [3, 4]],
  ["ij,jk->ik", [2, 1], [3, 4]],
];

const einsums: readonly GradientCase[] = equations.map(([equation, ...shapes], i): GradientCase => {
  const several = i === equations.length - 1 ? { name: "a size of 1 that broadcasts", dims: ["static"] as const } : {};
  return { op: "Einsum", inputs: shapes.map((shape) => float(shape)), attributes: { equation }, ...several };
});

export const cases: readonly GradientCase[] = [...matMuls, ...gemms, ...einsums];
