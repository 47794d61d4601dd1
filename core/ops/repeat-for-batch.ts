// Frees operators that read a tensor with one entry for a batch of 1 beside the samples: a class token that is joined to them, the first
// state of a recurrent layer, the queries of an attention layer. The tensor is repeated for every sample, in the model's own opset.

import { attributes } from "../graph/attributes.js";
import { tensorOf } from "../graph/tensor.js";
import type { Node } from "../graph/types.js";
import { range } from "./axes.js";
import type { BatchAxis, BatchSite, UpgradeContext } from "./define.js";

/** An operand that does not vary with the samples, and the axis on which it should have one entry for each. */
export interface Unrepeated {
  readonly input: number;
  readonly axis: number;
}

/**
 * The node with those of its operands repeated that have one entry on the axis of the batch, or as many as there are for each sample.
 * `sample` is an operand that holds the batch on `axis`. Undefined where nothing has to be repeated, or the axis begins with something else.
 */
export function repeatForBatch(
  { node, inputs }: BatchSite,
  context: UpgradeContext,
  sample: { readonly input: number; readonly axis: BatchAxis },
  operands: readonly Unrepeated[],
): readonly Node[] | undefined {
  const { outer, inner } = sample.axis;
  const single = operands.filter(({ input, axis }) => inputs[input].type?.shape?.[axis] === inner);
  if (single.length === 0 || outer !== 1 || typeof inner !== "number") return undefined;
  const nodes: Node[] = [];
  const scope = scopeOf(node);
  const add = (opType: string, operandsOf: readonly string[], settings: Parameters<typeof attributes>[0] = {}): string => {
    const output = context.fresh(`${node.outputs[0]}_${opType.toLowerCase()}`);
    nodes.push({
      name: context.fresh(`${scope}/${opType}`),
      opType,
      domain: "",
      inputs: operandsOf,
      outputs: [output],
      attributes: attributes(settings),
    });
    return output;
  };
  const ints = (values: readonly number[]): string => context.constant(tensorOf("int64", values));
  const whole = add("Gather", [add("Shape", [node.inputs[sample.input]]), ints([sample.axis.axis])], { axis: 0 });
  const size = inner === 1 ? whole : add("Div", [whole, ints([inner])]);
  const repeated = new Map(
    single.map(({ input, axis }) => {
      const behind = (inputs[input].type?.shape?.length ?? 0) - axis - 1;
      const ones = (count: number): readonly string[] => (count > 0 ? [ints(range(count).map(() => 1))] : []);
      const target = add("Concat", [...ones(axis), size, ...ones(behind)], { axis: 0 });
      // A parameter is found behind Expand. What is computed, and has several entries for each sample, is repeated as a block.
      return [input, add(inner === 1 ? "Expand" : "Tile", [node.inputs[input], target])] as const;
    }),
  );
  return [...nodes, { ...node, inputs: node.inputs.map((name, i) => repeated.get(i) ?? name) }];
}

/** What comes before the operator type in a node's name: a parameter that is repeated keeps the path that it had. */
function scopeOf({ name, opType }: Node): string {
  const parent = name.endsWith(`/${opType}`) ? name.slice(0, -opType.length - 1) : "";
  return parent === "" ? name : parent;
}
