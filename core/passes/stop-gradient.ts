// Puts StopGradient nodes behind values, and takes them out again before a graph is run. What a stop does to gradients and marks,
// `core/autodiff` decides.

import * as errors from "../errors.js";
import { freshName } from "../graph/names.js";
import { nearest } from "../graph/nearest.js";
import { producers } from "../graph/traverse.js";
import type { Graph, Node } from "../graph/types.js";
import { validate } from "../graph/validate.js";
import { definitionOf, isConstantNode } from "../ops/index.js";

/**
 * The graph in which whoever reads one of `values` reads it through a stop. A value that a node makes keeps its name behind the stop, so
 * that subgraphs and the graph's outputs read the stopped one too; inputs, initializers and constants keep theirs before it.
 * @throws recipe/unknown-value
 */
export function insertStops(graph: Graph, values: readonly string[]): Graph {
  if (values.length === 0) return graph;
  const makers = producers(graph);
  const names = new Set([...graph.inputs.map((i) => i.name), ...graph.initializers.keys(), ...graph.sparseInitializers.keys(), ...makers.keys()]);
  const behind = new Map<string, string>();
  const before = new Map<string, string>();
  for (const value of new Set(values)) {
    if (!names.has(value)) throw errors.unknownValue(value, "stopGradient", nearest(value, [...names]));
    const maker = makers.get(value);
    if (maker !== undefined && definitionOf(maker)?.stop === true) continue;
    const keepsItsPlace = maker === undefined || isConstantNode(maker);
    (keepsItsPlace ? behind : before).set(value, freshName(keepsItsPlace ? `${value}_stopped` : `${value}_unstopped`, names));
  }
  const sources = [...behind].filter(([value]) => !makers.has(value)).map(([value, stopped]) => stopNode(value, stopped));
  const nodes = graph.nodes.flatMap((node): readonly Node[] => {
    const inputs = node.inputs.map((name) => behind.get(name) ?? name);
    const outputs = node.outputs.map((name) => before.get(name) ?? name);
    const stops = node.outputs.flatMap((name) => {
      const stopped = behind.get(name);
      if (stopped !== undefined) return [stopNode(name, stopped)];
      const unstopped = before.get(name);
      return unstopped === undefined ? [] : [stopNode(unstopped, name)];
    });
    const changed = [...inputs, ...outputs].some((name, i) => name !== [...node.inputs, ...node.outputs][i]);
    return [changed ? { ...node, inputs, outputs } : node, ...stops];
  });
  return validate({ ...graph, nodes: [...sources, ...nodes] });
}

/** The graph with its stops as plain identities, which every runtime knows. */
export function lowerStops(graph: Graph): Graph {
  if (!graph.nodes.some((node) => definitionOf(node)?.stop === true)) return graph;
  const nodes = graph.nodes.map((node): Node => (definitionOf(node)?.stop === true ? { ...node, opType: "Identity", domain: "" } : node));
  return validate({ ...graph, nodes });
}

function stopNode(from: string, to: string): Node {
  return { name: `${from}_stop`, opType: "StopGradient", domain: "frostline", inputs: [from], outputs: [to], attributes: new Map() };
}
