// Rewrites a graph to the internal opset with the operators' own upgrade rules. Operators that have none, or that are not known, are
// left as they are: newer opsets mean the same by them.

import { subgraphs } from "../graph/attributes.js";
import type { Attribute, Graph, Node, Tensor } from "../graph/types.js";
import { validate } from "../graph/validate.js";
import { factsOfTensor, factsOfType, inferOutputs } from "../ops/infer.js";
import { definitionOf, internalOpset } from "../ops/index.js";
import type { Facts, UpgradeContext } from "../ops/define.js";
import { freshName } from "../graph/names.js";

const nothing: Facts = { type: undefined };

const upgraded = new WeakMap<Graph, Graph>();

/**
 * The same computation in the internal opset. Values keep their names, and added tensors get new ones; subgraphs are rewritten too.
 * The graph itself where it already is in that form.
 */
export function upgradeOpset(graph: Graph): Graph {
  const version = graph.opsets.get("");
  if (version === internalOpset) return graph;
  const known = upgraded.get(graph);
  if (known !== undefined) return known;
  const opsets = new Map([...graph.opsets, ["", internalOpset] as const]);
  // A graph that imports no version of ai.onnx uses none of its operators.
  const rewritten = new Upgrader(graph, { from: version ?? internalOpset, opsets, names: namesOf(graph) }, undefined).run();
  const result = validate(rewritten);
  upgraded.set(graph, result);
  return result;
}

/** Every value name of a graph and of the graphs inside it. */
function namesOf(graph: Graph, names = new Set<string>()): Set<string> {
  for (const { name } of graph.inputs) names.add(name);
  for (const name of [...graph.initializers.keys(), ...graph.sparseInitializers.keys()]) names.add(name);
  for (const node of graph.nodes) {
    for (const name of node.outputs) names.add(name);
    for (const { graph: inner } of subgraphs(node)) namesOf(inner, names);
  }
  return names;
}

/** What a graph and the graphs inside it share. */
interface Shared {
  readonly from: number;
  readonly opsets: ReadonlyMap<string, number>;
  readonly names: Set<string>;
}

class Upgrader {
  readonly #graph: Graph;
  readonly #shared: Shared;
  readonly #outer: Upgrader | undefined;
  readonly #added = new Map<string, Tensor>();
  readonly #facts = new Map<string, Facts>();
  /** Rewritten nodes, and how many of them have been inferred: types are asked for rarely. */
  readonly #nodes: Node[] = [];
  #inferred = 0;
  readonly #context: UpgradeContext = {
    constant: (tensor) => this.#constant(tensor),
    fresh: (hint) => this.#fresh(hint),
    facts: (value) => this.facts(value),
  };

  constructor(graph: Graph, shared: Shared, outer: Upgrader | undefined) {
    this.#graph = graph;
    this.#shared = shared;
    this.#outer = outer;
    for (const { name, type } of graph.inputs) this.#facts.set(name, factsOfType(type));
    for (const [name, tensor] of graph.initializers) this.#facts.set(name, factsOfTensor(tensor));
  }

  run(): Graph {
    for (const node of this.#graph.nodes) this.#nodes.push(...this.#upgrade(this.#withSubgraphs(node), this.#shared.from));
    return { ...this.#graph, nodes: this.#nodes, opsets: this.#shared.opsets, initializers: new Map([...this.#graph.initializers, ...this.#added]) };
  }

  #constant(tensor: Tensor): string {
    const name = this.#fresh("upgraded");
    this.#added.set(name, tensor);
    this.#facts.set(name, factsOfTensor(tensor));
    return name;
  }

  #fresh(hint: string): string {
    return freshName(hint, this.#shared.names);
  }

  facts(value: string): Facts {
    for (; this.#inferred < this.#nodes.length; this.#inferred++) {
      const node = this.#nodes[this.#inferred];
      const outputs = inferOutputs(node, node.inputs.map((name) => this.#known(name))); // prettier-ignore
      for (const [i, name] of node.outputs.entries()) if (name !== "") this.#facts.set(name, outputs[i]);
    }
    return this.#known(value);
  }

  #known(value: string): Facts {
    const found = this.#facts.get(value) ?? this.#outer?.facts(value) ?? nothing;
    return found.type?.shape === undefined ? { ...found, type: this.#declared(value) ?? found.type } : found;
  }

  #declared(value: string): Facts["type"] {
    const info = this.#graph.valueTypes.get(value) ?? this.#graph.outputs.find((o) => o.name === value);
    return factsOfType(info?.type).type;
  }

  /** The rewrites from opset `from` on, in order; a rule may make nodes that newer rules rewrite again. */
  #upgrade(node: Node, from: number): readonly Node[] {
    const steps = definitionOf(node)?.upgrades.filter(({ to }) => to > from && to <= internalOpset) ?? [];
    if (steps.length === 0) return [node];
    const [first] = steps.toSorted((a, b) => a.to - b.to);
    return first.rewrite(node, this.#context).flatMap((next) => this.#upgrade(next, first.to));
  }

  #withSubgraphs(node: Node): Node {
    const changed = [...node.attributes].map(([name, attribute]): [string, Attribute] => {
      if (attribute.type === "graph") return [name, { ...attribute, value: this.#inner(attribute.value) }];
      if (attribute.type === "graphs") return [name, { ...attribute, value: attribute.value.map((inner) => this.#inner(inner)) }];
      return [name, attribute];
    });
    return changed.some(([name, attribute]) => node.attributes.get(name) !== attribute) ? { ...node, attributes: new Map(changed) } : node;
  }

  #inner(graph: Graph): Graph {
    return new Upgrader(graph, this.#shared, this).run();
  }
}
