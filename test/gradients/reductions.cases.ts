// Reductions over every kind of axes, in every opset's form: attribute or input, kept or dropped, negative, none, all, known at run time.

import { distinct, exactly, fedInts, float, ints, signed, type Generator, type GradientCase } from "../support/gradient-case.js";

const shape = [2, 3, 2];
const axisLists: readonly (readonly number[] | undefined)[] = [undefined, [0], [1], [-1], [0, 2], [-2, 0], [0, 1, 2], []];

/** The form with axes as an input. */
function modern(op: string, values: Generator): readonly GradientCase[] {
  return axisLists.flatMap((axes) =>
    [undefined, 0].map((keepdims): GradientCase => {
      return { op, name: `axes ${axes?.join() ?? "left out"}`, inputs: [float(shape, values), ...(axes === undefined ? [] : [ints(axes)])], attributes: { keepdims } };
    }),
  ); // prettier-ignore
}

/** Forms with axes as an attribute, below the opset that made them an input. */
function old(op: string, below: number, values: Generator): readonly GradientCase[] {
  return [7, below - 1].flatMap((opset) =>
    [undefined, [1], [0, 2]].map((axes): GradientCase => ({ op, opset, inputs: [float(shape, values)], attributes: { axes, keepdims: axes?.length === 1 ? 0 : 1 } })),
  ); // prettier-ignore
}

/** Axes that are fed, and a list that reduces nothing. */
function special(op: string, values: Generator, mayReduceNothing: boolean): readonly GradientCase[] {
  const dims = ["static", "named", "unknown"] as const;
  const nothing: readonly GradientCase[] = [
    { op, name: "no axes reduce nothing", inputs: [float(shape, values), ints([])], attributes: { noop_with_empty_axes: 1 } },
    { op, name: "absent axes reduce nothing", inputs: [float(shape, values)], attributes: { noop_with_empty_axes: 1 } },
  ];
  return [
    { op, name: "axes known when it runs", inputs: [float(shape, values), fedInts([-1, 0])], dims },
    { op, name: "axes known when it runs, dropped", inputs: [float(shape, values), fedInts([1])], attributes: { keepdims: 0 }, dims },
    { op, name: "sizes of 1", inputs: [float([1, 3, 1], values), ints([0, 1])], dims },
    { op, name: "a scalar", inputs: [float([], values)] },
    ...(mayReduceNothing ? nothing : []),
  ];
}

function family(op: string, inputSince: number, values: Generator = signed, mayReduceNothing = false): readonly GradientCase[] {
  return [...modern(op, values), ...old(op, inputSince, values), ...special(op, values, mayReduceNothing)];
}

export const cases: readonly GradientCase[] = [
  ...family("ReduceSum", 13, signed, true),
  ...family("ReduceMean", 18, signed, true),
  ...family("ReduceMax", 18, distinct, true),
  ...family("ReduceMin", 18, distinct, true),
  ...family("ReduceL1", 18),
  ...family("ReduceL2", 18),
  ...family("ReduceSumSquare", 18),
  ...family("ReduceLogSumExp", 18),
  {
    op: "ReduceMax",
    name: "ties share evenly",
    inputs: [float([2, 3], exactly(1, 1, 0, 2, 2, 2)), ints([1])],
    expected: ({ coefficients: [c] }) => [[c[0] / 2, c[0] / 2, 0, c[1] / 3, c[1] / 3, c[1] / 3]],
  },
  {
    op: "ReduceMin",
    name: "ties share evenly, over all",
    inputs: [float([2, 2], exactly(1, 0, 0, 2))],
    expected: ({ coefficients: [c] }) => [[0, c[0] / 2, c[0] / 2, 0]],
  },
  {
    op: "ReduceL2",
    name: "at 0",
    inputs: [float([2, 2], exactly(0, 0, 3, 4)), ints([1])],
    expected: ({ coefficients: [c] }) => [[0, 0, 0.6 * c[1], 0.8 * c[1]]],
  },
  { op: "ReduceL1", name: "at 0", inputs: [float([3], exactly(0, -1, 2))], expected: ({ coefficients: [c] }) => [[0, -c[0], c[0]]] },
];
