// Replaces calls of model-local functions by their bodies, so that everything behind it sees operators only.

import * as errors from "../errors.js";
import { subgraphs } from "../graph/attributes.js";
import { validate } from "../graph/validate.js";
import { functionKey, type Attribute, type FunctionDefinition, type Graph, type Node } from "../graph/types.js";
import { definitionOf } from "../ops/index.js";
import { freshName } from "../graph/names.js";

/**
 * The graph without functions. Values of a body are called `<call>/<name>`; what a call does not pass on takes the function's default.
 * @throws model/function-opset where a body uses an operator that the model's opset has in another form; model/function-recursive
 */
export function inlineFunctions(graph: Graph): Graph {
  if (graph.functions.size === 0) return graph;
  const inliner = new Inliner(graph);
  const nodes = inliner.expand(graph.nodes, []);
  const used = domainsOf(nodes);
  const called = new Set([...graph.functions.values()].map((f) => f.domain));
  const opsets = new Map([...inliner.opsets].filter(([domain]) => used.has(domain) || !called.has(domain)));
  return validate({ ...graph, opsets, nodes: nodes.map((node) => withOpsets(node, opsets)), functions: new Map() });
}

class Inliner {
  /** The graph's opsets with those that bodies add. */
  readonly opsets: Map<string, number>;
  readonly #functions: ReadonlyMap<string, FunctionDefinition>;
  readonly #values = new Set<string>();
  /** Names of nodes are a space of their own, and a runtime refuses a graph that has one twice. */
  readonly #nodes = new Set<string>();

