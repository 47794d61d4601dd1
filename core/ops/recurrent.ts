// Recurrent layers: LSTM, GRU and RNN. Their weights are parameters; gradients through time are not taken.

import { intAttribute, stringAttribute } from "../graph/attributes.js";
import { formatShape, unknownDim } from "../graph/dims.js";
import type { AttributeType, Dim, Node, TensorType } from "../graph/types.js";
import { range } from "./axes.js";
import { batchSize, parameter, slots, type BatchAxis, type BatchRule, type InferRule, type OpDefinition } from "./define.js";
import { family, onnxPage } from "./frozen-only.js";
import { repeatForBatch, type Unrepeated } from "./repeat-for-batch.js";
import { tensorType } from "./rules.js";

const recurrent = family({ grad: { unsupported: "gradients through recurrent layers are not taken" }, page: onnxPage });

const attributes: Readonly<Record<string, AttributeType>> = {
  activation_alpha: "floats",
  activation_beta: "floats",
  activations: "strings",
  clip: "float",
  direction: "string",
  hidden_size: "int",
  layout: "int",
};

/** X `[time, batch, in]` gives Y `[time, directions, batch, hidden]` and the last states `[directions, batch, hidden]`; batch first in layout 1. */
const inferRecurrent: InferRule = ([x, , r], { node }) => {
  if (x === undefined) return node.outputs.map((): TensorType | undefined => undefined);
  const hidden: Dim = node.attributes.has("hidden_size") ? intAttribute(node, "hidden_size") : (r?.shape?.[2] ?? unknownDim());
  const directions = stringAttribute(node, "direction", "forward") === "bidirectional" ? 2 : 1;
  const batchFirst = intAttribute(node, "layout", 0) === 1;
  const [time, batch] = batchFirst ? [x.shape?.[1], x.shape?.[0]] : [x.shape?.[0], x.shape?.[1]];
  const sizes = [time ?? unknownDim(), directions, batch ?? unknownDim(), hidden];
  const all = batchFirst ? [sizes[2], sizes[0], directions, hidden] : sizes;
  const last = batchFirst ? [sizes[2], directions, hidden] : [directions, sizes[2], hidden];
  return node.outputs.map((_, i) => tensorType(x.dtype, i === 0 ? all : last));
};

/** Where the batch lies in X, W, R, B, sequence_lens, initial_h, initial_c, P; weights have none. */
function expectedAxes(node: Node): readonly number[] {
  return intAttribute(node, "layout", 0) === 1 ? [0, -1, -1, -1, 0, 0, 0, -1] : [1, -1, -1, -1, 0, 1, 1, -1];
}

/** States and lengths that do not vary with the samples. */
function fixedStates(axes: readonly (BatchAxis | undefined)[], node: Node): readonly Unrepeated[] {
  const expected = expectedAxes(node);
  return range(axes.length).flatMap((i) => (i > 0 && axes[i] === undefined && expected[i] >= 0 ? [{ input: i, axis: expected[i] }] : []));
}

const batchRecurrent: BatchRule = (axes, { node, inputs, batch }) => {
  const batchFirst = intAttribute(node, "layout", 0) === 1;
  const expected = expectedAxes(node);
  const wrong = axes.findIndex((axis, i) => axis !== undefined && axis.axis !== expected[i]);
  if (wrong >= 0) return wrong === 0 ? "steps along the axis of the batch" : "an operand holds the batch at an axis of its own";
  const [x] = axes;
  if (x === undefined) return "its states depend on the samples, its input does not";
  const size = batchSize(x, batch);
  const baked = fixedStates(axes, node).map(({ input, axis }) => [inputs[input].type?.shape, axis] as const);
  const [state] = baked.find(([shape, axis]) => shape !== undefined && shape[axis] !== size) ?? [];
  if (state !== undefined) return `bakes the batch size in: starts from states of shape ${formatShape(state)}`;
  return node.outputs.map((_, i) => ({ ...x, axis: batchFirst ? 0 : i === 0 ? 2 : 1 }));
};

const freeRecurrent: OpDefinition["freeBatch"] = (axes, site, context) => {
  const [axis] = axes;
  return axis && repeatForBatch(site, context, { input: 0, axis }, fixedStates(axes, site.node));
};

const shared = { infer: inferRecurrent, batch: batchRecurrent, freeBatch: freeRecurrent };
const weights = [undefined, parameter("weight"), parameter("recurrence"), parameter("bias")];

export const recurrences = [
  recurrent("LSTM", "Long short-term memory.", {
    ...shared,
    attributes: { ...attributes, input_forget: "int" },
    slot: slots([...weights, undefined, undefined, undefined, parameter("peephole")]),
  }),
  recurrent("GRU", "Gated recurrent units.", { ...shared, attributes: { ...attributes, linear_before_reset: "int" }, slot: slots(weights) }),
  recurrent("RNN", "A plain recurrent layer.", { ...shared, attributes, slot: slots(weights) }),
];
