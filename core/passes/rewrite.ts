// Replaces patterns of nodes by others that compute the same. Which patterns there are, the operators' side says (`ops/rewrite.ts`); here is
// only the walk.

import { GraphBuilder, type Value } from "../graph/builder.js";
import type { Graph, Node } from "../graph/types.js";
import { validate } from "../graph/validate.js";
import { inferGraph, inferNode } from "../ops/infer.js";
import type { Made, Rewrite, RewriteContext } from "../ops/rewrite.js";
import { prune } from "./prune.js";

/**
 * Applies each rewrite wherever its pattern is, in the order of the nodes. Values that are replaced keep their names; nodes that nothing
 * reads any more are left out. The graph may be in the form of any opset; a rewrite that asks for another form leaves it alone.
 */
export function rewriteGraph(graph: Graph, rewrites: readonly Rewrite[]): Graph {
  const candidates = new Map<string, readonly Rewrite[]>();
  for (const rewrite of rewrites) candidates.set(rewrite.opType, [...(candidates.get(rewrite.opType) ?? []), rewrite]);
  if (!graph.nodes.some((node) => rewritesOf(node, candidates).length > 0)) return graph;
  const walk = new Walk(graph);
  for (const node of graph.nodes) walk.visit(node, rewritesOf(node, candidates));
  return walk.finish();
}

function rewritesOf(node: Node, candidates: ReadonlyMap<string, readonly Rewrite[]>): readonly Rewrite[] {
  const isPlain = (node.domain === "" || node.domain === "ai.onnx") && node.outputs.length === 1;
  return isPlain ? (candidates.get(node.opType) ?? []) : [];
}

class Walk {
  readonly #graph: Graph;
  readonly #builder: GraphBuilder;
  readonly #values = new Map<string, Value>();
  readonly #makers = new Map<string, Made>();
  /** Names that replaced values go by, by the names that their replacements were made under. */
  readonly #renamed = new Map<string, string>();

  constructor(graph: Graph) {
    this.#graph = graph;
    for (const [name, { type, ...known }] of inferGraph(graph, { tolerant: true }))
      if (type !== undefined) this.#values.set(name, { name, type, ...known });
    this.#builder = new GraphBuilder(
      { ...graph, nodes: [] },
      inferNode,
      graph.nodes.flatMap((node) => node.outputs),
    );
  }

  visit(node: Node, rewrites: readonly Rewrite[]): void {
    const made: Made = { node, inputs: node.inputs.map((name) => this.#values.get(name)) };
    const known = node.inputs.every((name, i) => name === "" || made.inputs[i] !== undefined);
    const output = this.#values.get(node.outputs[0]);
    for (const rewrite of known && output !== undefined ? rewrites : []) {
      this.#builder.scope = node.outputs[0];
      const replacement = rewrite.apply(this.#context(made, output as Value));
      if (replacement === undefined) continue;
      // Under its old name, so that whoever reads it, the graph's outputs among them, finds it.
      this.#renamed.set(replacement.name, node.outputs[0]);
      this.#values.set(node.outputs[0], replacement);
      return;
    }
    this.#builder.keep(node);
    for (const name of node.outputs) this.#makers.set(name, made);
  }

  finish(): Graph {
    const named = (name: string): string => this.#renamed.get(name) ?? name;
    const built = this.#builder.finish();
    const nodes = built.nodes.map((node) => ({ ...node, inputs: node.inputs.map(named), outputs: node.outputs.map(named) }));
    return validate(
      prune(
        { ...built, nodes },
        this.#graph.outputs.map((o) => o.name),
        { keepInputs: true },
      ),
    );
  }

  #context(made: Made, output: Value): RewriteContext {
    return {
      ...made,
      b: this.#builder,
      output,
      opset: this.#graph.opsets.get("") ?? 0,
      value: (name) => this.#values.get(name),
      maker: (value, ...types) => this.#maker(value, types),
    };
  }

  #maker(value: Value | undefined, opTypes: readonly string[]): Made | undefined {
    const made = value === undefined ? undefined : this.#makers.get(value.name);
    return made !== undefined && (made.node.domain === "" || made.node.domain === "ai.onnx") && opTypes.includes(made.node.opType) ? made : undefined;
  }
}
