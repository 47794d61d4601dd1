// Losses: graphs that compare a model's output with what it should be. Where the numbers come from, and how gradients are made, is not
// decided here.

import * as errors from "../errors.js";
import { intAttribute } from "../graph/attributes.js";
import { GraphBuilder, type Value } from "../graph/builder.js";
import { producers } from "../graph/traverse.js";
import { tensorOf } from "../graph/tensor.js";
import type { DType, Graph, Node, Shape, TensorType } from "../graph/types.js";
import { validate } from "../graph/validate.js";
import type { Facts } from "../ops/define.js";
import { definitionOf } from "../ops/index.js";
import { inferNode } from "../ops/infer.js";

export interface Loss {
  readonly type: "crossEntropy" | "distillation" | "binaryCrossEntropy" | "meanSquaredError" | "meanAbsoluteError" | "huber";
  /** The model's output that is compared; needed where it has several. */
  readonly output?: string;
  /** Cross-entropy: share of each target that is spread evenly over all classes; 0 by default. */
  readonly labelSmoothing?: number;
  /** Cross-entropy: what a sample of each class counts, all above 0; 1 by default. */
  readonly classWeights?: readonly number[];
  /** Targets are mixtures: shares of each class in place of a class, or labels between 0 and 1. */
  readonly mixedTargets?: boolean;
  /** Distillation: what both sides' logits are divided by; 2 by default. */
  readonly temperature?: number;
  /** Distillation: share of the teacher in the loss, the labels have the rest; 0.5 by default. */
  readonly alpha?: number;
  /** Distillation: the value that holds the teacher's logits. */
  readonly teacher?: string;
  /** Huber: difference from where on the loss grows linearly; 1 by default. */
  readonly delta?: number;
}

export interface AttachedLoss {
  /** The graph with the loss behind it: one more input, one more output. */
  readonly graph: Graph;
  /** The scalar. */
  readonly loss: string;
  /** The loss of each sample, `[batch]`; under class weights already multiplied by the sample's. */
  readonly perSample: string;
  /** The value that is compared: logits under both cross-entropies and distillation. */
  readonly input: string;
  /** The model's output, for metrics. */
  readonly prediction: string;
  /** What each step feeds: class indices `[batch]` (int64), or values (0 or 1 for labels) in the output's shape. */
  readonly target: { readonly name: string; readonly dtype: DType; readonly shape: Shape };
}

/**
 * The output that a loss is taken of: the only one, or the one that `loss.output` names.
 * @throws recipe/loss-output
 */
export function lossOutput(graph: Graph, { output }: Pick<Loss, "output">): string {
  const names = graph.outputs.map((o) => o.name);
  if (output === undefined ? names.length !== 1 : !names.includes(output)) throw errors.lossOutput(output, names);
  return output ?? names[0];
}

/**
 * The value that a loss on `output` compares: under cross-entropy and distillation what a final Softmax or LogSoftmax reads, under binary
 * cross-entropy what a final Sigmoid reads, else the output itself. `graph` is in the internal opset's form.
 * @throws recipe/loss for cross-entropy of independent probabilities or of probabilities along another axis, and for binary
 * cross-entropy of probabilities that exclude each other
 */
export function lossInput(graph: Graph, output: string, { type }: Loss): string {
  if (type !== "crossEntropy" && type !== "distillation" && type !== "binaryCrossEntropy") return output;
  const node = directProducer(graph, output);
  const activation = node === undefined ? undefined : definitionOf(node)?.activation;
  if (node === undefined || activation === undefined) return output;
  const independent = activation === "independentProbabilities";
  if (independent !== (type === "binaryCrossEntropy"))
    throw errors.unfitLoss(
      `${type} takes logits, but "${output}" comes from ${errors.describeNode(node)}, ` +
        `whose outputs are ${independent ? "independent probabilities" : "probabilities of classes that exclude each other"}`,
      `Use ${independent ? "binaryCrossEntropy with a label column for each output" : "crossEntropy"}, or attach a new head before it.`,
    );
  if (independent) return node.inputs[0];
  const axis = intAttribute(node, "axis", -1);
  if (axis !== -1 && axis !== 1)
    throw errors.unfitLoss(`${type} compares classes along axis 1, but ${errors.describeNode(node)} normalises along axis ${axis}`);
  return node.inputs[0];
}

/** The node that makes a value, past nodes that hand it on unchanged. */
function directProducer(graph: Graph, value: string): Node | undefined {
  const makers = producers(graph);
  let node = makers.get(value);
  while (node !== undefined && definitionOf(node)?.handsOn === true) node = makers.get(node.inputs[0]);
  return node;
}

/**
 * Attaches a loss to one output of a graph in the internal opset's form. Cross-entropy: the mean over the batch of −log softmax(logits) at
 * the label, see `crossEntropy` for smoothing and weights; distillation: see there. The others: the mean over all elements. Half floats
 * are compared in float32.
 * @throws recipe/loss where the output is not [batch, classes], or the weights are not one a class; see `lossInput`
 */
