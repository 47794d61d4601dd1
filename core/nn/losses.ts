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
  readonly type: "crossEntropy" | "meanSquaredError";
  /** The model's output that is compared; needed where it has several. */
  readonly output?: string;
}

export interface AttachedLoss {
  /** The graph with the loss behind it: one more input, one more output. */
  readonly graph: Graph;
  /** The scalar. */
  readonly loss: string;
  /** The loss of each sample, `[batch]`. */
  readonly perSample: string;
  /** The value that is compared: logits under cross-entropy. */
  readonly input: string;
  /** The model's output, for metrics. */
  readonly prediction: string;
  /** What each step feeds: class indices `[batch]` (int64), or values in the output's shape. */
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
 * The value that a loss on `output` compares: under cross-entropy what a final Softmax or LogSoftmax reads, else the output itself.
 * `graph` is in the internal opset's form.
 * @throws recipe/loss for cross-entropy of independent probabilities, or of probabilities along another axis
 */
export function lossInput(graph: Graph, output: string, { type }: Loss): string {
  if (type !== "crossEntropy") return output;
  const node = directProducer(graph, output);
  const activation = node === undefined ? undefined : definitionOf(node)?.activation;
  if (node === undefined || activation === undefined) return output;
  if (activation === "independentProbabilities")
    throw errors.unfitLoss(
      `crossEntropy takes logits, but "${output}" comes from ${errors.describeNode(node)}, whose outputs are independent probabilities`,
      "Use meanSquaredError, or attach a new head before it.",
    );
  const axis = intAttribute(node, "axis", -1);
  if (axis !== -1 && axis !== 1)
    throw errors.unfitLoss(`crossEntropy compares classes along axis 1, but ${errors.describeNode(node)} normalises along axis ${axis}`);
  return node.inputs[0];
}

/** The node that makes a value, past nodes that hand it on unchanged. */
function directProducer(graph: Graph, value: string): Node | undefined {
  const makers = producers(graph);
  let node = makers.get(value);
  while (node?.opType === "Identity" && node.domain === "") node = makers.get(node.inputs[0]);
  return node;
}

/**
 * Attaches a loss to one output of a graph in the internal opset's form. Cross-entropy: the mean over the batch of −log softmax(logits) at
 * the label. Mean squared error: the mean over all elements. Half floats are compared in float32.
 * @throws recipe/loss where the output is not [batch, classes]; see `lossInput`
 */
export function attachLoss(graph: Graph, output: string, loss: Loss, facts: ReadonlyMap<string, Facts>): AttachedLoss {
  const name = lossInput(graph, output, loss);
  const b = new GraphBuilder(graph, inferNode);
  const compared = valueOf(name, facts);
  const half = compared.type.dtype === "float16" || compared.type.dtype === "bfloat16";
  b.scope = loss.type;
  const input = half ? b.cast(compared, "float32") : compared;
  const built = loss.type === "crossEntropy" ? crossEntropy(b, input, output) : meanSquaredError(b, input, output);
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

/** Labels pick their class by comparison with 0 … C − 1, so that no scatter is needed on the way back. */
function crossEntropy(b: GraphBuilder, logits: Value, output: string): BuiltLoss {
  const { shape } = logits.type;
  const classes = shape?.[1];
  if (shape?.length !== 2 || typeof classes !== "number") throw errors.lossShape(output, "[batch, classes]", shape);
  const target = b.input("labels", { kind: "tensor", dtype: "int64", shape: [shape[0]] });
  const logProbabilities = b.op("LogSoftmax", [logits], { attributes: { axis: 1 } });
  const indices = b.constant(tensorOf("int64", Array.from({ length: classes }, (_, c) => c), [1, classes]), "classes"); // prettier-ignore
  const picked = b.where(b.equal(b.unsqueeze(target, [1]), indices), logProbabilities, b.zero(logits));
  const perSample = b.neg(b.reduceSum(picked, [1], false));
  return { loss: b.reduceMean(perSample, [0], false), perSample, target };
}

function meanSquaredError(b: GraphBuilder, prediction: Value, output: string): BuiltLoss {
  const { dtype, shape } = prediction.type;
  if (shape === undefined || shape.length === 0) throw errors.lossShape(output, "[batch, …]", shape);
  const target = b.input("targets", { kind: "tensor", dtype, shape });
  const difference = b.sub(prediction, target);
  const squares = b.mul(difference, difference);
  const rest = shape.map((_, axis) => axis).slice(1);
  return { loss: b.reduceMean(squares, undefined, false), perSample: b.reduceMean(squares, rest, false), target };
}

function valueOf(name: string, facts: ReadonlyMap<string, Facts>): Value {
  const type: TensorType | undefined = facts.get(name)?.type;
  if (type === undefined) throw errors.lossShape(name, "a tensor whose type is known", undefined);
  return { name, type };
}
