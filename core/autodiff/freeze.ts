// The freeze analysis: for every parameter one of four marks, with the reason. It looks at where gradients can flow, never at names.

import { isFloat } from "../graph/tensor.js";
import { readsOf } from "../graph/traverse.js";
import type { Graph } from "../graph/types.js";
import type { Facts } from "../ops/define.js";
import { flowTo } from "./flow.js";
import type { Parameter } from "./parameters.js";

export type Mark = "trainable" | "frozen" | "blocked" | "buffer";
/** `stop`: a stopGradient on every path; `unused`: the loss does not use it; `op`: an operator without a gradient on every path. */
export type BlockedReason = "stop" | "unused" | "op";

export interface MarkedParameter extends Parameter {
  readonly mark: Mark;
  readonly reason?: BlockedReason;
}

/**
 * Marks parameters for one loss. `graph` is in the internal opset's form, with stopGradient nodes in place; `frozen` says what the
 * plan freezes. A weight inside a subgraph is blocked (`op`) unless a rule freezes it.
 */
export function analyseFreeze(
  graph: Graph,
  ys: readonly string[],
  parameters: readonly Parameter[],
  frozen: (parameter: Parameter) => boolean,
  facts: ReadonlyMap<string, Facts>,
): readonly MarkedParameter[] {
  const reach = reachability(graph, ys, (name) => facts.get(name) ?? { type: undefined });
  return parameters.map((parameter): MarkedParameter => {
    if (parameter.kind === "buffer") return { ...parameter, mark: "buffer" };
    if (frozen(parameter)) return { ...parameter, mark: "frozen" };
    const reason = reasonFor(parameter, reach);
    return reason === undefined ? { ...parameter, mark: "trainable" } : { ...parameter, mark: "blocked", reason };
  });
}

interface Reach {
  /** Values that the loss uses at all; without crossing a stop; and along gradient paths only. */
  readonly used: ReadonlySet<string>;
  readonly unstopped: ReadonlySet<string>;
  readonly differentiable: ReadonlySet<string>;
}

function reasonFor(parameter: Parameter, reach: Reach): BlockedReason | undefined {
  if (!reach.used.has(parameter.value)) return "unused";
  if (parameter.nested) return "op";
  // A quantised tensor has no gradient of its own; a plan that would train it is refused by name.
  if (reach.differentiable.has(parameter.value) && isFloat(parameter.dtype)) return undefined;
  return reach.unstopped.has(parameter.value) ? "op" : "stop";
}

function reachability(graph: Graph, ys: readonly string[], facts: (name: string) => Facts): Reach {
  const used = new Set(ys);
  const unstopped = new Set(ys);
  const differentiable = new Set(ys);
  for (let n = graph.nodes.length - 1; n >= 0; n--) {
    const node = graph.nodes[n];
    const isUsed = node.outputs.some((o) => used.has(o));
    if (!isUsed) continue;
    const isUnstopped = node.outputs.some((o) => unstopped.has(o));
    const isDifferentiable = node.outputs.some((o) => differentiable.has(o));
    for (const name of readsOf(node)) {
      used.add(name);
      const slots = node.inputs.flatMap((input, i) => (input === name ? [flowTo(node, i, facts).kind] : []));
      // Names that only a subgraph reads have no slot: no gradient reaches them.
      if (isUnstopped && (slots.length === 0 || slots.some((kind) => kind !== "stop"))) unstopped.add(name);
      if (isDifferentiable && slots.includes("flows")) differentiable.add(name);
    }
  }
  return { used, unstopped, differentiable };
}
