// Functions of single elements, each on a matrix, a scalar and an empty-ish shape, away from their kinks.

import { awayFrom, exactly, float, positive, signed, type Generator, type GradientCase } from "../support/gradient-case.js";

function unary(op: string, values: Generator = signed): readonly GradientCase[] {
  return [[2, 3], [], [2, 1, 2]].map((shape) => ({ op, inputs: [float(shape, values)] }));
}

export const cases: readonly GradientCase[] = [
  ...unary("Abs"),
  { op: "Abs", name: "at 0", inputs: [float([3], exactly(-1, 0, 1))], expected: ({ coefficients: [c] }) => [[-c[0], 0, c[2]]] },
  ...unary("Sqrt", positive),
  ...unary("Reciprocal"),
  ...unary("Exp"),
  ...unary("Log", positive),
  ...unary("Erf"),
  { op: "Erf", name: "far out", inputs: [float([4], exactly(-4, -2.5, 2.5, 3.5))] },
  ...unary("Sin"),
  ...unary("Cos"),
  { op: "Sin", inputs: [float([2, 3], awayFrom([], -4, 4))], opset: 7, name: "old form" },
  { op: "Cos", inputs: [float([2, 3], awayFrom([], -4, 4))], opset: 7, name: "old form" },
];