  constructor(graph: Graph) {
    this.opsets = new Map(graph.opsets);
    this.#functions = graph.functions;
    collectNames(graph, this.#values, this.#nodes);
  }

  /** The nodes with every call replaced, also in their subgraphs. `calls` are the functions being expanded, outermost first. */
  expand(nodes: readonly Node[], calls: readonly string[]): readonly Node[] {
    return nodes.flatMap((node) => {
      const key = functionKey({ domain: node.domain, name: node.opType, ...(node.overload === undefined ? {} : { overload: node.overload }) });
      const definition = this.#functions.get(key);
      if (definition === undefined) return [mapSubgraphs(node, (graph) => ({ ...graph, nodes: this.expand(graph.nodes, calls) }))];
      if (calls.includes(key)) throw errors.recursiveFunction(definition.name);
      this.#importOpsets(definition);
      return this.expand(this.#body(node, definition), [...calls, key]);
    });
  }

  #body(call: Node, definition: FunctionDefinition): readonly Node[] {
    const scope = call.name === "" ? call.opType : call.name;
    const names = new Map(definition.inputs.map((name, i) => [name, call.inputs[i] ?? ""]));
    const copies: Node[] = [];
    for (const [i, name] of definition.outputs.entries()) {
      const output = call.outputs[i] ?? "";
      if (output === "") continue;
      if (!names.has(name)) names.set(name, output);
      // An output that is an input as well, or that is listed twice, needs a node of its own.
      else
        copies.push({
          name: freshName(`${scope}/Identity`, this.#nodes),
          opType: "Identity",
          domain: "",
          inputs: [name],
          outputs: [output],
          attributes: new Map(),
        });
    }
    const rename = (name: string): string => {
      if (name === "") return "";
      let found = names.get(name);
      if (found === undefined) names.set(name, (found = freshName(`${scope}/${name}`, this.#values)));
      return found;
    };
    const resolve = (attribute: Attribute, name: string, node: Node): Attribute | undefined => {
      if (attribute.type !== "reference") return attribute;
      const value = call.attributes.get(attribute.name) ?? definition.attributeDefaults.get(attribute.name);
      if (value !== undefined && value.type !== attribute.of && !(value.type === "reference" && value.of === attribute.of)) {
        throw errors.wrongAttributeType(node, name, attribute.of, value.type);
      }
      return value;
    };
    const instantiate = (node: Node): Node => ({
      ...node,
      name: node.name === "" ? "" : freshName(`${scope}/${node.name}`, this.#nodes),
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
      attributes: instantiateAttributes(node),
    });
    const instantiateAttributes = (node: Node): ReadonlyMap<string, Attribute> => {
      const attributes = new Map<string, Attribute>();
      for (const [name, attribute] of mapSubgraphs(node, instantiateGraph).attributes) {
        const value = resolve(attribute, name, node);
        if (value !== undefined) attributes.set(name, value);
      }
      return attributes;
    };
    const instantiateGraph = (graph: Graph): Graph => ({
      ...graph,
      inputs: graph.inputs.map((info) => ({ ...info, name: rename(info.name) })),
      initializers: new Map([...graph.initializers].map(([name, tensor]) => [rename(name), tensor])),
      sparseInitializers: new Map([...graph.sparseInitializers].map(([name, tensor]) => [rename(name), tensor])),
      nodes: graph.nodes.map(instantiate),
      outputs: graph.outputs.map((info) => ({ ...info, name: rename(info.name) })),
      valueTypes: new Map(),
    });
    return [...definition.nodes.map(instantiate), ...copies.map((copy) => ({ ...copy, inputs: copy.inputs.map(rename) }))];
  }

  /** The body has to mean the same under the model's opsets, which grow by domains that only the function imports. */
  #importOpsets({ name, nodes, opsets }: FunctionDefinition): void {
    for (const [domain, own] of opsets) {
      const version = this.opsets.get(domain);
      if (version === undefined) this.opsets.set(domain, own);
      if (version === undefined || version === own) continue;
      const different = findNode(nodes, (node) => node.domain === domain && !this.#isCall(node) && changes(node, own, version));
      if (different !== undefined) throw errors.functionOpset(name, different, domain, own, version);
    }
  }

  #isCall(node: Node): boolean {
    return this.#functions.has(functionKey({ domain: node.domain, name: node.opType, overload: node.overload ?? "" }));
  }
}

/** Whether the operator's form may differ between two opsets; of an operator that is not known it may. */
function changes(node: Node, a: number, b: number): boolean {
  const definition = definitionOf(node);
  if (definition === undefined) return true;
  const [low, high] = [Math.min(a, b), Math.max(a, b)];
  return [definition.since, ...definition.upgrades.map((upgrade) => upgrade.to)].some((opset) => opset > low && opset <= high);
}

function findNode(nodes: readonly Node[], matches: (node: Node) => boolean): Node | undefined {
  for (const node of nodes) {
    if (matches(node)) return node;
    for (const { graph } of subgraphs(node)) {
      const found = findNode(graph.nodes, matches);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function mapSubgraphs(node: Node, map: (graph: Graph) => Graph): Node {
  if (subgraphs(node).length === 0) return node;
  const attributes = new Map<string, Attribute>();
  for (const [name, attribute] of node.attributes) {
    if (attribute.type === "graph") attributes.set(name, { ...attribute, value: map(attribute.value) });
    else if (attribute.type === "graphs") attributes.set(name, { ...attribute, value: attribute.value.map(map) });
    else attributes.set(name, attribute);
  }
  return { ...node, attributes };
}

function withOpsets(node: Node, opsets: ReadonlyMap<string, number>): Node {
  return mapSubgraphs(node, (graph) => ({ ...graph, opsets, nodes: graph.nodes.map((inner) => withOpsets(inner, opsets)) }));
}

function domainsOf(nodes: readonly Node[], found = new Set<string>()): ReadonlySet<string> {
  for (const node of nodes) {
    found.add(node.domain);
    for (const { graph } of subgraphs(node)) domainsOf(graph.nodes, found);
  }
  return found;
}

function collectNames(graph: Graph, values: Set<string>, nodes: Set<string>): void {
  for (const { name } of [...graph.inputs, ...graph.outputs]) values.add(name);
  for (const name of [...graph.initializers.keys(), ...graph.sparseInitializers.keys()]) values.add(name);
  for (const node of graph.nodes) {
    nodes.add(node.name);
    for (const name of node.outputs) values.add(name);
    for (const { graph: inner } of subgraphs(node)) collectNames(inner, values, nodes);
  }
}