export function attachLoss(graph: Graph, output: string, loss: Loss, facts: ReadonlyMap<string, Facts>): AttachedLoss {
  const name = lossInput(graph, output, loss);
  const b = new GraphBuilder(graph, inferNode);
  const compared = valueOf(name, facts);
  const half = compared.type.dtype === "float16" || compared.type.dtype === "bfloat16";
  b.scope = loss.type;
  const inFloat32 = (value: Value): Value => (half ? b.cast(value, "float32") : value);
  const input = inFloat32(compared);
  const teacher = loss.teacher === undefined ? undefined : inFloat32(valueOf(loss.teacher, facts));
  const built = builders[loss.type](b, input, output, loss, teacher);
  const base = graph.outputs.map(({ name: listed }) => ({ name: listed, type: facts.get(listed)?.type }));
  const finished = b.finish(undefined, [built.target]);
  return {
    graph: validate({ ...finished, outputs: [...base, { name: built.loss.name, type: built.loss.type }] }),
    loss: built.loss.name,
    perSample: built.perSample.name,
    input: name,
    prediction: output,
    target: { name: built.target.name, dtype: built.target.type.dtype, shape: built.target.type.shape ?? [] },
  };
}

interface BuiltLoss {
  readonly loss: Value;
  readonly perSample: Value;
  readonly target: Value;
}

type LossBuilder = (b: GraphBuilder, input: Value, output: string, loss: Loss, teacher?: Value) => BuiltLoss;

/**
 * With weight w_y of the label's class, smoothing ε and C classes, a sample's loss is −(1 − ε)·w_y·log p_y − ε ⁄ C·Σ_c w_c·log p_c; the
 * loss is their sum over Σ w_y of the batch. Labels pick their class by comparison with 0 … C − 1, so that no scatter is needed on the
 * way back. Source: torch.nn.CrossEntropyLoss, https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
 */
const crossEntropy: LossBuilder = (b, logits, output, { labelSmoothing = 0, classWeights, mixedTargets = false }) => {
  const { dtype, shape } = logits.type;
  const classes = shape?.[1];
  if (shape?.length !== 2 || typeof classes !== "number") throw errors.lossShape(output, "[batch, classes]", shape);
  if (classWeights !== undefined && classWeights.length !== classes) throw errors.classWeights(classes, classWeights.length);
  const weights = classWeights && b.constant(tensorOf(dtype, [...classWeights], [1, classes]), "class_weights");
  const logProbabilities = b.op("LogSoftmax", [logits], { attributes: { axis: 1 } });
  const weighted = weights === undefined ? logProbabilities : b.mul(weights, logProbabilities);
  if (mixedTargets) return ofShares(b, logits, { weights, weighted, labelSmoothing });
  const target = b.input("labels", { kind: "tensor", dtype: "int64", shape: [shape[0]] });
  const indices = b.constant(tensorOf("int64", Array.from({ length: classes }, (_, c) => c), [1, classes]), "classes"); // prettier-ignore
  const isLabel = b.equal(b.unsqueeze(target, [1]), indices);
  const spread = labelSmoothing / classes;
  const picked =
    labelSmoothing === 0
      ? b.where(isLabel, weighted, b.zero(logits))
      : b.mul(b.where(isLabel, b.scalar(logits, 1 - labelSmoothing + spread), b.scalar(logits, spread)), weighted);
  const perSample = b.neg(b.reduceSum(picked, [1], false));
  if (weights === undefined) return { loss: b.reduceMean(perSample, [0], false), perSample, target };
  const total = b.reduceSum(b.where(isLabel, weights, b.zero(logits)), undefined, false);
  return { loss: b.div(b.reduceSum(perSample, undefined, false), total), perSample, target };
};

interface WeightedLogits {
  readonly weights: Value | undefined;
  /** Logarithms of the probabilities, times the weights. */
  readonly weighted: Value;
  readonly labelSmoothing: number;
}

/** Cross-entropy where a target is the shares t_c of the classes in a sample: −Σ_c ((1 − ε)·t_c + ε ⁄ C)·w_c·log p_c over Σ_c t_c·w_c. */
function ofShares(b: GraphBuilder, logits: Value, { weights, weighted, labelSmoothing }: WeightedLogits): BuiltLoss {
  const { dtype, shape } = logits.type;
  const target = b.input("labels", { kind: "tensor", dtype, shape: shape ?? [] });
  const spread = labelSmoothing / Number(shape?.[1]);
  const smoothed = labelSmoothing === 0 ? target : b.add(b.mul(b.scalar(logits, 1 - labelSmoothing), target), b.scalar(logits, spread));
  const perSample = b.neg(b.reduceSum(b.mul(smoothed, weighted), [1], false));
  if (weights === undefined) return { loss: b.reduceMean(perSample, [0], false), perSample, target };
  const total = b.reduceSum(b.mul(target, weights), undefined, false);
  return { loss: b.div(b.reduceSum(perSample, undefined, false), total), perSample, target };
}

