// What the engine knows of an operator, as one record: its form, shape rule, gradient, parameter slots, batch rule and how
// older forms become this one. Everything outside `core/ops` is blind to operator types and asks these records.

import type { GraphBuilder, Value } from "../graph/builder.js";
import { multiply } from "../graph/dims.js";
import type { AttributeType, Dim, Node, Tensor, TensorType } from "../graph/types.js";

/** What is known of a value before anything runs. */
export interface Facts {
  /** Undefined where the type is unknown or not a dense tensor. */
  readonly type: TensorType | undefined;
  /** Elements of a small integer tensor (a shape, axes, bounds) in row-major order, where they are known, possibly as symbolic sizes. */
  readonly ints?: readonly Dim[];
  /** Elements of a small floating vector that the model holds (scales), where they are known. */
  readonly floats?: readonly number[];
}

/** A node in its surroundings. Entries of absent optional inputs have no type. */
export interface Site {
  readonly node: Node;
  readonly inputs: readonly Facts[];
  /** Elements of integer input `i` where all of them are known numbers. */
  readonly numbers: (i: number) => readonly number[] | undefined;
}

/** Output types from input types (undefined: absent, unknown or not a tensor). @throws model/shape where operands cannot fit */
export type InferRule = (types: readonly (TensorType | undefined)[], site: Site) => readonly (TensorType | undefined)[];

/** Known elements of the outputs of integer arithmetic, for shapes that are computed in the graph. */
export type FoldRule = (site: Site) => readonly (readonly Dim[] | undefined)[];

export interface GradientContext {
  readonly b: GraphBuilder;
  readonly node: Node;
  /** Operands; an absent optional one is undefined (`has(i)` tells). */
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Gradient of the loss with respect to each output; one that no gradient reaches is a tensor of zeros, made on first use. */
  readonly dOutputs: readonly Value[];
  readonly has: (input: number) => boolean;
}

/** A gradient for one input: in the shape of the *broadcast* result (the driver sums it back), or none. Thunks run only where needed. */
export type InputGradient = Value | undefined | (() => Value | undefined);
export type GradientRule = (context: GradientContext) => readonly InputGradient[];

/** A rule; `"zero"`: the output does not vary with the inputs (shapes, comparisons); or why there is none. */
export type GradientStance = GradientRule | "zero" | { readonly unsupported: string };

/**
 * Where the samples of a batch lie in a value: along `axis`, whose size is `outer` · batch · `inner`, merged in this order of
 * significance. Undefined for a value that does not depend on the samples.
 */
export interface BatchAxis {
  readonly axis: number;
  readonly outer: Dim;
  readonly inner: Dim;
}

/** An axis that holds the samples and nothing else. */
export function batchAlone(axis: number): BatchAxis {
  return { axis, outer: 1, inner: 1 };
}

export function sameBatch(a: BatchAxis, b: BatchAxis): boolean {
  return a.axis === b.axis && a.outer === b.outer && a.inner === b.inner;
}

/** Size of an axis that holds the samples, for a batch of the given size. */
export function batchSize({ outer, inner }: BatchAxis, batch: Dim): Dim {
  return multiply(multiply(outer, batch), inner);
}

/** Whether a value has one entry per sample along axis 0. */
export function isPerSample(axis: BatchAxis | undefined): boolean {
  return axis !== undefined && sameBatch(axis, batchAlone(0));
}

export interface BatchSite extends Site {
  readonly outputs: readonly Facts[];
  /** Symbol of the batch size. */
  readonly batch: Dim;
}

/** Batch axes of the outputs, or the reason why samples mix or the batch size is baked in. At least one input has an axis. */
export type BatchRule = (axes: readonly (BatchAxis | undefined)[], site: BatchSite) => readonly (BatchAxis | undefined)[] | string;

/** How an input slot holds weights. `operand`: a parameter only where the tensor has more than one element. */
export interface Slot {
  readonly name: string;
  readonly kind: "parameter" | "operand" | "buffer";
}

/** Nodes that do in the form of opset `to` what `node` did in the form before it. Outputs keep their names. */
export interface Upgrade {
  readonly to: number;
  readonly rewrite: (node: Node, context: UpgradeContext) => readonly Node[];
}

export interface UpgradeContext {
  /** Adds an initializer and answers its name. */
  readonly constant: (tensor: Tensor) => string;
  /** A value name that the graph does not use yet. */
  readonly fresh: (hint: string) => string;
  readonly facts: (value: string) => Facts;
}

