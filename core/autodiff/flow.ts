// Where gradients can flow: which inputs of a node pass a gradient on, and if not, why. The one place that reads the operators'
// gradient stances; the driver and the freeze analysis both ask here.

import { isFloat } from "../graph/tensor.js";
import type { Node } from "../graph/types.js";
import { definitionOf } from "../ops/index.js";
import { siteOf } from "../ops/infer.js";
import type { Facts } from "../ops/define.js";

/** `flows`; `zero`: the output does not vary with it, or it is a setting; `stop`: a stop-gradient; `unsupported`: nobody wrote a rule. */
export type Flow = { readonly kind: "flows" | "zero" | "stop" } | { readonly kind: "unsupported"; readonly reason: string };

const flows: Flow = { kind: "flows" };
const zero: Flow = { kind: "zero" };

/** How a gradient would pass from the node's outputs to its input `i`. */
export function flowTo(node: Node, i: number, facts: (value: string) => Facts): Flow {
  const definition = definitionOf(node);
  const type = facts(node.inputs[i]).type;
  if (type !== undefined && !isFloat(type.dtype)) return zero;
  if (definition === undefined)
    return { kind: "unsupported", reason: `Frostline has no gradient for ${node.domain === "" ? "" : `${node.domain}.`}${node.opType}` };
  if (definition.stop) return { kind: "stop" };
  if (definition.grad === "zero" || definition.settings.includes(i)) return zero;
  const reason = whyUnsupported(node, facts);
  return reason === undefined ? flows : { kind: "unsupported", reason };
}

/** Why a node has no gradient; undefined where it has one, or where its gradient is zero. */
export function whyUnsupported(node: Node, facts: (value: string) => Facts): string | undefined {
  const definition = definitionOf(node);
  if (definition === undefined) return `Frostline has no gradient for ${node.domain === "" ? "" : `${node.domain}.`}${node.opType}`;
  if (definition.grad === "zero" || definition.stop) return undefined;
  if (typeof definition.grad === "object") return definition.grad.unsupported;
  return definition.unsupportedForm?.(siteOf(node, node.inputs.map(facts)));
}
