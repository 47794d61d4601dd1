// Turns dropout on and off. Active dropout multiplies by a mask that is an input of the graph, so that whoever runs it decides what is
// dropped; inactive dropout is no node at all. How a node spells its ratio, the operator's definition says.

import * as errors from "../errors.js";
import { attributes, tensorAttribute } from "../graph/attributes.js";
import { onnxDType } from "../graph/dtype-codes.js";
import { freshName } from "../graph/names.js";
import { numbersOf } from "../graph/tensor.js";
import { producers, readsOf } from "../graph/traverse.js";
import type { Graph, Node, ValueInfo } from "../graph/types.js";
import { validate } from "../graph/validate.js";
import type { DropoutForm } from "../ops/define.js";
import { definitionOf, isConstantNode } from "../ops/index.js";
import { inferGraph } from "../ops/infer.js";

/** A mask that every run of the graph has to be fed: 0 where an element is dropped, else 1 / (1 − ratio), in the masked value's type. */
export interface DropoutMask {
  /** Name of the graph's new input. */
  readonly input: string;
  /** The value that is masked: the node's output. */
  readonly value: string;
  /** Probability of being dropped. */
  readonly ratio: number;
  /** Name of the node. */
  readonly node: string;
}

/**
 * Makes the dropout nodes that `select` picks multiply by masks. `graph` is in the internal opset's form.
 * @throws model/operand where a ratio is not a constant; model/unknown-rank where the type of a masked value is not known
 */
export function activateDropout(graph: Graph, select: (node: Node) => boolean): { readonly graph: Graph; readonly masks: readonly DropoutMask[] } {
  const picked = graph.nodes.filter((node) => formOf(node) !== undefined && select(node));
  if (picked.length === 0) return { graph, masks: [] };
  const facts = inferGraph(graph);
  const names = new Set([...graph.inputs.map((i) => i.name), ...graph.initializers.keys(), ...graph.nodes.flatMap((node) => node.outputs)]);
  const masks: DropoutMask[] = [];
  const inputs: ValueInfo[] = [];
  const nodes = graph.nodes.flatMap((node) => {
    const form = picked.includes(node) ? formOf(node) : undefined;
    if (form === undefined) return [node];
    const [x] = node.inputs;
    const [y, booleans = ""] = node.outputs;
    const type = facts.get(x)?.type;
    if (type === undefined) throw errors.unknownRank(node, x);
    const input = freshName(`${y}_mask`, names);
    inputs.push({ name: input, type });
    masks.push({ input, value: y, ratio: ratioOf(graph, node, form), node: node.name });
    const product: Node = { name: node.name, opType: "Mul", domain: "", inputs: [x, input], outputs: [y], attributes: new Map() };
    if (booleans === "") return [product];
    const attribute = attributes({ to: onnxDType("bool") });
    return [product, { name: `${node.name}_mask`, opType: "Cast", domain: "", inputs: [input], outputs: [booleans], attributes: attribute }];
  });
  return { graph: validate({ ...graph, nodes, inputs: [...graph.inputs, ...inputs] }), masks };
}

/**
 * Leaves out the dropout nodes that `select` picks: readers take the value before them. One that makes an output of the graph, or is read
 * by a subgraph, becomes an identity; one whose mask is read stays, in inference form.
 */
export function deactivateDropout(graph: Graph, select: (node: Node) => boolean): Graph {
  const outputs = new Set(graph.outputs.map((o) => o.name));
  const nested = new Set(graph.nodes.flatMap((node) => readsOf(node).filter((name) => !node.inputs.includes(name))));
  const read = new Set([...outputs, ...graph.nodes.flatMap(readsOf)]);
  const source = new Map<string, string>();
  const nodes = graph.nodes.flatMap((given): readonly Node[] => {
    const node = given.inputs.some((name) => source.has(name)) ? { ...given, inputs: given.inputs.map((name) => source.get(name) ?? name) } : given;
    const form = formOf(node);
    if (form === undefined || !select(given)) return [node];
    const [y, mask = ""] = node.outputs;
    if (mask !== "" && read.has(mask)) return [definitionOf(node)?.inferenceForm?.(node) ?? node];
    const [x] = node.inputs;
    if (outputs.has(y) || nested.has(y)) return [{ ...node, opType: "Identity", inputs: [x], outputs: [y], attributes: new Map() }];
    source.set(y, x);
    return [];
  });
  return nodes.length === graph.nodes.length && nodes.every((node, i) => node === graph.nodes[i]) ? graph : validate({ ...graph, nodes });
}

function formOf(node: Node): DropoutForm | undefined {
  return definitionOf(node)?.dropout;
}

function ratioOf(graph: Graph, node: Node, form: DropoutForm): number {
  const tensorOf = (value: string): ReturnType<typeof tensorAttribute> => {
    const stored = graph.initializers.get(value);
    const maker = stored === undefined ? producers(graph).get(value) : undefined;
    return stored ?? (maker !== undefined && isConstantNode(maker) ? tensorAttribute(maker, "value") : undefined);
  };
  const ratio = form.ratio(node, (value) => {
    const tensor = tensorOf(value);
    return tensor === undefined ? undefined : numbersOf(tensor)[0];
  });
  if (ratio === undefined) throw errors.badOperand(node, "its ratio is computed when the model runs, but a mask needs to know it before");
  return ratio;
}
