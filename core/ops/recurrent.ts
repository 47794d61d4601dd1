// Recurrent layers: LSTM, GRU and RNN. Their weights are parameters; gradients through time are not taken.

import { intAttribute, stringAttribute } from "../graph/attributes.js";
import { unknownDim } from "../graph/dims.js";
import type { AttributeType, Dim, TensorType } from "../graph/types.js";
import { parameter, slots, type BatchRule, type InferRule } from "./define.js";
import { family, onnxPage } from "./frozen-only.js";
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

const batchRecurrent: BatchRule = (axes, { node }) => {
  const batchFirst = intAttribute(node, "layout", 0) === 1;
  // Where the batch lies in X, W, R, B, sequence_lens, initial_h, initial_c, P; weights have none.
  const expected = batchFirst ? [0, -1, -1, -1, 0, 0, 0, -1] : [1, -1, -1, -1, 0, 1, 1, -1];
  const wrong = axes.findIndex((axis, i) => axis !== undefined && axis.axis !== expected[i]);
  if (wrong >= 0) return wrong === 0 ? "steps along the axis of the batch" : "an operand holds the batch at an axis of its own";
  const [x] = axes;
  if (x === undefined) return "its states depend on the samples, its input does not";
  return node.outputs.map((_, i) => ({ ...x, axis: batchFirst ? 0 : i === 0 ? 2 : 1 }));
};

const shared = { infer: inferRecurrent, batch: batchRecurrent };
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
