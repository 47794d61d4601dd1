// The two programs of a phase, compiled per batch size: a training step (loss, prediction, gradients) and an evaluation (loss, prediction).
// Both run the trainable suffix; everything about operators stays in the passes they are made with.

import { gradients } from "../autodiff/gradients.js";
import * as errors from "../errors.js";
import { isStatic } from "../graph/dims.js";
import type { DType, Graph, Node, TensorType } from "../graph/types.js";
import { attachLoss, type AttachedLoss, type Loss } from "../nn/losses.js";
import { inferGraph } from "../ops/infer.js";
import { fasterKernels } from "../ops/kernels.js";
import { spelledOut } from "../ops/recognise.js";
import { useBatchStatistics } from "../passes/batch-norm.js";
import { activateDropout, deactivateDropout, type DropoutMask } from "../passes/dropout.js";
import { leavesLast } from "../passes/leaves-last.js";
import { mergeEqual } from "../passes/merge-equal.js";
import { prune } from "../passes/prune.js";
import { rewriteGraph } from "../passes/rewrite.js";
import { bindInputs } from "../passes/specialise.js";
import { lowerStops } from "../passes/stop-gradient.js";
import type { Executor, HostTensor, Program } from "../runtime/executor.js";
import { hostTensor } from "../runtime/host-tensor.js";
import type { FeatureValue } from "./features.js";

/** What the two programs are made from; see `phase-graph.ts`. */
export interface SuffixPlan {
  /** In the internal opset and float32; reads the boundary, the trainable tensors and the moving statistics as inputs. */
  readonly suffix: Graph;
  /** The model's output that the loss looks at. */
  readonly output: string;
  readonly loss: Loss;
  /** Training samples are mixed, and so are their targets. */
  readonly mixed?: boolean;
  readonly boundary: readonly FeatureValue[];
  readonly trainable: readonly string[];
  readonly hasActiveDropout: (node: Node) => boolean;
  readonly usesBatchStatistics: (node: Node) => boolean;
}

/** A dropout mask that each step feeds: which samples' which elements stay. */
export interface MaskInput {
  readonly input: string;
  /** Name of the value that is masked: keys the random numbers. */
  readonly value: string;
  readonly ratio: number;
  readonly tensor: HostTensor;
}

/** New statistics of a batch, to be mixed into a layer's running ones. */
export interface StatisticsUpdate {
  readonly buffer: string;
  readonly output: string;
  /** Share of the old value that stays (ONNX's convention). */
  readonly momentum: number;
}

/** float32, in the shape of the tensor that it is for. */
export type Gradient = HostTensor & { readonly data: Float32Array };

export interface EvaluationProgram {
  readonly program: Program;
  readonly loss: string;
  readonly prediction: string;
  /** Input that takes class indices or targets. */
  readonly target: AttachedLoss["target"];
  /** Inputs that the program reads; others need not be fed. */
  readonly inputs: ReadonlySet<string>;
}

export interface TrainingProgram extends EvaluationProgram {
  readonly masks: readonly MaskInput[];
  readonly statistics: readonly StatisticsUpdate[];
  /** Memory that each step writes its gradients to, by trainable tensor. */
  readonly gradients: ReadonlyMap<string, Gradient>;
  /** The same memory by the name of the program's output. */
  readonly into: Readonly<Record<string, HostTensor>>;
}

/** Compiles the evaluation of `batchSize` samples, in inference form. @throws run/compile */
export async function compileEvaluation(executor: Executor, plan: SuffixPlan, batchSize: number): Promise<EvaluationProgram> {
  const bound = bindBatch(
    deactivateDropout(plan.suffix, () => true),
    plan.boundary,
    batchSize,
  );
  const attached = attach(bound, plan);
  const whole = prune(lowerStops(attached.graph), [attached.loss, attached.prediction]);
  const graph = rewriteGraph(rewriteGraph(whole, spelledOut), fasterKernels);
  return { program: await executor.compile(graph), ...roles(attached, graph) };
}

/** A training step as a graph, and what its outputs are. Nothing of it depends on a runtime. */
export interface TrainingGraph {
  readonly graph: Graph;
  readonly attached: AttachedLoss;
  /** Output that holds the gradient of each trainable tensor; two may share one. */
  readonly gradients: ReadonlyMap<string, string>;
  readonly masks: readonly DropoutMask[];
  readonly statistics: readonly StatisticsUpdate[];
}

