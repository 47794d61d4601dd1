// Head surgery: cuts a model after one of its values and attaches new layers there, or proposes where to cut. The layers themselves are
// built in core/nn/layers.ts.

import { collectParameters } from "../autodiff/parameters.js";
import * as errors from "../errors.js";
import { unknownDim } from "../graph/dims.js";
import { freshName } from "../graph/names.js";
import { isFloat } from "../graph/tensor.js";
import { descendants, producers } from "../graph/traverse.js";
import type { Dim, Graph, Model, Node, TensorType } from "../graph/types.js";
import { validate } from "../graph/validate.js";
import { buildHead, type HeadValue, type Layer } from "../nn/layers.js";
import { isPerSample } from "../ops/define.js";
import { definitionOf, isConstantNode } from "../ops/index.js";
import { inferGraph } from "../ops/infer.js";
import { analyseBatch, type BatchAnalysis } from "../passes/batch.js";
import { prune } from "../passes/prune.js";
import { upgradeOpset } from "../passes/upgrade-opset.js";
import { requireValue } from "./plan.js";

export interface HeadOptions {
  /** The value that the new layers read; the proposed cut where left out. */
  readonly after?: string;
  readonly layers: readonly Layer[];
  /** Shape of one sample, where the data settles sizes that the model's input leaves open. */
  readonly sampleShape?: readonly number[];
  /** Decides the first weights. */
  readonly seed: number;
}

/** What a cut took away: `frostline verify` must not miss these tensors. */
export interface Cut {
  readonly after: string;
  /** Names of tensors of the model, initializers and constants, that are no longer there. */
  readonly removed: readonly string[];
}

export interface Surgery {
  /** Up to the cut as it was, then the new layers, in the same opset. It has one output. */
  readonly model: Model;
  /** What the new parameters' names start with: `head`, or `head2` where the model has names under `head.` itself. */
  readonly headPrefix: string;
  readonly headParameters: readonly string[];
  /** Names of the head's dropout nodes, which act in training. */
  readonly headDropout: readonly string[];
  readonly cut: Cut;
  readonly warnings: readonly string[];
}

/**
 * Attaches a new head.
 * @throws recipe/unknown-value for a cut that does not exist; recipe/no-cut where none can be proposed; recipe/cut where features cannot be
 * read there; recipe/head-layer where a layer does not fit
 */
export function attachHead(model: Model, { after, layers, sampleShape, seed }: HeadOptions): Surgery {
  const { graph } = model;
  if (after !== undefined) requireValue(graph, after, "head.after");
  const cut = after ?? proposeCut(graph);
  if (cut === undefined) throw errors.noCut();
  const trunk = prune(graph, [cut]);
  const features = featuresAt(sampleShape === undefined ? trunk : withSampleShape(trunk, sampleShape), cut);
  const headPrefix = choosePrefix(graph);
  const taken = new Set([...valueAndNodeNames(trunk)]);
  const fresh = (hint: string): string => freshName(hint, taken);
  const output = fresh(["output", "logits"].find((name) => !taken.has(name)) ?? "output");
  const head = buildHead(layers, features, output, { opset: opsetOf(graph), prefix: headPrefix, seed, fresh });
  const attached: Graph = {
    ...trunk,
    nodes: [...trunk.nodes, ...head.nodes],
    initializers: new Map([...trunk.initializers, ...head.initializers]),
    outputs: [{ name: head.output.name, type: { kind: "tensor", dtype: head.output.dtype, shape: head.output.shape.map(declarable) } }],
  };
  return {
    model: { ...model, graph: validate(attached) },
    headPrefix,
    headParameters: head.parameters,
    headDropout: head.dropout,
    cut: { after: cut, removed: removedTensors(graph, trunk) },
    warnings: warningsOf(graph, trunk, headPrefix),
  };
}

/** A size as a file can declare it: numbers and names; computed sizes stay open. */
function declarable(size: Dim): Dim {
  return typeof size === "string" && size.startsWith("(") ? unknownDim() : size;
}

/** The graph with a sample's sizes in place of those that its one input leaves open. */
function withSampleShape(graph: Graph, sampleShape: readonly number[]): Graph {
  const [input, ...others] = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  if (others.length > 0 || input?.type?.kind !== "tensor" || input.type.shape?.length !== sampleShape.length + 1) return graph;
  const type = { ...input.type, shape: [input.type.shape[0], ...sampleShape] };
  return { ...graph, inputs: graph.inputs.map((info) => (info === input ? { ...info, type } : info)), valueTypes: new Map() };
}

