// The order in which the runtime executes nodes, as far as a file can influence it. Nothing of what is computed changes.

import { readsOf } from "../graph/traverse.js";
import type { Graph } from "../graph/types.js";
import { validate } from "../graph/validate.js";

/**
 * Moves nodes that only make outputs of the graph to its end, the last one first. ONNX Runtime executes a graph from its leaves: the one
 * that stands last with all that it needs, then the one before it. So gradients of late layers, which need little of the backward part, are
 * finished before those of early ones are begun, and what they read can be given up; otherwise all of them come at the very end.
 */
export function leavesLast(graph: Graph): Graph {
  const read = new Set(graph.nodes.flatMap(readsOf));
  const [inner, leaves] = [true, false].map((isRead) => graph.nodes.filter((node) => node.outputs.some((name) => read.has(name)) === isRead));
  return validate({ ...graph, nodes: [...inner, ...leaves.toReversed()] });
}