/**
 * With student logits s, teacher logits t, temperature T and share α, a sample's loss is α·T²·KL(softmax(t ⁄ T) ‖ softmax(s ⁄ T)) +
 * (1 − α)·crossEntropy(s, label): T² keeps the first part's gradients as large under any temperature. The loss is their mean.
 * Source: Hinton, Vinyals and Dean 2015, section 2, https://arxiv.org/abs/1503.02531
 */
const distillation: LossBuilder = (b, logits, output, { temperature = 2, alpha = 0.5, mixedTargets = false }, teacher) => {
  const hard = crossEntropy(b, logits, output, { type: "crossEntropy", mixedTargets });
  const [classes, taught] = [logits, teacher].map((value) => value?.type.shape?.[1]);
  if (teacher === undefined || (typeof taught === "number" && taught !== classes)) throw errors.teacherClasses(output, classes, taught);
  const softened = (op: string, value: Value): Value => b.op(op, [b.mul(value, b.scalar(value, 1 / temperature))], { attributes: { axis: 1 } });
  const difference = b.sub(softened("LogSoftmax", teacher), softened("LogSoftmax", logits));
  const divergence = b.reduceSum(b.mul(softened("Softmax", teacher), difference), [1], false);
  const soft = b.mul(b.scalar(divergence, alpha * temperature ** 2), divergence);
  const perSample = b.add(soft, b.mul(b.scalar(divergence, 1 - alpha), hard.perSample));
  return { loss: b.reduceMean(perSample, [0], false), perSample, target: hard.target };
};

/**
 * −log sigmoid(x) where a label is 1, −log(1 − sigmoid(x)) where it is 0: both are softplus((1 − 2·label)·x), which neither overflows nor
 * loses digits. Source: torch.nn.BCEWithLogitsLoss, https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html
 */
const binaryCrossEntropy: LossBuilder = (b, logits, output, { mixedTargets = false }) => {
  const { dtype, shape } = logits.type;
  if (shape?.length !== 2) throw errors.lossShape(output, "[batch, labels]", shape);
  const target = b.input("targets", { kind: "tensor", dtype, shape });
  if (mixedTargets) {
    // Each of the two losses in its share.
    const holds = b.mul(target, b.op("Softplus", [b.neg(logits)]));
    const doesNot = b.mul(b.sub(b.one(logits), target), b.op("Softplus", [logits]));
    return { ...meanOverElements(b, b.add(holds, doesNot)), target };
  }
  const away = b.sub(b.one(logits), b.mul(b.scalar(logits, 2), target));
  return { ...meanOverElements(b, b.op("Softplus", [b.mul(away, logits)])), target };
};

/** A loss of each element's difference from its target. */
function ofDifference(penalty: (b: GraphBuilder, difference: Value, loss: Loss) => Value): LossBuilder {
  return (b, prediction, output, loss) => {
    const { dtype, shape } = prediction.type;
    if (shape === undefined || shape.length === 0) throw errors.lossShape(output, "[batch, …]", shape);
    const target = b.input("targets", { kind: "tensor", dtype, shape });
    return { ...meanOverElements(b, penalty(b, b.sub(prediction, target), loss)), target };
  };
}

const builders: Readonly<Record<Loss["type"], LossBuilder>> = {
  crossEntropy,
  distillation,
  binaryCrossEntropy,
  meanSquaredError: ofDifference((b, difference) => b.mul(difference, difference)),
  meanAbsoluteError: ofDifference((b, difference) => b.op("Abs", [difference])),
  // With c the difference d within ±δ, c·(d − c ⁄ 2) is d² ⁄ 2 inside and δ·(|d| − δ ⁄ 2) outside: torch.nn.HuberLoss,
  // https://docs.pytorch.org/docs/stable/generated/torch.nn.HuberLoss.html
  huber: ofDifference((b, difference, { delta = 1 }) => {
    const within = b.op("Clip", [difference, b.scalar(difference, -delta), b.scalar(difference, delta)]);
    return b.mul(within, b.sub(difference, b.mul(within, b.scalar(difference, 0.5))));
  }),
};

/** Mean over all elements, and over those of each sample. */
function meanOverElements(b: GraphBuilder, losses: Value): Pick<BuiltLoss, "loss" | "perSample"> {
  const rest = (losses.type.shape ?? []).map((_, axis) => axis).slice(1);
  return { loss: b.reduceMean(losses, undefined, false), perSample: b.reduceMean(losses, rest, false) };
}

function valueOf(name: string, facts: ReadonlyMap<string, Facts>): Value {
  const type: TensorType | undefined = facts.get(name)?.type;
  if (type === undefined) throw errors.lossShape(name, "a tensor whose type is known", undefined);
  return { name, type };
}
