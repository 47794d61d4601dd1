// Layers that normalise each sample by its own statistics: LayerNormalization, RMSNormalization, InstanceNormalization, GroupNormalization,
// LpNormalization. BatchNormalization lives in `batch-normalization.ts`.

import { attribute, floatAttribute, intAttribute } from "../graph/attributes.js";
import type { GraphBuilder, Value } from "../graph/builder.js";
import { divideExactly } from "../graph/dims.js";
import { tensorOf } from "../graph/tensor.js";
import type { Node } from "../graph/types.js";
import { batchOutside, range, resolveAxis, sameTypeAs } from "./axes.js";
import { defineOp, parameter, slots, type Site, type UpgradeContext } from "./define.js";
import { tensorType } from "./rules.js";

/** Runs `make` on the first call only: thunks of one rule share what they need. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Axes from a node's `axis` to the last. */
export function trailingAxes({ node, inputs }: Pick<Site, "node" | "inputs">): readonly number[] | string {
  const rank = inputs[0].type?.shape?.length;
  if (rank === undefined) return "the rank of its operand is not known";
  const axis = resolveAxis(node, intAttribute(node, "axis", -1), rank);
  return range(rank).slice(axis);
}

export const epsilonOf = (node: Node): number => floatAttribute(node, "epsilon", 1e-5);

/** A square root of a mean square, turned into a factor: 1 / √(meanSquare + ε). */
function inverseRoot(b: GraphBuilder, meanSquare: Value, epsilon: number): Value {
  return b.op("Reciprocal", [b.sqrt(b.add(meanSquare, b.scalar(meanSquare, epsilon)))]);
}

export interface Normalised {
  /** (x − mean) / √(variance + ε) */
  readonly unit: Value;
  /** 1 / √(variance + ε), size 1 along the normalised axes. */
  readonly factor: Value;
}

/** `x` normalised over `axes` with population variance (`centred`), or by its root mean square alone. */
export function normalise(b: GraphBuilder, x: Value, axes: readonly number[], epsilon: number, centred: boolean): Normalised {
  const centre = centred ? b.sub(x, b.reduceMean(x, axes)) : x;
  const factor = inverseRoot(b, b.reduceMean(b.mul(centre, centre), axes), epsilon);
  return { unit: b.mul(centre, factor), factor };
}

/** Gradient through the normalisation, from the gradient that arrives at its `unit` result. */
function gradNormalise(b: GraphBuilder, { unit, factor }: Normalised, dUnit: Value, axes: readonly number[], centred: boolean): Value {
  const along = b.mul(unit, b.reduceMean(b.mul(dUnit, unit), axes));
  const rest = b.sub(centred ? b.sub(dUnit, b.reduceMean(dUnit, axes)) : dUnit, along);
  return b.mul(factor, rest);
}

// ── over the last axes ──────────────────────────────────────────────────────────────────────────────────────────────

const layerNormalization = defineOp({
  type: "LayerNormalization",
  since: 17,
  attributes: { axis: "int", epsilon: "float", stash_type: "int" },
  slot: slots([undefined, parameter("scale"), parameter("bias")]),
  infer: ([x], site) => {
    if (x === undefined) return site.node.outputs.map(() => undefined);
    const axes = trailingAxes(site);
    const statistics = typeof axes === "string" ? undefined : x.shape?.map((d, i) => (axes.includes(i) ? 1 : d));
    return [x, tensorType("float32", statistics), tensorType("float32", statistics)].slice(0, site.node.outputs.length);
  },
  unsupportedForm: ({ node }) =>
    node.outputs.slice(1).some((o) => o !== "") ? "it also puts out its mean and deviation, through which no gradient is computed" : undefined,
  // The runtime's own mean and deviation are float32 whatever the input is: they are computed again.
  grad: ({ b, node, inputs, dOutputs }) => {
    const [x, scale] = inputs;
    const axes = range(b.rank(x)).slice(resolveAxis(node, intAttribute(node, "axis", -1), b.rank(x)));
    const normalised = once(() => normalise(b, x, axes, epsilonOf(node), true));
    return [
      () => gradNormalise(b, normalised(), b.mul(dOutputs[0], scale), axes, true),
      () => b.mul(dOutputs[0], normalised().unit),
      () => dOutputs[0],
    ];
  },
  batch: (axes, site) => batchOutside(trailingAxes, "normalises")(axes.slice(0, 1), site),
  docs: "Mean 0 and variance 1 over the last axes of each sample. https://onnx.ai/onnx/operators/onnx__LayerNormalization.html",
});

