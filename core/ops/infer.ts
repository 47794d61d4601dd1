// Runs the operators' shape rules over a node or a whole graph. Graphs are expected in the internal opset's form.

import { tensorAttribute } from "../graph/attributes.js";
import { EngineError } from "../errors.js";
import type { InferNode } from "../graph/builder.js";
import { isStatic, symbol } from "../graph/dims.js";
import type { Dim, Graph, Node, TensorType, ValueType } from "../graph/types.js";
import type { Facts, Site } from "./define.js";
import { factsOfTensor, longestFollowed } from "./facts.js";
import { definitionOf, isConstantNode } from "./index.js";

export { factsOfTensor };

const nothing: Facts = { type: undefined };

/** Facts of a declared type; `undefined` where it is not a dense tensor. Names of the file become symbols. */
export function factsOfType(type: ValueType | undefined): Facts {
  if (type?.kind !== "tensor") return nothing;
  const { dtype, shape } = type;
  return {
    type: {
      kind: "tensor",
      dtype,
      ...(shape === undefined ? {} : { shape: shape.map((d) => (typeof d === "string" && !d.startsWith("?") ? symbol(d) : d)) }),
    },
  };
}

/** A node with what is known of its inputs. */
export function siteOf(node: Node, inputs: readonly Facts[]): Site {
  return {
    node,
    inputs,
    numbers: (i) => {
      const ints = inputs[i]?.ints;
      return isStatic(ints) ? ints : undefined;
    },
  };
}

/** Facts of a node's outputs. An unknown operator gives nothing. @throws model/shape */
export function inferOutputs(node: Node, inputs: readonly Facts[]): readonly Facts[] {
  const definition = definitionOf(node);
  if (definition === undefined) return node.outputs.map(() => nothing);
  const held = isConstantNode(node) ? tensorAttribute(node, "value") : undefined;
  if (held !== undefined) return [factsOfTensor(held)];
  const site = siteOf(node, inputs);
  const types = definition.infer(
    inputs.map((f) => f.type),
    site,
  );
  const folded = definition.fold?.(site);
  const floats = definition.foldFloats?.(site);
  return node.outputs.map((_, i) => {
    const ints: readonly Dim[] | undefined = folded?.[i];
    const followed = ints !== undefined && ints.length <= longestFollowed;
    return { type: types[i], ...(followed ? { ints } : {}), ...(floats === undefined || floats.length > longestFollowed ? {} : { floats }) };
  });
}

/** The inference that `GraphBuilder` asks for: every type must come out known, at least in its element type. */
export const inferNode: InferNode = (node, inputs) =>
  inferOutputs(
    node,
    inputs.map((v) => v ?? nothing),
  ).map(({ type, ints }) => ({ type: type ?? { kind: "tensor", dtype: "float32" }, ...(ints === undefined ? {} : { ints }) }));

export interface InferOptions {
  /** Types that replace the declared ones of inputs, e.g. with a symbolic or a concrete batch. */
  readonly inputs?: ReadonlyMap<string, TensorType>;
  /** Use the file's declared types of inner values where no rule knows better (default true). */
  readonly trustDeclared?: boolean;
  /** Take a node whose operands cannot fit for one whose outputs are unknown (default false): where nothing is going to be computed from them. */
  readonly tolerant?: boolean;
}

/** Facts of every value of the graph; a value that is absent from the answer is unknown. @throws model/shape */
export function inferGraph(graph: Graph, { inputs, trustDeclared = true, tolerant = false }: InferOptions = {}): ReadonlyMap<string, Facts> {
  const facts = new Map<string, Facts>();
  for (const { name, type } of graph.inputs) facts.set(name, inputs?.has(name) === true ? { type: inputs.get(name) } : factsOfType(type));
  for (const [name, tensor] of graph.initializers) facts.set(name, factsOfTensor(tensor));
  for (const [name, { values, shape }] of graph.sparseInitializers) facts.set(name, { type: { kind: "tensor", dtype: values.dtype, shape } });
  const declared = new Map([...graph.valueTypes, ...graph.outputs.map((o) => [o.name, o] as const)]);
  for (const node of graph.nodes) {
    const inputFacts = node.inputs.map((name) => facts.get(name) ?? nothing);
    const outputs = tolerant ? inferTolerantly(node, inputFacts) : inferOutputs(node, inputFacts);
    node.outputs.forEach((name, i) => {
      if (name === "") return;
      const known = outputs[i];
      const fallback = trustDeclared && known.type?.shape === undefined ? factsOfType(declared.get(name)?.type) : nothing;
      facts.set(name, fallback.type === undefined ? known : { ...known, type: fallback.type });
    });
  }
  return facts;
}

function inferTolerantly(node: Node, inputs: readonly Facts[]): readonly Facts[] {
  try {
    return inferOutputs(node, inputs);
  } catch (error) {
    if (error instanceof EngineError) return node.outputs.map(() => nothing);
    throw error;
  }
}