/** A node that normalises with the batch's own statistics, composed of nodes through which gradients flow. */
export interface BatchStatistics {
  readonly nodes: readonly Node[];
  /** Buffers that hold the running statistics; values [channels] of this batch that belong into them. */
  readonly meanBuffer: string;
  readonly varBuffer: string;
  readonly batchMean: string;
  readonly batchVar: string;
  /** Share of the old value that stays. */
  readonly momentum: number;
}

/** How a dropout node spells what a mask needs to know. */
export interface DropoutForm {
  /** Probability of being dropped; `scalar` reads a constant. Undefined where it is computed when the model runs. */
  readonly ratio: (node: Node, scalar: (value: string) => number | undefined) => number | undefined;
}

export interface OpDefinition {
  readonly type: string;
  /** `""` is ai.onnx. */
  readonly domain: string;
  /** The opset that brought the form that the rules below understand; newer ones up to the internal opset mean the same. */
  readonly since: number;
  /** Attributes of that form and of older ones, with their types. */
  readonly attributes: Readonly<Record<string, AttributeType>>;
  readonly infer: InferRule;
  readonly grad: GradientStance;
  /** Why this node has no gradient although its operator has (an attribute that the rule does not cover). */
  readonly unsupportedForm?: (site: Site) => string | undefined;
  /** Float inputs that are settings: bounds, ratios, sizes. No gradient flows to them, and their tensors are no parameters. */
  readonly settings: readonly number[];
  readonly fold?: FoldRule;
  /** Elements of the output where it is a floating vector made of known ones (scales for an image). */
  readonly foldFloats?: (site: Site) => readonly number[] | undefined;
  readonly slot: (input: number) => Slot | undefined;
  /** Absent: it cannot be told whether samples stay apart. */
  readonly batch?: BatchRule;
  /**
   * What to rewrite so that a baked-in batch of 1 becomes free: the nodes that take the node's place, in operators and forms that every
   * opset from 8 on has, the node itself last. Undefined where nothing has to be rewritten, or nothing can.
   */
  readonly freeBatch?: (axes: readonly (BatchAxis | undefined)[], site: BatchSite, context: UpgradeContext) => readonly Node[] | undefined;
  readonly upgrades: readonly Upgrade[];
  /** The output differs from run to run. */
  readonly random: boolean | ((node: Node) => boolean);
  /** What a node does in training but not in inference: drop elements at random, or normalise with the batch's own statistics. */
  readonly inTraining?: "dropout" | "batchStatistics";
  /** The node as it is outside training, in the form of any opset; the same object where it is already. */
  readonly inferenceForm?: (node: Node) => Node;
  /** The form that `inTraining: "batchStatistics"` announces. */
  readonly batchStatistics?: (node: Node, context: UpgradeContext) => BatchStatistics;
  /** The form that `inTraining: "dropout"` announces. Data is input 0; output 1 is the mask. */
  readonly dropout?: DropoutForm;
  /** Value passes forward, gradient does not. */
  readonly stop: boolean;
  /** A tensor that reaches a parameter slot through this op's input 0, whole or in parts, is that parameter itself (Transpose, Slice). */
  readonly transparent: boolean;
  /** Its output holds input 0's elements as they are, in order, perhaps in another shape or floating type: what an activation gave, it gives. */
  readonly handsOn?: boolean;
  /** For an activation that a loss can take over (Softmax and cross-entropy): what it turns logits into. */
  readonly activation?: "probabilities" | "logProbabilities" | "independentProbabilities";
  /** One sentence for people, and the operator page where the definition stands. */
  readonly docs: string;
}

type Defaulted = "domain" | "attributes" | "settings" | "slot" | "upgrades" | "random" | "stop" | "transparent" | "docs";
export type OpSpecification = Omit<OpDefinition, Defaulted> & Partial<Pick<OpDefinition, Defaulted>>;

/** Completes an operator's record. A specification without a shape rule or a gradient stance does not compile. */
export function defineOp(specification: OpSpecification): OpDefinition {
  return {
    domain: "",
    attributes: {},
    settings: [],
    slot: () => undefined,
    upgrades: [],
    random: false,
    stop: false,
    transparent: false,
    docs: "",
    ...specification,
  };
}

export const parameter = (name: string): Slot => ({ name, kind: "parameter" });
export const operand = (name: string): Slot => ({ name, kind: "operand" });
export const buffer = (name: string): Slot => ({ name, kind: "buffer" });

/** Slots by input index. */
export function slots(list: readonly (Slot | undefined)[]): (input: number) => Slot | undefined {
  return (input) => list[input];
}
