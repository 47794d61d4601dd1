// Puts nodes that were exported as they are in training back into the form that they have outside it.

import { readsOf } from "../graph/traverse.js";
import type { Graph } from "../graph/types.js";
import { validate } from "../graph/validate.js";
import { definitionOf } from "../ops/index.js";

/**
 * The graph, in its own opset, with every node in inference form: no element is dropped, and batch normalisation uses its stored
 * statistics. Nodes that already are stay the same objects. A node whose training results are read stays in training form.
 */
export function inferenceForm(graph: Graph): Graph {
  const read = new Set([...graph.outputs.map((o) => o.name), ...graph.nodes.flatMap(readsOf)]);
  const nodes = graph.nodes.map((node) => {
    const rewritten = definitionOf(node)?.inferenceForm?.(node) ?? node;
    return node.outputs.some((name) => read.has(name) && !rewritten.outputs.includes(name)) ? node : rewritten;
  });
  return nodes.every((node, i) => node === graph.nodes[i]) ? graph : validate({ ...graph, nodes });
}
