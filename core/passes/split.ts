// Splits a graph at the frost line: what is upstream of everything trainable and depends on nothing but the sample (the prefix, whose
// results can be kept) from the rest (the suffix). It runs nothing and keeps nothing.

import { subgraphs } from "../graph/attributes.js";
import { readsOf } from "../graph/traverse.js";
import type { Graph, Node, TensorType, ValueInfo } from "../graph/types.js";
import { validate } from "../graph/validate.js";
import { isPerSample, type BatchAxis, type Facts } from "../ops/define.js";
import { definitionOf } from "../ops/index.js";
import { prune } from "./prune.js";

export interface SplitOptions {
  /** Values whose tensors the optimizer moves: initializers, or the outputs of Constant nodes. */
  readonly trainable: ReadonlySet<string>;
  /** What the suffix has to compute; the graph's outputs where left out. */
  readonly targets?: readonly string[];
  /** Where the samples lie, and in which values they are mixed, as the batch analysis found it. */
  readonly batch: { readonly axes: ReadonlyMap<string, BatchAxis>; readonly mixed: ReadonlySet<string>; readonly facts: ReadonlyMap<string, Facts> };
  /** Nodes that do in training what they do not do in inference: active dropout, batch statistics. */
  readonly active?: (node: Node) => boolean;
}

export interface Split {
  /** In the model's own opset, with the boundary as outputs; absent where the frost line lies at the inputs. */
  readonly prefix?: Graph;
  /** Values that cross the frost line, in the order in which they are made: results of the prefix, and sample inputs that the suffix reads. */
  readonly boundary: readonly string[];
  /** Reads the boundary as typed inputs and makes the targets. */
  readonly suffix: Graph;
}

/**
 * The prefix is as large as it can be: it ends before trainable tensors, random and active nodes, and nodes that mix samples. Only
 * values with the samples along axis 0, one entry each, cross the line; others are computed again behind it from such values, and so are
 * values that depend on no sample.
 */
export function splitAtFrostLine(graph: Graph, options: SplitOptions): Split {
  const { targets = graph.outputs.map((o) => o.name), batch } = options;
  const samples = new Set(graph.inputs.map((i) => i.name));
  const clean = cleanValues(graph, samples, options);
  const crosses = (name: string): boolean => samples.has(name) || (clean.has(name) && canCross(name, batch));
  const needed = new Set(targets);
  const crossing = new Set(targets.filter(crosses));
  const behind = new Set<Node>();
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i];
    if (!node.outputs.some((name) => needed.has(name) && !crossing.has(name))) continue;
    behind.add(node);
    for (const name of readsOf(node)) {
      if (crosses(name)) crossing.add(name);
      else needed.add(name);
    }
  }
  const boundary = [...graph.inputs.map((i) => i.name), ...graph.nodes.flatMap((node) => node.outputs)].filter((name) => crossing.has(name));
  const made = boundary.filter((name) => !samples.has(name));
  return {
    ...(made.length === 0 ? {} : { prefix: prefixOf(graph, made, batch.facts) }),
    boundary,
    suffix: suffixOf(graph, behind, boundary, targets, batch.facts),
  };
}

/** Values that depend on samples, and on nothing that training could change. */
function cleanValues(graph: Graph, samples: ReadonlySet<string>, { trainable, batch, active }: SplitOptions): ReadonlySet<string> {
  const clean = new Set(samples);
  const tainted = new Set(trainable);
  for (const node of graph.nodes) {
    const reads = readsOf(node);
    const taints = reads.some((name) => tainted.has(name)) || isRandom(node) || active?.(node) === true;
    for (const name of node.outputs) {
      if (name === "") continue;
      if (taints || batch.mixed.has(name)) tainted.add(name);
      else if (!tainted.has(name) && reads.some((read) => clean.has(read))) clean.add(name);
    }
  }
  return clean;
}

function isRandom(node: Node): boolean {
  const { random } = definitionOf(node) ?? { random: false };
  if (typeof random === "function" ? random(node) : random) return true;
  return subgraphs(node).some(({ graph }) => graph.nodes.some(isRandom));
}

/** One entry per sample along axis 0, of a type that a graph can take as input. */
function canCross(name: string, { axes, facts }: SplitOptions["batch"]): boolean {
  const type = facts.get(name)?.type;
  return isPerSample(axes.get(name)) && type !== undefined && type.dtype !== "string";
}

function prefixOf(graph: Graph, made: readonly string[], facts: ReadonlyMap<string, Facts>): Graph {
  const pruned = prune(graph, made);
  return validate({ ...pruned, name: `${graph.name}_prefix`, outputs: made.map((name) => infoOf(graph, name, facts)) });
}

function suffixOf(
  graph: Graph,
  behind: ReadonlySet<Node>,
  boundary: readonly string[],
  targets: readonly string[],
  facts: ReadonlyMap<string, Facts>,
): Graph {
  const cut: Graph = {
    ...graph,
    name: `${graph.name}_suffix`,
    nodes: graph.nodes.filter((node) => behind.has(node)),
    inputs: boundary.map((name) => infoOf(graph, name, facts)),
    outputs: targets.map((name) => infoOf(graph, name, facts)),
  };
  const pruned = prune(cut, targets);
  return validate({ ...pruned, outputs: cut.outputs });
}

/** The type of a value as it was found, else as the file declares it. Sizes without a name stay without one. */
function infoOf(graph: Graph, name: string, facts: ReadonlyMap<string, Facts>): ValueInfo {
  const declared = [...graph.inputs, ...graph.outputs].find((info) => info.name === name) ?? graph.valueTypes.get(name);
  const found: TensorType | undefined = facts.get(name)?.type;
  return { name, type: found ?? declared?.type };
}
