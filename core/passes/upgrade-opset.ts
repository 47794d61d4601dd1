// Rewrites a graph to the internal opset with the operators' own upgrade rules.

import type { Graph } from "../graph/types.js";

export function upgradeOpset(graph: Graph): Graph {
  return graph;
}
