// Drops what a graph's outputs do not need.

import { readsOf } from "../graph/traverse.js";
import type { Graph, Node } from "../graph/types.js";
import { validate } from "../graph/validate.js";

export interface PruneOptions {
  /** Keep inputs that nothing reads any more (default false). */
  readonly keepInputs?: boolean;
}

/**
 * The part of a graph that computes `outputs`: nodes, initializers, inputs and declared types that none of them needs are left out.
 * An output that the graph did not list so far takes its declared type, if the file has one.
 */
export function prune(graph: Graph, outputs: readonly string[], { keepInputs = false }: PruneOptions = {}): Graph {
  const needed = new Set(outputs);
  const kept = new Set<Node>();
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i];
    if (!node.outputs.some((name) => needed.has(name))) continue;
    kept.add(node);
    for (const name of readsOf(node)) needed.add(name);
  }
  const nodes = graph.nodes.filter((node) => kept.has(node));
  const listed = new Map([...graph.valueTypes, ...[...graph.inputs, ...graph.outputs].map((info) => [info.name, info] as const)]);
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const pruned: Graph = {
    ...graph,
    nodes,
    inputs: graph.inputs.filter(({ name }) => needed.has(name) || keepInputs),
    outputs: outputs.map((name) => listed.get(name) ?? { name, type: undefined }),
    initializers: keep(graph.initializers, needed),
    sparseInitializers: keep(graph.sparseInitializers, needed),
    valueTypes: keep(graph.valueTypes, made, new Set(outputs)),
  };
  return validate(pruned);
}

function keep<T>(entries: ReadonlyMap<string, T>, wanted: ReadonlySet<string>, except: ReadonlySet<string> = new Set()): ReadonlyMap<string, T> {
  return new Map([...entries].filter(([name]) => wanted.has(name) && !except.has(name)));
}
