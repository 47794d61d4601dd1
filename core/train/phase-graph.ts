// From the model and a phase's plan to what the phase runs: the marks, the frozen prefix and the trainable suffix with its weights as inputs.

import { analyseFreeze, type MarkedParameter } from "../autodiff/freeze.js";
import { collectParameters, type NodePositions } from "../autodiff/parameters.js";
import type { Graph, Node, ValueInfo } from "../graph/types.js";
import { validate } from "../graph/validate.js";
import { lossInput, type Loss } from "../nn/losses.js";
import { definitionOf } from "../ops/index.js";
import { inferGraph } from "../ops/infer.js";
import { fasterKernels } from "../ops/kernels.js";
import type { BatchAnalysis } from "../passes/batch.js";
import { rewriteGraph } from "../passes/rewrite.js";
import { insertStops } from "../passes/stop-gradient.js";
import { splitAtFrostLine } from "../passes/split.js";
import { upgradeOpset } from "../passes/upgrade-opset.js";
import { hoistConstants } from "../passes/weights.js";
import { inFloat32 } from "../passes/float32.js";
import { applyPlan, requireValue, type PlanResult } from "./plan.js";
import type { Phase } from "./recipe.js";

/** A phase with its plan settled. */
export interface SettledPhase extends Phase {
  readonly freeze: readonly string[];
}

/** What does not change over the phases of a run. */
export interface PhaseContext {
  readonly output: string;
  readonly loss: Loss;
  readonly headPrefix: string | undefined;
  /** Names of the head's dropout nodes: active in training. */
  readonly headDropout: ReadonlySet<string>;
  /** The model's own dropout is active in training too. */
  readonly modelDropout: boolean;
  /** Of the nodes in the base model: parameters are called as `frostline inspect` calls them. */
  readonly positions: NodePositions;
}

export interface MarkedPlan {
  readonly plan: PlanResult;
  readonly marked: readonly MarkedParameter[];
}

export interface PhaseGraph extends MarkedPlan {
  /** Stored names of the tensors that train. */
  readonly trainable: readonly string[];
  /** Running statistics that move (`batchNorm: "update"`). */
  readonly movingStatistics: readonly string[];
  /** In the model's own opset and nodes, but for those that other spellings are faster than. */
  readonly prefix?: Graph;
  readonly boundary: readonly string[];
  readonly suffix: Graph;
  readonly hasActiveDropout: (node: Node) => boolean;
  readonly usesBatchStatistics: (node: Node) => boolean;
}

/**
 * Marks every parameter of the whole model under a phase's plan.
 * @throws recipe/no-match, recipe/unknown-value; whatever the plan refuses
 */
export function markParameters(whole: Graph, phase: SettledPhase, context: PhaseContext): MarkedPlan {
  for (const name of phase.stopGradient) requireValue(whole, name, "stopGradient");
  const parameters = collectParameters(whole, context.positions);
  const plan = applyPlan(phase.freeze, parameters, context.headPrefix === undefined ? {} : { headPrefix: context.headPrefix });
  const stopped = insertStops(upgradeOpset(whole), phase.stopGradient);
  const marked = analyseFreeze(
    stopped,
    [lossInput(stopped, context.output, context.loss)],
    parameters,
    plan.isFrozen,
    inferGraph(stopped, { tolerant: true }),
  );
  return { plan, marked };
}

/** What a phase is built from, with the weights that it starts from in place. */
export interface PhaseModel {
  /** All of the model: parameters are marked in it. */
  readonly whole: Graph;
  /** The part that the loss needs, with a free batch: it is split. */
  readonly graph: Graph;
  /** Of `graph`. */
  readonly batch: BatchAnalysis;
}

/** Splits the model at the frost line of a phase. */
export function buildPhaseGraph({ whole, graph, batch }: PhaseModel, phase: SettledPhase, context: PhaseContext): PhaseGraph {
  const { plan, marked } = markParameters(whole, phase, context);
  const trainable = marked.filter((p) => p.mark === "trainable").map((p) => p.name);
  const trainableLayers = new Set(marked.filter((p) => p.mark === "trainable").flatMap((p) => p.uses.map((use) => use.node.outputs[0])));
  const hasActiveDropout = (node: Node): boolean => context.modelDropout || context.headDropout.has(node.name);
  const usesBatchStatistics = (node: Node): boolean => phase.batchNorm === "update" && trainableLayers.has(node.outputs[0]);
  const active = (node: Node): boolean => {
    const inTraining = definitionOf(node)?.inTraining;
    return (inTraining === "dropout" && hasActiveDropout(node)) || (inTraining === "batchStatistics" && usesBatchStatistics(node));
  };
  const movingStatistics = marked.filter((p) => p.mark === "buffer" && p.uses.some((use) => active(use.node))).map((p) => p.name);
  const inputs = new Set([...trainable, ...movingStatistics]);
  const split = splitAtFrostLine(hoistConstants(graph, inputs), { trainable: inputs, batch, active });
  const suffix = weightsAsInputs(inFloat32(upgradeOpset(split.suffix)), inputs);
  return {
    plan,
    marked,
    trainable,
    movingStatistics,
    ...(split.prefix === undefined ? {} : { prefix: rewriteGraph(split.prefix, fasterKernels) }),
    boundary: split.boundary,
    suffix: insertStops(
      suffix,
      phase.stopGradient.filter((name) => hasValue(suffix, name)),
    ),
    hasActiveDropout,
    usesBatchStatistics,
  };
}

/** Turns initializers into inputs that every run feeds, in the order in which the model has them. */
function weightsAsInputs(graph: Graph, names: ReadonlySet<string>): Graph {
  const initializers = new Map(graph.initializers);
  const added: ValueInfo[] = [];
  for (const [name, { dtype, shape }] of graph.initializers) {
    if (!names.has(name)) continue;
    initializers.delete(name);
    added.push({ name, type: { kind: "tensor", dtype, shape } });
  }
  return validate({ ...graph, initializers, inputs: [...graph.inputs.filter((i) => !names.has(i.name)), ...added] });
}

function hasValue(graph: Graph, name: string): boolean {
  return graph.inputs.some((i) => i.name === name) || graph.nodes.some((node) => node.outputs.includes(name));
}
