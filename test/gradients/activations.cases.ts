// Activations away from their kinks, and at them by the conventions of their documentation.

import { float as floatAttribute } from "../../core/graph/attributes.js";
import { awayFrom, between, exactly, float, frozen, type GradientCase } from "../support/gradient-case.js";

const wide = between(-3, 3);

/** Without attributes and with each of the given sets. */
function settings(
  op: string,
  kinks: readonly number[],
  sets: readonly GradientCase["attributes"][],
  rest: Partial<GradientCase> = {},
): readonly GradientCase[] {
  return [undefined, ...sets].map((attributes): GradientCase => {
    return { op, inputs: [float([3, 4], awayFrom(kinks, -4, 4))], ...(attributes === undefined ? {} : { attributes }), ...rest };
  });
}

/** The slope that each element must have where central differences see a kink. */
function atKinks(op: string, points: readonly number[], slopes: readonly number[], rest: Partial<GradientCase> = {}): GradientCase {
  return {
    op,
    name: `at ${points.join(", ")}`,
    inputs: [float([points.length], exactly(...points))],
    expected: ({ coefficients: [c] }) => [slopes.map((slope, i) => slope * c[i])],
    ...rest,
  };
}

const bound = (value: number) => ({ ...frozen([], exactly(value)), constant: true });

const clip: readonly GradientCase[] = [
  { op: "Clip", inputs: [float([3, 4], awayFrom([-1, 1])), bound(-1), bound(1)] },
  { op: "Clip", name: "lower bound only", inputs: [float([3, 4], awayFrom([-0.5])), bound(-0.5)] },
  { op: "Clip", name: "upper bound only", inputs: [float([3, 4], awayFrom([0.5])), undefined, bound(0.5)] },
  { op: "Clip", name: "no bounds", inputs: [float([3, 4])] },
  { op: "Clip", name: "bounds known when it runs", inputs: [float([3, 4], awayFrom([-1, 1])), frozen([], { values: exactly(-1), constant: false }), bound(1)] },
  { op: "Clip", opset: 7, inputs: [float([3, 4], awayFrom([-1, 1]))], attributes: { min: floatAttribute(-1), max: floatAttribute(1) } },
  { op: "Clip", opset: 10, inputs: [float([3, 4], awayFrom([0]))], attributes: { min: floatAttribute(0) } },
  { op: "Clip", opset: 10, inputs: [float([3, 4], awayFrom([0]))], attributes: { max: floatAttribute(0) } },
  { op: "Clip", opset: 7, inputs: [float([3, 4])] },
  { op: "Clip", opset: 11, inputs: [float([3, 4], awayFrom([0, 0.5])), bound(0), bound(0.5)] },
  {
    op: "Clip",
    name: "passes at its bounds",
    inputs: [float([5], exactly(-2, -1, 0, 1, 2)), bound(-1), bound(1)],
    expected: ({ coefficients: [c] }) => [[0, c[1], c[2], c[3], 0]],
  },
]; // prettier-ignore

const slopes: readonly (readonly number[])[] = [[1], [2], [3, 1, 1], [], [2, 3, 1, 2]];

const prelu: readonly GradientCase[] = [
  ...slopes.map((slope): GradientCase => ({ op: "PRelu", inputs: [float([2, 3, 1, 2]), float(slope)], dims: ["static", "named", "unknown"] })),
  { op: "PRelu", opset: 7, inputs: [float([2, 3]), float([3])] },
  { op: "PRelu", name: "frozen slope", inputs: [float([2, 3]), frozen([1, 3])] },
  {
    op: "PRelu",
    name: "at 0",
    inputs: [float([2], exactly(0, -1)), float([1], exactly(0.25))],
    expected: ({ coefficients: [c] }) => [[c[0] / 4, c[1] / 4], [-c[1]]],
  },
];

export const cases: readonly GradientCase[] = [
  ...settings("Relu", [0], []),
  { op: "Relu", opset: 7, inputs: [float([2, 3])] },
  atKinks("Relu", [-1, 0, 1], [0, 0, 1]),
  ...settings("LeakyRelu", [0], [{ alpha: floatAttribute(0.25) }, { alpha: floatAttribute(-0.5) }]),
  atKinks("LeakyRelu", [-1, 0, 1], [0.25, 0.25, 1], { attributes: { alpha: floatAttribute(0.25) } }),
  ...prelu,
  ...settings("Elu", [0], [{ alpha: floatAttribute(0.5) }]),
  ...settings("Selu", [0], [{ alpha: floatAttribute(0.5), gamma: floatAttribute(2) }]),
  ...settings("Softplus", [], []),
  ...settings("Softsign", [0], []),
  ...settings("Sigmoid", [], []),
  { op: "Sigmoid", name: "far out", inputs: [float([4], exactly(-30, -12, 12, 30))] },
  ...settings("Tanh", [], []),
  ...settings("HardSigmoid", [-2.5, 2.5], []),
  { op: "HardSigmoid", inputs: [float([3, 4], awayFrom([-1, 1]))], attributes: { alpha: floatAttribute(0.5), beta: floatAttribute(0.5) } },
  atKinks("HardSigmoid", [-2, -1, 0, 1, 2], [0, 0, 0.5, 0, 0], { attributes: { alpha: floatAttribute(0.5), beta: floatAttribute(0.5) } }),
  ...settings("HardSwish", [-3, 3], []),
  atKinks("HardSwish", [-4, -3, 0, 3, 4], [0, 0, 0.5, 1, 1]),
  ...settings("Gelu", [], [{ approximate: "tanh" }, { approximate: "none" }]),
  ...settings("Mish", [], []),
  ...clip,
  { op: "Elu", name: "behind another activation", inputs: [float([2, 3], wide)], build: ({ b, inputs: [x] }) => [b.op("Elu", [b.op("Tanh", [x])])] },
];
