// BatchNormalization with its stored statistics, and the plain arithmetic that it becomes where its statistics are the batch's own.

import * as errors from "../errors.js";
import { attribute, floatAttribute, intAttribute } from "../graph/attributes.js";
import type { GraphBuilder, Value } from "../graph/builder.js";
import { tensorOf } from "../graph/tensor.js";
import type { Node } from "../graph/types.js";
import { batchOutside, range } from "./axes.js";
import { buffer, defineOp, type BatchStatistics, parameter, slots, type Upgrade, type UpgradeContext } from "./define.js";
import { once, perChannel, sumPerChannel } from "./normalization.js";

/** 1 / √(variance + ε), per channel. */
function inverseDeviation(b: GraphBuilder, variance: Value, node: Node): Value {
  return b.op("Reciprocal", [b.sqrt(b.add(variance, b.scalar(variance, floatAttribute(node, "epsilon", 1e-5))))]);
}

/** Opset 7 and 8: `spatial` 0 keeps statistics per pixel, for which there is no later form but plain arithmetic. */
const perPixelForm: Upgrade = {
  to: 9,
  rewrite: (node, context) => {
    const attributes = new Map([...node.attributes].filter(([name]) => name !== "spatial"));
    if (intAttribute(node, "spatial", 1) === 0) return perPixel(node, context);
    return [{ ...node, attributes }];
  },
};

/** Adds a node and answers its output. */
type Add = (opType: string, inputs: readonly string[], output?: string) => string;

function adder(node: Node, { fresh }: UpgradeContext): { readonly nodes: readonly Node[]; readonly add: Add } {
  const nodes: Node[] = [];
  const add: Add = (opType, inputs, output = fresh(`${node.outputs[0]}_${opType.toLowerCase()}`)) => {
    nodes.push({ name: output, opType, domain: "", inputs, outputs: [output], attributes: new Map() });
    return output;
  };
  return { nodes, add };
}

/** √(variance + ε) */
function addDeviation(add: Add, variance: string, node: Node, { constant, facts }: UpgradeContext): string {
  const dtype = facts(node.inputs[0]).type?.dtype ?? "float32";
  return add("Sqrt", [add("Add", [variance, constant(tensorOf(dtype, [floatAttribute(node, "epsilon", 1e-5)], []))])]);
}

function perPixel(node: Node, context: UpgradeContext): readonly Node[] {
  const [x, scale, bias, mean, variance] = node.inputs;
  const { nodes, add } = adder(node, context);
  const unit = add("Div", [add("Sub", [x, mean]), addDeviation(add, variance, node, context)]);
  add("Add", [add("Mul", [unit, scale]), bias], node.outputs[0]);
  return nodes;
}

/** Mean and population variance over everything but the channels, and the normalisation by them. */
function withBatchStatistics(node: Node, context: UpgradeContext): BatchStatistics {
  const [x, scale, bias, meanBuffer, varBuffer] = node.inputs;
  const rank = context.facts(x).type?.shape?.length;
  if (rank === undefined) throw errors.unknownRank(node, x);
  const { nodes, add } = adder(node, context);
  const vector = (values: readonly number[]): string => context.constant(tensorOf("int64", values));
  const others = vector(range(rank).filter((axis) => axis !== 1));
  const perChannelOf = (values: string): string => (rank === 2 ? values : add("Unsqueeze", [values, vector(range(rank - 2).map((i) => i + 1))]));
  const mean = add("ReduceMean", [x, others]);
  const centred = add("Sub", [x, mean]);
  const variance = add("ReduceMean", [add("Mul", [centred, centred]), others]);
  const unit = add("Div", [centred, addDeviation(add, variance, node, context)]);
  add("Add", [add("Mul", [unit, perChannelOf(scale)]), perChannelOf(bias)], node.outputs[0]);
  const batchMean = add("Squeeze", [mean, others]);
  const batchVar = add("Squeeze", [variance, others]);
  return { nodes, meanBuffer, varBuffer, batchMean, batchVar, momentum: floatAttribute(node, "momentum", 0.9) };
}

/** Before opset 14 the extra outputs said that the node trains; their attribute does since, and the saved statistics are gone. */
const trainingBecomesAttribute: Upgrade = {
  to: 14,
  rewrite: (node) => {
    const trains = node.outputs.slice(1).some((o) => o !== "");
    if (!trains) return [{ ...node, outputs: node.outputs.slice(0, 1) }];
    return [{ ...node, outputs: node.outputs.slice(0, 3), attributes: new Map([...node.attributes, ["training_mode", attribute(1)]]) }];
  },
};

/** Up to opset 13 extra outputs say that the node trains, an attribute since; opset 7 and 8 know no other sign. */
function withStoredStatistics(node: Node): Node {
  const trains = node.outputs.slice(1).some((o) => o !== "") || intAttribute(node, "training_mode", 0) !== 0;
  const attributes = new Map([...node.attributes].filter(([name]) => name !== "training_mode"));
  return trains ? { ...node, outputs: node.outputs.slice(0, 1), attributes } : node;
}

const batchNormalization = defineOp({
  type: "BatchNormalization",
  since: 15,
  attributes: { epsilon: "float", momentum: "float", training_mode: "int", spatial: "int", is_test: "int" },
  slot: slots([undefined, parameter("scale"), parameter("bias"), buffer("mean"), buffer("var")]),
  infer: ([x, , , mean, variance], { node }) => [x, mean, variance].slice(0, node.outputs.length),
  unsupportedForm: ({ node, inputs }) => {
    if (intAttribute(node, "training_mode", 0) !== 0)
      return "it computes statistics of the batch, which have to be composed from plain operators first";
    return (inputs[0].type?.shape?.length ?? 2) < 2 ? "its operand has no axis of channels" : undefined;
  },
  grad: ({ b, node, inputs: [x, scale, , mean, variance], dOutputs }) => {
    const rank = b.rank(x);
    const factor = once(() => inverseDeviation(b, variance, node));
    const centred = once(() => b.sub(x, perChannel(b, mean, rank)));
    const dScale = once(() => b.mul(sumPerChannel(b, b.mul(dOutputs[0], centred())), factor()));
    const dBias = once(() => sumPerChannel(b, dOutputs[0]));
    const minusHalf = (like: Value): Value => b.scalar(like, -0.5);
    return [
      () => b.mul(dOutputs[0], perChannel(b, b.mul(scale, factor()), rank)),
      dScale,
      dBias,
      () => b.neg(b.mul(dBias(), b.mul(scale, factor()))),
      () => b.mul(b.mul(dScale(), b.mul(scale, b.mul(factor(), factor()))), minusHalf(scale)),
    ];
  },
  batch: (axes, site) => {
    if (axes.slice(1).some((axis) => axis !== undefined)) return "its scale or statistics depend on the samples";
    if (intAttribute(site.node, "training_mode", 0) !== 0) return "computes statistics over the batch";
    return batchOutside(() => [1], "normalises")(axes.slice(0, 1), site);
  },
  inTraining: "batchStatistics",
  inferenceForm: withStoredStatistics,
  batchStatistics: withBatchStatistics,
  upgrades: [perPixelForm, trainingBecomesAttribute],
  docs: "Normalises channels by stored statistics. https://onnx.ai/onnx/operators/onnx__BatchNormalization.html",
});

export const batchNormalizations = [batchNormalization];
