// Add, Sub, Mul, Div, Neg, Pow, Sum, Mean, Max, Min on every broadcast layout.

import { tensorOf } from "../../core/graph/tensor.js";
import { binaryCases, distinct, exactly, float, frozen, given, positive, signed, type GradientCase } from "../support/gradient-case.js";

const dims = ["static", "named", "unknown"] as const;

const pow: readonly GradientCase[] = [
  ...binaryCases("Pow", [positive, signed]),
  { op: "Pow", name: "negative base, integer exponents", inputs: [float([2, 3]), frozen([3], exactly(2, 3, 1))], dims },
  { op: "Pow", name: "integer exponent tensor", inputs: [float([2, 3]), given(tensorOf("int64", [3], []))] },
  {
    op: "Pow",
    name: "0 to the power of 0, 1, 2 and 3",
    inputs: [float([4], exactly(0, 0, 0, 0)), float([4], exactly(0, 1, 2, 3))],
    expected: ({ coefficients: [c] }) => [
      [0, c[1], 0, 0],
      [0, 0, 0, 0],
    ],
  },
];

/** Extremes of several operands with elements at least 1/4 apart: drawn together, then dealt out. */
function extreme(op: string): readonly GradientCase[] {
  const layouts = [[[2, 3], [2, 3]], [[2, 3], [3]], [[3], [2, 1]], [[], [4]], [[2, 3]], [[2, 3], [1, 3], [2, 1]], [[2], [2], [2], [2]]]; // prettier-ignore
  return [
    ...layouts.map((shapes): GradientCase => {
      // Offsets of 1/16 keep operands apart from each other; each one's own elements are 1/4 apart. The last operand is favoured.
      const offset = op === "Max" ? 1 / 16 : -1 / 16;
      return { op, inputs: shapes.map((shape, i) => float(shape, (random, count) => distinct(random, count).map((x) => x + i * offset))), dims };
    }),
    {
      op,
      name: "ties share evenly",
      inputs: [float([3], exactly(1, 2, 1)), float([3], exactly(1, 2, 5)), float([3], exactly(1, -4, 5))],
      expected: ({ coefficients: [c] }) => sharesOf(op, c),
    },
  ];
}

function sharesOf(op: string, [p, q, r]: readonly number[]): readonly (readonly number[])[] {
  if (op === "Max") return [[p / 3, q / 2, 0], [p / 3, q / 2, r / 2], [p / 3, 0, r / 2]]; // prettier-ignore
  return [[p / 3, 0, r], [p / 3, 0, 0], [p / 3, q, 0]]; // prettier-ignore
}

export const cases: readonly GradientCase[] = [
  ...binaryCases("Add"),
  ...binaryCases("Sub"),
  ...binaryCases("Mul"),
  ...binaryCases("Div"),
  { op: "Neg", inputs: [float([2, 3])] },
  ...pow,
  ...[1, 2, 3, 4].map((n): GradientCase => ({ op: "Sum", inputs: [[2, 3], [3], [2, 1], [2, 3]].slice(0, n).map((s) => float(s)), dims })),
  ...[1, 2, 3].map((n): GradientCase => ({ op: "Mean", inputs: [[2, 3], [1], [2, 1]].slice(0, n).map((s) => float(s)), dims })),
  ...extreme("Max"),
  ...extreme("Min"),
];
