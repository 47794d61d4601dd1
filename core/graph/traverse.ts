// Questions about who makes and who reads a value, and orders of nodes. Subgraphs count as part of the node that holds them.

import * as errors from "../errors.js";
import { subgraphs } from "./attributes.js";
import type { Graph, Node } from "./types.js";

/** Names that a node reads: its own inputs and whatever its subgraphs take from outside. */
export function readsOf(node: Node): readonly string[] {
  const own = node.inputs.filter((name) => name !== "");
  const nested = subgraphs(node).flatMap(({ graph }) => [...freeNames(graph)]);
  return nested.length === 0 ? own : [...new Set([...own, ...nested])];
}

/** Names that a subgraph reads but does not make. */
export function freeNames(graph: Graph): ReadonlySet<string> {
  const made = new Set([...graph.inputs.map((i) => i.name), ...graph.initializers.keys(), ...graph.sparseInitializers.keys()]);
  const free = new Set<string>();
  for (const node of graph.nodes) {
    for (const name of readsOf(node)) if (!made.has(name)) free.add(name);
    for (const name of node.outputs) made.add(name);
  }
  for (const { name } of graph.outputs) if (!made.has(name)) free.add(name);
  return free;
}

/** The node that makes each value. */
export function producers(graph: Graph): ReadonlyMap<string, Node> {
  const map = new Map<string, Node>();
  for (const node of graph.nodes) for (const name of node.outputs) if (name !== "") map.set(name, node);
  return map;
}

/** Values from which `targets` can be computed (the targets included), by walking nodes backwards where `passes` allows it. */
export function ancestors(graph: Graph, targets: Iterable<string>, passes: (node: Node) => boolean = () => true): ReadonlySet<string> {
  const seen = new Set(targets);
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i];
    if (node.outputs.some((o) => seen.has(o)) && passes(node)) for (const name of readsOf(node)) seen.add(name);
  }
  return seen;
}

/** Values that depend on `sources` (the sources included). */
export function descendants(graph: Graph, sources: Iterable<string>, passes: (node: Node) => boolean = () => true): ReadonlySet<string> {
  const seen = new Set(sources);
  for (const node of graph.nodes) {
    if (readsOf(node).some((name) => seen.has(name)) && passes(node)) for (const name of node.outputs) if (name !== "") seen.add(name);
  }
  return seen;
}

/**
 * The nodes in topological order, ties in their given order.
 * @throws model/cycle
 */
export function topologicalOrder(nodes: readonly Node[]): readonly Node[] {
  const maker = new Map<string, Node>();
  for (const node of nodes) for (const name of node.outputs) if (name !== "") maker.set(name, node);
  const order: Node[] = [];
  const state = new Map<Node, "open" | "done">();
  // An explicit stack: chains of 10,000 nodes would overflow the call stack.
  for (const root of nodes) {
    const stack: { node: Node; pending: Iterator<string> }[] = [];
    const enter = (node: Node): void => {
      state.set(node, "open");
      stack.push({ node, pending: readsOf(node)[Symbol.iterator]() });
    };
    if (!state.has(root)) enter(root);
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      const next = top.pending.next();
      if (next.done === true) {
        stack.pop();
        state.set(top.node, "done");
        order.push(top.node);
        continue;
      }
      const source = maker.get(next.value);
      if (source === undefined || state.get(source) === "done") continue;
      if (state.get(source) === "open") throw errors.cyclicGraph(source, next.value);
      enter(source);
    }
  }
  return order;
}
