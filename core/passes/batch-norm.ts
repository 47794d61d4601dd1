// Lets normalisation layers use the statistics of the batch: they become plain arithmetic, through which gradients flow into the
// statistics too. What the arithmetic is, the operator's definition says.

import type { Graph, Node, Tensor } from "../graph/types.js";
import { freshName } from "../graph/names.js";
import { validate } from "../graph/validate.js";
import { definitionOf } from "../ops/index.js";
import { inferGraph } from "../ops/infer.js";
import type { BatchStatistics, UpgradeContext } from "../ops/define.js";

/** What a training step does to one layer's running statistics: running · momentum + batch · (1 − momentum). */
export interface StatisticsOfBatch extends Omit<BatchStatistics, "nodes"> {
  readonly node: Node;
}

/**
 * Rewrites the nodes that `select` picks among those which can normalise by the batch. `graph` is in the internal opset's form. The
 * variance that the updates speak of is that of the population (divided by the count), as ONNX defines it.
 */
export function useBatchStatistics(
  graph: Graph,
  select: (node: Node) => boolean,
): { readonly graph: Graph; readonly updates: readonly StatisticsOfBatch[] } {
  const facts = inferGraph(graph);
  const initializers = new Map<string, Tensor>(graph.initializers);
  const names = new Set([...graph.inputs.map((i) => i.name), ...initializers.keys(), ...graph.nodes.flatMap((n) => n.outputs)]);
  const fresh = (hint: string): string => freshName(hint, names);
  const context: UpgradeContext = {
    constant: (tensor) => {
      const name = fresh("statistics_constant");
      initializers.set(name, tensor);
      return name;
    },
    fresh,
    facts: (value) => facts.get(value) ?? { type: undefined },
  };
  const updates: StatisticsOfBatch[] = [];
  const nodes = graph.nodes.flatMap((node) => {
    const compose = definitionOf(node)?.batchStatistics;
    if (compose === undefined || !select(node)) return [node];
    const { nodes: composed, ...update } = compose(node, context);
    updates.push({ node, ...update });
    return composed;
  });
  return { graph: validate({ ...graph, nodes, initializers }), updates };
}