const rmsNormalization = defineOp({
  type: "RMSNormalization",
  since: 23,
  attributes: { axis: "int", epsilon: "float", stash_type: "int" },
  slot: slots([undefined, parameter("scale")]),
  infer: ([x]) => [x],
  grad: ({ b, node, inputs: [x, scale], dOutputs }) => {
    const axes = range(b.rank(x)).slice(resolveAxis(node, intAttribute(node, "axis", -1), b.rank(x)));
    const normalised = once(() => normalise(b, x, axes, epsilonOf(node), false));
    return [() => gradNormalise(b, normalised(), b.mul(dOutputs[0], scale), axes, false), () => b.mul(dOutputs[0], normalised().unit)];
  },
  batch: (axes, site) => batchOutside(trailingAxes, "normalises")(axes.slice(0, 1), site),
  docs: "Root mean square 1 over the last axes of each sample. https://onnx.ai/onnx/operators/onnx__RMSNormalization.html",
});

// ── over the pixels of channels ─────────────────────────────────────────────────────────────────────────────────────

/** A vector [C] with one size-1 axis behind it for each spatial axis, so that it broadcasts against [N, C, spatial…]. */
export function perChannel(b: GraphBuilder, values: Value, rank: number): Value {
  return b.unsqueeze(values, range(rank - 2).map((i) => i + 1)); // prettier-ignore
}

/** Sum over everything but the channels: [N, C, spatial…] → [C]. */
export function sumPerChannel(b: GraphBuilder, x: Value): Value {
  return b.reduceSum(x, range(b.rank(x)).filter((axis) => axis !== 1), false); // prettier-ignore
}

const imageAxes = ({ inputs }: Site): readonly number[] | string => {
  const rank = inputs[0].type?.shape?.length;
  return rank === undefined ? "the rank of its operand is not known" : range(rank).slice(1);
};

const instanceNormalization = defineOp({
  type: "InstanceNormalization",
  since: 6,
  attributes: { epsilon: "float" },
  slot: slots([undefined, parameter("scale"), parameter("bias")]),
  infer: ([x]) => [x],
  grad: ({ b, node, inputs: [x, scale], dOutputs }) => {
    const rank = b.rank(x);
    const axes = range(rank).slice(2);
    const normalised = once(() => normalise(b, x, axes, epsilonOf(node), true));
    return [
      () => gradNormalise(b, normalised(), b.mul(dOutputs[0], perChannel(b, scale, rank)), axes, true),
      () => sumPerChannel(b, b.mul(dOutputs[0], normalised().unit)),
      () => sumPerChannel(b, dOutputs[0]),
    ];
  },
  batch: (axes, site) => batchOutside(imageAxes, "normalises")(axes.slice(0, 1), site),
  docs: "Mean 0 and variance 1 over the pixels of each channel. https://onnx.ai/onnx/operators/onnx__InstanceNormalization.html",
});

/** [N, C, spatial…] → [N, groups, everything else]. */
function grouped(b: GraphBuilder, x: Value, groups: number): Value {
  return b.reshape(x, [0, groups, -1]);
}

const groupNormalization = defineOp({
  type: "GroupNormalization",
  since: 21,
  attributes: { epsilon: "float", num_groups: "int", stash_type: "int" },
  slot: slots([undefined, parameter("scale"), parameter("bias")]),
  infer: ([x]) => [x],
  grad: ({ b, node, inputs: [x, scale], dOutputs }) => {
    const rank = b.rank(x);
    const groups = intAttribute(node, "num_groups");
    const normalised = once(() => normalise(b, grouped(b, x, groups), [2], epsilonOf(node), true));
    return [
      () => {
        const dUnit = grouped(b, b.mul(dOutputs[0], perChannel(b, scale, rank)), groups);
        return sameTypeAs(b.reshapeLike(gradNormalise(b, normalised(), dUnit, [2], true), x), x);
      },
      () => sumPerChannel(b, b.mul(dOutputs[0], sameTypeAs(b.reshapeLike(normalised().unit, x), x))),
      () => sumPerChannel(b, dOutputs[0]),
    ];
  },
  batch: (axes, site) => batchOutside(imageAxes, "normalises")(axes.slice(0, 1), site),
  upgrades: [
    {
      // Opset 18 had one scale and bias per group, 21 has one per channel.
      to: 21,
      rewrite: (node, context) => {
        const [target, targetNodes] = perGroup(node, context);
        const [scale, scaleNodes] = repeatEach(node.inputs[1], target, context);
        const [bias, biasNodes] = repeatEach(node.inputs[2], target, context);
        return [...targetNodes, ...scaleNodes, ...biasNodes, { ...node, inputs: [node.inputs[0], scale, bias] }];
      },
    },
  ],
  docs: "Mean 0 and variance 1 over groups of channels. https://onnx.ai/onnx/operators/onnx__GroupNormalization.html",
});

