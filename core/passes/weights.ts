// Putting other values into a graph's weights: initializers and Constant nodes keep their place and form, only the tensor changes.

import type { Graph, Node, Tensor } from "../graph/types.js";
import { isConstantNode } from "../ops/index.js";

/** The graph with the given tensors in place of its own, by stored name. */
export function overlay(graph: Graph, tensors: ReadonlyMap<string, Tensor>): Graph {
  if (tensors.size === 0) return graph;
  const initializers = new Map([...graph.initializers].map(([name, own]) => [name, withData(own, tensors.get(name))]));
  const nodes = graph.nodes.map((node) => overlayConstant(node, tensors));
  return { ...graph, initializers, nodes };
}

function overlayConstant(node: Node, tensors: ReadonlyMap<string, Tensor>): Node {
  const tensor = isConstantNode(node) ? tensors.get(node.outputs[0]) : undefined;
  const own = node.attributes.get("value");
  if (tensor === undefined || own?.type !== "tensor") return node;
  return { ...node, attributes: new Map([...node.attributes, ["value", { ...own, value: withData(own.value, tensor) }]]) };
}

/** Only the bytes change: type, shape and the form in the file stay. */
function withData(own: Tensor, replacement: Tensor | undefined): Tensor {
  return replacement === undefined ? own : { ...own, data: replacement.data };
}

/** The graph with the named Constant nodes turned into initializers, so that they can become inputs. */
export function hoistConstants(graph: Graph, names: ReadonlySet<string>): Graph {
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.filter((node) => {
    const value = isConstantNode(node) && names.has(node.outputs[0]) ? node.attributes.get("value") : undefined;
    if (value?.type !== "tensor") return true;
    initializers.set(node.outputs[0], value.value);
    return false;
  });
  return nodes.length === graph.nodes.length ? graph : { ...graph, initializers, nodes };
}