/** What the head reads: a float value of known rank with one entry per sample along axis 0. */
function featuresAt(trunk: Graph, cut: string): HeadValue {
  const batch = analyseBatch(trunk);
  const axis = batch.axes.get(cut);
  if (axis !== undefined && !isPerSample(axis))
    throw errors.badCut(cut, `its samples lie along axis ${axis.axis}, and a head needs one entry per sample along axis 0`);
  const type = typeAt(trunk, cut, batch);
  if (type === undefined || type.shape === undefined) throw errors.badCut(cut, "its shape is not known");
  if (!isFloat(type.dtype)) throw errors.badCut(cut, `it holds ${type.dtype}, and a head needs floating-point features`);
  return { name: cut, dtype: type.dtype, shape: type.shape };
}

/** The type under a batch of any size where samples stay apart up to there, else as the file has it. */
function typeAt(trunk: Graph, cut: string, batch: BatchAnalysis): TensorType | undefined {
  const open = batch.facts.get(cut)?.type;
  return batch.axes.has(cut) && open?.shape !== undefined ? open : inferGraph(upgradeOpset(trunk)).get(cut)?.type;
}

/** `head`, or the first of `head2`, `head3`, … under which the model has no names. */
function choosePrefix(graph: Graph): string {
  const names = [...graph.initializers.keys(), ...collectParameters(graph).flatMap(({ name, path }) => [name, path])];
  const free = (prefix: string): boolean => !names.some((name) => name.startsWith(`${prefix}.`) || name.startsWith(`${prefix}/`));
  let prefix = "head";
  for (let n = 2; !free(prefix); n++) prefix = `head${n}`;
  return prefix;
}

function valueAndNodeNames(graph: Graph): readonly string[] {
  return [
    ...graph.inputs.map((i) => i.name),
    ...graph.initializers.keys(),
    ...graph.sparseInitializers.keys(),
    ...graph.nodes.flatMap((node) => [node.name, ...node.outputs]),
  ];
}

function opsetOf(graph: Graph): number {
  const version = graph.opsets.get("");
  if (version === undefined) throw errors.unknownOpset("", undefined, "one that the new layers can be written in");
  return version;
}

function removedTensors(before: Graph, after: Graph): readonly string[] {
  const kept = new Set(tensorNames(after));
  return tensorNames(before).filter((name) => !kept.has(name));
}

function tensorNames(graph: Graph): readonly string[] {
  const constants = graph.nodes.filter(isConstantNode).map((node) => node.outputs[0]);
  return [...graph.initializers.keys(), ...graph.sparseInitializers.keys(), ...constants];
}

function warningsOf(graph: Graph, trunk: Graph, headPrefix: string): readonly string[] {
  const warnings: string[] = [];
  if (graph.outputs.length > 1)
    warnings.push(`The new head's output replaces the model's ${graph.outputs.length}: ${graph.outputs.map((o) => `"${o.name}"`).join(", ")}.`);
  const lost = graph.inputs.filter((i) => !trunk.inputs.some((kept) => kept.name === i.name));
  if (lost.length > 0)
    warnings.push(`The cut leaves no use for the ${lost.length === 1 ? "input" : "inputs"} ${lost.map((i) => `"${i.name}"`).join(", ")}.`);
  if (headPrefix !== "head") warnings.push(`The model has names under "head." itself, so the new head is called "${headPrefix}".`);
  return warnings;
}

// ── where to cut ────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Where a new head would go: before the layer that classifies, that is the last one with a weight matrix on the way to the first output.
 * In a model that ends otherwise (in a normalisation, say) the output itself holds the features. Where samples mix before that, the last
 * value with one entry per sample. Undefined where no value of the model comes into question.
 */
export function proposeCut(graph: Graph, batch: BatchAnalysis = analyseBatch(graph)): string | undefined {
  const cut = classifierInput(graph);
  return cut !== undefined && isPerSample(batch.axes.get(cut)) ? cut : batch.proposedCut;
}

function classifierInput(graph: Graph): string | undefined {
  const inputs = graph.inputs.map((i) => i.name);
  const samples = descendants(graph, inputs);
  const makers = producers(graph);
  const weights = weightRanks(graph);
  const output = graph.outputs[0]?.name;
  let value: string | undefined = output;
  while (value !== undefined) {
    const node = makers.get(value);
    const data: string | undefined = node?.inputs.find((name) => samples.has(name));
    if (node === undefined || data === undefined) return undefined;
    const ranks = weights.get(node);
    if (ranks !== undefined) return Math.max(...ranks) >= 2 ? (inputs.includes(data) ? undefined : data) : output;
    value = data;
  }
  return undefined;
}

/** Ranks of the tensors that each node has in slots that are certain to hold weights (scales and biases of Mul and Add are not). */
function weightRanks(graph: Graph): ReadonlyMap<Node, readonly number[]> {
  const ranks = new Map<Node, number[]>();
  for (const { shape, uses } of collectParameters(graph)) {
    for (const { node, input } of uses) {
      if (definitionOf(node)?.slot(input)?.kind !== "parameter") continue;
      ranks.set(node, [...(ranks.get(node) ?? []), shape.length]);
    }
  }
  return ranks;
}
