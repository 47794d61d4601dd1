// Which tensors of a model are parameters, what they are called, and who uses them. Decided by the slots of operator definitions,
// never by a tensor's name.

import { subgraphs, tensorAttribute } from "../graph/attributes.js";
import { isFloat, isQuantised, size } from "../graph/tensor.js";
import { readsOf } from "../graph/traverse.js";
import type { Graph, Node, Tensor } from "../graph/types.js";
import { definitionOf, isConstantNode } from "../ops/index.js";
import type { Slot } from "../ops/define.js";

export interface ParameterUse {
  readonly node: Node;
  /** Position in the graph's list of nodes. */
  readonly index: number;
  readonly input: number;
}

/** A parameter or a buffer of the model. */
export interface Parameter {
  /** Stored name: of the initializer, or of the value that a Constant node makes. */
  readonly name: string;
  /** Derived name `scope/slot` from the first node that uses it. */
  readonly path: string;
  /** `scope` of the path. */
  readonly layer: string;
  /** The value of the outermost graph that holds it (for a nested one: the node's output that carries its subgraph's result). */
  readonly value: string;
  readonly dtype: Tensor["dtype"];
  readonly shape: readonly number[];
  readonly kind: "parameter" | "buffer";
  readonly tensor: Tensor;
  /** It lives inside a subgraph. */
  readonly nested: boolean;
  readonly uses: readonly ParameterUse[];
}

/** Position of each node in the file, by its first output: nodes without a name are called by it, also where others have been cut off. */
export type NodePositions = ReadonlyMap<string, number>;

export function nodePositions({ nodes }: Graph): NodePositions {
  return new Map(nodes.map((node, i) => [node.outputs[0], i]));
}

/** All parameters and buffers in the order of their first use. Weights of subgraphs are listed too. */
export function collectParameters(graph: Graph, positions: NodePositions = nodePositions(graph)): readonly Parameter[] {
  const found = new Map<Source, Parameter>();
  collect(graph, new Map(), undefined, found, positions);
  return [...found.values()];
}

/** Where a parameter is stored. Each is made once and passed on, so that one tensor stays one parameter whoever uses it. */
interface Source {
  readonly name: string;
  readonly tensor: Tensor;
  readonly nested: boolean;
}

function collect(
  graph: Graph,
  outer: ReadonlyMap<string, Source>,
  holder: { node: Node; index: number } | undefined,
  found: Map<Source, Parameter>,
  positions: NodePositions,
): void {
  const sources = new Map(outer);
  const nested = holder !== undefined;
  const settings = settingsOf(graph);
  for (const [name, tensor] of graph.initializers) sources.set(name, { name, tensor, nested });
  graph.nodes.forEach((node, place) => {
    const position = positions.get(node.outputs[0]) ?? place;
    const index = holder?.index ?? position;
    const constant = isConstantNode(node) ? tensorAttribute(node, "value") : undefined;
    if (constant !== undefined) sources.set(node.outputs[0], { name: node.outputs[0], tensor: constant, nested });
    const definition = definitionOf(node);
    const carried = definition?.transparent === true ? sources.get(node.inputs[0]) : undefined;
    if (carried !== undefined) for (const output of node.outputs) sources.set(output, carried);
    for (const [input, name] of node.inputs.entries()) {
      const source = sources.get(name);
      const slot = source === undefined ? undefined : definition?.slot(input);
      if (source === undefined || slot === undefined || !isParameter(source.tensor, slot) || node.outputs.every((o) => settings.has(o))) continue;
      const use: ParameterUse = { node: holder?.node ?? node, index, input };
      add(found, source, slot, node, position, use, holder);
    }
    for (const { graph: inner } of subgraphs(node)) collect(inner, sources, holder ?? { node, index }, found, nodePositions(inner));
  });
}

/** Values that are read as settings only: bounds, ratios, scales of an image. What they are computed from is no parameter either. */
function settingsOf(graph: Graph): ReadonlySet<string> {
  const reads = graph.nodes.flatMap((node) => node.inputs.map((name, i) => [name, definitionOf(node)?.settings.includes(i) === true] as const));
  const others = new Set([...reads.filter(([, isSetting]) => !isSetting).map(([name]) => name), ...graph.outputs.map((o) => o.name)]);
  for (const node of graph.nodes) for (const name of readsOf(node)) if (!node.inputs.includes(name)) others.add(name);
  return new Set(reads.filter(([name, isSetting]) => isSetting && !others.has(name)).map(([name]) => name));
}

function isParameter({ dtype, shape }: Tensor, slot: Slot): boolean {
  if (!isFloat(dtype) && !isQuantised(dtype)) return false;
  return slot.kind !== "operand" || (isFloat(dtype) && size({ dtype, shape, data: [] }) > 1);
}

function add(
  found: Map<Source, Parameter>,
  source: Source,
  slot: Slot,
  node: Node,
  position: number,
  use: ParameterUse,
  holder: { node: Node; index: number } | undefined,
): void {
  const known = found.get(source);
  if (known !== undefined) {
    found.set(source, { ...known, uses: [...known.uses, use] });
    return;
  }
  const value = source.nested && holder !== undefined ? (holder.node.outputs.find((o) => o !== "") ?? "") : source.name;
  const layer = scopeOf(node, position);
  const { dtype, shape } = source.tensor;
  found.set(source, {
    name: source.name,
    path: `${layer}/${slot.name}`,
    layer,
    value,
    dtype,
    shape,
    kind: slot.kind === "buffer" ? "buffer" : "parameter",
    tensor: source.tensor,
    nested: source.nested,
    uses: [use],
  });
}

/**
 * The scope that a node's name spells: `/blocks/blocks.2/conv/Conv` → `blocks.2.conv`. A segment that the next one repeats is dropped,
 * and the operator type at the end; a node without a name is called by its type and index, `Conv_17`.
 */
export function scopeOf(node: Pick<Node, "name" | "opType">, index: number): string {
  const segments = node.name.split("/").filter((s) => s !== "");
  if (segments.length > 1 && segments[segments.length - 1] === node.opType) segments.pop();
  const kept = segments.filter((segment, i) => {
    const next: string | undefined = segments[i + 1];
    return next === undefined || !(next === segment || next.startsWith(`${segment}.`));
  });
  return kept.length === 0 ? `${node.opType}_${index}` : kept.join(".");
}
