// What a model is, in numbers and names: inputs, outputs, whether its batch is free, parameters with their marks under a plan, operators,
// and what cannot be trained and why. Decided from the file alone: nothing runs, and no runtime is loaded.

import { whyUnsupported } from "../autodiff/flow.js";
import { analyseFreeze, type BlockedReason, type Mark, type MarkedParameter } from "../autodiff/freeze.js";
import { collectParameters } from "../autodiff/parameters.js";
import { subgraphs } from "../graph/attributes.js";
import { isFloat, size } from "../graph/tensor.js";
import { producers } from "../graph/traverse.js";
import type { Dim, Graph, Model, Node, ValueInfo } from "../graph/types.js";
import { readModel } from "../onnx/file.js";
import type { Facts } from "../ops/define.js";
import { inferGraph } from "../ops/infer.js";
import { analyseBatch, type BatchBlock } from "../passes/batch.js";
import { inlineFunctions } from "../passes/inline-functions.js";
import { upgradeOpset } from "../passes/upgrade-opset.js";
import type { MarkTotals } from "./events.js";
import { labelOf, totalsOf } from "./plan-event.js";
import { applyPlan } from "./plan.js";

export interface InspectedValue {
  readonly name: string;
  /** Element type of a tensor; for other kinds of value the kind itself. */
  readonly dtype: string;
  /** Sizes, or their names in the file; null for one that it leaves open without a name. Absent where not even the rank is known. */
  readonly shape?: readonly (number | string | null)[];
}

export interface InspectedParameter {
  readonly name: string;
  readonly path: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly elements: number;
  /** As reports call it: the path's scope, or the stored name's where the nodes have no names that say anything. */
  readonly layer: string;
  readonly kind: "parameter" | "buffer";
  readonly mark: Mark;
  readonly reason?: BlockedReason;
}

export interface UntrainableNode {
  readonly node: string;
  readonly op: string;
  readonly reason: string;
}

export interface InspectReport {
  /** Path of the file as it was given. */
  readonly model: string;
  readonly inputs: readonly InspectedValue[];
  readonly outputs: readonly InspectedValue[];
  readonly batch: { readonly free: boolean; readonly blockedBy?: BatchBlock; readonly proposedCut?: string };
  readonly parameters: readonly InspectedParameter[];
  /** In elements. */
  readonly totals: MarkTotals;
  /** Number of nodes by operator, those of subgraphs included; operators of other domains with the domain in front. */
  readonly ops: Readonly<Record<string, number>>;
  readonly untrainable: readonly UntrainableNode[];
}

export interface InspectOptions {
  /** Plan to mark parameters with (default: none, all are trainable where a gradient reaches them). */
  readonly freeze?: readonly string[];
}

/** Reads and inspects a file. @throws as `readModel` and `inspectModel` */
export async function inspectFile(path: string, options: InspectOptions = {}): Promise<InspectReport> {
  return inspectModel(await readModel(path), path, options);
}

/**
 * Marks hold for a loss that is taken of all outputs.
 * @throws recipe/freeze-rule, recipe/no-match for a plan that does not fit; model/shape
 */
export function inspectModel({ graph: stored }: Model, model: string, { freeze = [] }: InspectOptions = {}): InspectReport {
  const graph = inlineFunctions(stored);
  const parameters = collectParameters(graph);
  const { isFrozen } = applyPlan(freeze, parameters);
  const upgraded = upgradeOpset(graph);
  const facts = inferGraph(upgraded, { tolerant: true });
  const marked = analyseFreeze(upgraded, upgraded.outputs.map((o) => o.name), parameters, isFrozen, facts); // prettier-ignore
  const { free, blockedBy, proposedCut } = analyseBatch(graph);
  return {
    model,
    inputs: graph.inputs.map(describeValue),
    outputs: graph.outputs.map(describeValue),
    batch: { free, ...(blockedBy === undefined ? {} : { blockedBy }), ...(proposedCut === undefined ? {} : { proposedCut }) },
    parameters: marked.map(describeParameter),
    totals: totalsOf(marked),
    ops: countOps(stored),
    untrainable: findUntrainable(graph, upgraded, (name) => facts.get(name) ?? { type: undefined }),
  };
}

function describeValue({ name, type }: ValueInfo): InspectedValue {
  if (type?.kind !== "tensor") return { name, dtype: type?.kind ?? "unknown" };
  return { name, dtype: type.dtype, ...(type.shape === undefined ? {} : { shape: type.shape.map(describeDim) }) };
}

function describeDim(dim: Dim): number | string | null {
  return typeof dim === "string" && (dim === "" || dim.startsWith("?")) ? null : dim;
}

function describeParameter(parameter: MarkedParameter): InspectedParameter {
  const { name, path, dtype, shape, tensor, kind, mark, reason } = parameter;
  const layer = labelOf(parameter);
  return { name, path, dtype, shape, elements: size(tensor), layer, kind, mark, ...(reason === undefined ? {} : { reason }) };
}

function countOps(graph: Graph): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  const visit = ({ nodes }: Graph): void => {
    for (const node of nodes) {
      const name = node.domain === "" || node.domain === "ai.onnx" ? node.opType : `${node.domain}.${node.opType}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
      for (const inner of subgraphs(node)) visit(inner.graph);
    }
  };
  visit(graph);
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}

/** Nodes that make floating values and pass no gradient on, by their names in the file. */
function findUntrainable(graph: Graph, upgraded: Graph, facts: (name: string) => Facts): readonly UntrainableNode[] {
  const originals = producers(graph);
  const positions = new Map(graph.nodes.map((node, i) => [node, i]));
  return upgraded.nodes.flatMap((node): readonly UntrainableNode[] => {
    const reason = whyUnsupported(node, facts);
    if (reason === undefined || !node.outputs.some((name) => isDifferentiable(facts(name)))) return [];
    const own = node.outputs.map((name) => originals.get(name)).find((n) => n !== undefined) ?? node;
    return [{ node: nameOf(own, positions.get(own)), op: own.opType, reason }];
  });
}

function isDifferentiable({ type }: Facts): boolean {
  return type === undefined || isFloat(type.dtype);
}

function nameOf(node: Node, position: number | undefined): string {
  return node.name !== "" ? node.name : position === undefined ? node.outputs[0] : `${node.opType}_${position}`;
}