function helperNode(opType: string, inputs: readonly string[], output: string, attributes: Node["attributes"] = new Map()): Node {
  return { name: output, opType, domain: "", inputs, outputs: [output], attributes };
}

/** The vector [1, channels per group], computed where the number of channels is known only at run time. */
function perGroup(node: Node, { constant, facts, fresh }: UpgradeContext): readonly [string, readonly Node[]] {
  const groups = intAttribute(node, "num_groups");
  const channels = facts(node.inputs[0]).type?.shape?.[1];
  const each = channels === undefined ? undefined : divideExactly(channels, groups);
  if (typeof each === "number") return [constant(tensorOf("int64", [1, each])), []];
  const [asked, quotient, target] = ["channels", "each", "layout"].map((part) => fresh(`${node.outputs[0]}_${part}`));
  const second = new Map([["start", attribute(1)], ["end", attribute(2)]]); // prettier-ignore
  return [
    target,
    [
      helperNode("Shape", [node.inputs[0]], asked, second),
      helperNode("Div", [asked, constant(tensorOf("int64", [groups]))], quotient),
      helperNode("Concat", [constant(tensorOf("int64", [1])), quotient], target, new Map([["axis", attribute(0)]])),
    ],
  ];
}

/** [a, b] → [a, a, b, b]: one value per group becomes one per channel. `target` is [1, channels per group]. */
function repeatEach(values: string, target: string, { constant, fresh }: UpgradeContext): readonly [string, readonly Node[]] {
  const [column, rows, flat] = ["column", "rows", "per_channel"].map((part) => fresh(`${values}_${part}`));
  return [
    flat,
    [
      helperNode("Reshape", [values, constant(tensorOf("int64", [-1, 1]))], column),
      helperNode("Expand", [column, target], rows),
      helperNode("Reshape", [rows, constant(tensorOf("int64", [-1]))], flat),
    ],
  ];
}

// ── by a norm ───────────────────────────────────────────────────────────────────────────────────────────────────────

const lpNormalization = defineOp({
  type: "LpNormalization",
  since: 1,
  attributes: { axis: "int", p: "int" },
  infer: ([x]) => [x],
  // A vector of zeros stays one, and its gradient is 0.
  grad: ({ b, node, inputs: [x], outputs: [y], dOutputs }) => [
    () => {
      const axis = [resolveAxis(node, intAttribute(node, "axis", -1), b.rank(x))];
      const [dy] = dOutputs;
      const squared = intAttribute(node, "p", 2) === 2;
      const norm = squared ? b.sqrt(b.reduceSum(b.mul(x, x), axis)) : b.reduceSum(b.op("Abs", [x]), axis);
      const direction = squared ? y : b.op("Sign", [x]);
      const isZero = b.equal(norm, b.zero(norm));
      const gradient = b.div(b.sub(dy, b.mul(direction, b.reduceSum(b.mul(dy, y), axis))), b.where(isZero, b.one(norm), norm));
      return b.where(isZero, b.zero(norm), gradient);
    },
  ],
  batch: batchOutside(({ node, inputs }) => {
    const rank = inputs[0].type?.shape?.length;
    return rank === undefined ? "the rank of its operand is not known" : [resolveAxis(node, intAttribute(node, "axis", -1), rank)];
  }, "normalises"),
  docs: "Divides vectors along an axis by their L1 or L2 norm. https://onnx.ai/onnx/operators/onnx__LpNormalization.html",
});

export const normalizations = [layerNormalization, rmsNormalization, instanceNormalization, groupNormalization, lpNormalization];
