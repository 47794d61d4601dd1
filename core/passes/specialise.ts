// Gives a graph's inputs concrete types, so that shape rules and the runtime see numbers where the file has symbols.

import * as errors from "../errors.js";
import { formatShape, isStatic, substitute, symbol } from "../graph/dims.js";
import type { Dim, Graph, TensorType, ValueInfo, ValueType } from "../graph/types.js";
import { validate } from "../graph/validate.js";

/**
 * The graph with the given types in place of its inputs' own. A symbol that they bind to a number is replaced in the declared types of
 * all other values too; inputs that are not named keep their types but for that.
 * @throws model/input-type where a given type cannot be the declared one
 */
export function bindInputs(graph: Graph, types: ReadonlyMap<string, TensorType>): Graph {
  const bindings = new Map<string, Dim>();
  for (const { name, type } of graph.inputs) {
    const given = types.get(name);
    if (given !== undefined && type?.kind === "tensor") bind(name, type, given, bindings);
  }
  const rewrite = (info: ValueInfo): ValueInfo => ({ ...info, type: substituteType(info.type, bindings) });
  return validate({
    ...graph,
    inputs: graph.inputs.map((info) => (types.has(info.name) ? { ...info, type: types.get(info.name) } : rewrite(info))),
    outputs: graph.outputs.map(rewrite),
    valueTypes: new Map([...graph.valueTypes].map(([name, info]) => [name, rewrite(info)])),
  });
}

function bind(name: string, declared: TensorType, given: TensorType, bindings: Map<string, Dim>): void {
  const [from, to] = [declared.shape, given.shape];
  const fits = (d: Dim, i: number): boolean => typeof d === "string" || d === to?.[i] || typeof to?.[i] === "string";
  if (declared.dtype !== given.dtype || (from !== undefined && to !== undefined && !(from.length === to.length && from.every(fits))))
    throw errors.inputType(name, `${declared.dtype} ${formatShape(from)}`, `${given.dtype} ${formatShape(to)}`);
  if (from === undefined || to === undefined) return;
  for (const [i, size] of from.entries()) {
    if (typeof size !== "string" || size.startsWith("?") || typeof to[i] !== "number") continue;
    const known = bindings.get(symbol(size) as string);
    if (known !== undefined && known !== to[i]) throw errors.inputType(name, `${size} = ${known}`, formatShape(to));
    bindings.set(symbol(size) as string, to[i]);
  }
}

function substituteType(type: ValueType | undefined, bindings: ReadonlyMap<string, Dim>): ValueType | undefined {
  if (type?.kind !== "tensor" || type.shape === undefined || isStatic(type.shape)) return type;
  return { ...type, shape: type.shape.map((d) => (typeof d === "string" && !d.startsWith("?") ? substitute(symbol(d), bindings) : d)) };
}