/**
 * The forward suffix in training form, the loss, and the gradient of every trainable tensor; with a batch of any size where none is given.
 * @throws model/no-gradient naming the node and the nearest cut from where training is possible
 */
export function buildTraining(plan: SuffixPlan, batchSize?: number): TrainingGraph {
  const statistics = useBatchStatistics(plan.suffix, plan.usesBatchStatistics);
  const active = activateDropout(statistics.graph, plan.hasActiveDropout);
  const inactive = deactivateDropout(active.graph, () => true);
  const loss = plan.mixed === true ? { ...plan.loss, mixedTargets: true } : plan.loss;
  const bound = batchSize === undefined ? inactive : bindBatch(inactive, plan.boundary, batchSize);
  const updates = statistics.updates.flatMap((u) => [
    { buffer: u.meanBuffer, output: u.batchMean, momentum: u.momentum },
    { buffer: u.varBuffer, output: u.batchVar, momentum: u.momentum },
  ]);
  // Statistics that only the updates read are outputs too: no pass may leave them out.
  const kept = { ...bound, outputs: [...bound.outputs, ...updates.map(({ output }) => ({ name: output, type: undefined }))] };
  const attached = attach(rewriteGraph(kept, spelledOut), { ...plan, loss });
  const derived = gradients(attached.graph, [attached.loss], plan.trainable);
  const outputs = new Map(plan.trainable.flatMap((name, i) => (derived.gradients[i] === undefined ? [] : [[name, derived.gradients[i]] as const])));
  const wanted = [attached.loss, attached.prediction, ...outputs.values(), ...updates.map((u) => u.output)];
  const graph = prune(lowerStops(derived.graph), [...new Set(wanted)]);
  return { graph, attached, gradients: outputs, masks: active.masks, statistics: updates };
}

/** Where the gradient of a trainable tensor is written: the same memory for every batch size. */
export type GradientMemory = (name: string, shape: readonly number[]) => Gradient;

/** Compiles a training step on `batchSize` samples. @throws model/no-gradient; run/compile */
export async function compileTraining(executor: Executor, plan: SuffixPlan, batchSize: number, memory: GradientMemory): Promise<TrainingProgram> {
  const { graph: plain, attached, gradients: outputs, masks, statistics } = buildTraining(plan, batchSize);
  const graph = leavesLast(rewriteGraph(mergeEqual(plain), fasterKernels));
  const facts = inferGraph(graph);
  const typeOf = (name: string): { readonly dtype: DType; readonly shape: readonly number[] } => {
    const type = facts.get(name)?.type;
    if (type === undefined || !isStatic(type.shape)) throw errors.unknownRank({ opType: "value", name, outputs: [name] }, name);
    return { dtype: type.dtype, shape: type.shape };
  };
  const allocate = (name: string): HostTensor => hostTensor(typeOf(name).dtype, typeOf(name).shape);
  const into: Record<string, Gradient> = {};
  for (const [name, output] of outputs) into[output] ??= memory(name, typeOf(output).shape);
  return {
    program: await executor.compile(graph),
    ...roles(attached, graph),
    masks: masks.map(({ input, value, ratio }) => ({ input, value, ratio, tensor: allocate(input) })),
    statistics,
    gradients: new Map([...outputs].map(([name, output]) => [name, into[output]])),
    into,
  };
}

function roles({ loss, prediction, target }: AttachedLoss, graph: Graph): Pick<EvaluationProgram, "loss" | "prediction" | "target" | "inputs"> {
  return { loss, prediction, target, inputs: new Set(graph.inputs.map((i) => i.name)) };
}

/** The suffix for a fixed number of samples: every size is a number from here on. */
function bindBatch(graph: Graph, boundary: readonly FeatureValue[], batchSize: number): Graph {
  const types = new Map(graph.inputs.map(({ name, type }) => [name, type] as const));
  const bound = new Map<string, TensorType>();
  for (const { name, shape } of boundary) {
    const type = types.get(name);
    if (type?.kind === "tensor") bound.set(name, { kind: "tensor", dtype: type.dtype, shape: [batchSize * (shape[0] ?? 1), ...shape.slice(1)] });
  }
  return bindInputs(graph, bound);
}

function attach(graph: Graph, plan: SuffixPlan): AttachedLoss {
  return attachLoss(graph, plan.output, plan.loss, inferGraph(graph, { trustDeclared: false }));
}
