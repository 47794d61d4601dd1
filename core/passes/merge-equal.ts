// Merges nodes that compute the same from the same operands. The runtime does so too, but not where one of them asks for more outputs than
// the other: a pool done once more for the places of its maxima would be done twice.

import { subgraphs } from "../graph/attributes.js";
import { readsOf } from "../graph/traverse.js";
import type { Attribute, Graph, Node } from "../graph/types.js";
import { validate } from "../graph/validate.js";
import { definitionOf } from "../ops/index.js";

/** The graph without nodes that repeat an earlier one, which makes their outputs too where it did not ask for them. */
export function mergeEqual(graph: Graph): Graph {
  const kept: Node[] = [];
  const places = new Map<string, number>();
  const renamed = new Map<string, string>();
  const fixed = namesToKeep(graph);
  for (const original of graph.nodes) {
    const node = { ...original, inputs: original.inputs.map((name) => renamed.get(name) ?? name) };
    const key = keyOf(node);
    const place = key === undefined ? undefined : places.get(key);
    if (place === undefined || node.outputs.some((name, i) => hasBoth(kept[place], i, name) && fixed.has(name))) {
      if (key !== undefined && place === undefined) places.set(key, kept.length);
      kept.push(node);
      continue;
    }
    node.outputs.forEach((name, i) => {
      if (hasBoth(kept[place], i, name)) renamed.set(name, kept[place].outputs[i]);
    });
    kept[place] = { ...kept[place], outputs: unite(kept[place].outputs, node.outputs) };
  }
  return kept.length === graph.nodes.length ? graph : validate({ ...graph, nodes: kept });
}

/** Names that something else than a node's own inputs goes by: outputs of the graph, and what subgraphs read. */
function namesToKeep(graph: Graph): ReadonlySet<string> {
  const nested = graph.nodes.filter((node) => subgraphs(node).length > 0).flatMap(readsOf);
  return new Set([...graph.outputs.map((o) => o.name), ...nested]);
}

function hasBoth(node: Node, output: number, name: string): boolean {
  return name !== "" && (node.outputs[output] ?? "") !== "";
}

function unite(first: readonly string[], second: readonly string[]): readonly string[] {
  return Array.from({ length: Math.max(first.length, second.length) }, (_, i) => ((first[i] ?? "") === "" ? (second[i] ?? "") : first[i]));
}

/** Equal for nodes that compute the same; undefined for one that may not, or that holds a tensor or a graph. */
function keyOf(node: Node): string | undefined {
  const definition = definitionOf(node);
  if (definition === undefined || (typeof definition.random === "function" ? definition.random(node) : definition.random)) return undefined;
  const attributes = [...node.attributes].sort(([a], [c]) => (a < c ? -1 : 1)).map(([name, attribute]) => [name, plain(attribute)]);
  return attributes.some(([, value]) => value === undefined) ? undefined : JSON.stringify([node.domain, node.opType, node.inputs, attributes]);
}

/** Equal for equal attributes; undefined for one that holds more than numbers or a text. */
function plain(attribute: Attribute): string | undefined {
  switch (attribute.type) {
    case "int":
    case "float":
    case "ints":
    case "floats":
      return `${attribute.type} ${String(attribute.value)}`;
    case "string":
      return `string ${Buffer.from(attribute.value).toString("base64")}`;
    default:
      return undefined;
  }
}
