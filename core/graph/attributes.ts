// Reading and making node attributes. ONNX stores integers as int64; here they are bigints in the IR and numbers at the edges.

import * as errors from "../errors.js";
import type { Attribute, AttributeType, Graph, Node, Tensor } from "./types.js";

type Plain = number | string | readonly number[] | Tensor | Attribute;

const utf8 = new TextDecoder();

/** An attribute from a plain value: numbers become `int`; use `float(x)` for floats. */
export function attribute(value: Plain): Attribute {
  if (typeof value === "number") return { type: "int", value: BigInt(value) };
  if (typeof value === "string") return { type: "string", value: new TextEncoder().encode(value) };
  if (Array.isArray(value)) return { type: "ints", value: (value as readonly number[]).map(BigInt) };
  if ("dtype" in (value as object)) return { type: "tensor", value: value as Tensor };
  return value as Attribute;
}

export function float(value: number): Attribute {
  return { type: "float", value };
}

export function floats(value: readonly number[]): Attribute {
  return { type: "floats", value };
}

/** Attributes by name from plain values; undefined ones are left out. */
export function attributes(values: Readonly<Record<string, Plain | undefined>>): ReadonlyMap<string, Attribute> {
  const map = new Map<string, Attribute>();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) map.set(name, attribute(value));
  return map;
}

function read<T extends AttributeType>(node: Node, name: string, type: T): Extract<Attribute, { type: T }> | undefined {
  const found = node.attributes.get(name);
  if (found === undefined) return undefined;
  if (found.type !== type) throw errors.wrongAttributeType(node, name, type, found.type);
  return found as Extract<Attribute, { type: T }>;
}

/** @throws model/attribute-type; model/attribute-missing where there is no fallback */
export function intAttribute(node: Node, name: string, fallback?: number): number {
  const value = read(node, name, "int");
  if (value !== undefined) return Number(value.value);
  if (fallback === undefined) throw errors.missingAttribute(node, name);
  return fallback;
}

export function floatAttribute(node: Node, name: string, fallback?: number): number {
  const value = read(node, name, "float");
  if (value !== undefined) return value.value;
  if (fallback === undefined) throw errors.missingAttribute(node, name);
  return fallback;
}

export function stringAttribute(node: Node, name: string, fallback?: string): string {
  const value = read(node, name, "string");
  if (value !== undefined) return utf8.decode(value.value);
  if (fallback === undefined) throw errors.missingAttribute(node, name);
  return fallback;
}

export function intsAttribute(node: Node, name: string): readonly number[] | undefined {
  return read(node, name, "ints")?.value.map(Number);
}

export function tensorAttribute(node: Node, name: string): Tensor | undefined {
  return read(node, name, "tensor")?.value;
}

/** Every subgraph of a node (If, Loop, Scan, …), with the attribute's name. */
export function subgraphs(node: Node): readonly { readonly name: string; readonly graph: Graph }[] {
  const found: { name: string; graph: Graph }[] = [];
  for (const [name, value] of node.attributes) {
    if (value.type === "graph") found.push({ name, graph: value.value });
    else if (value.type === "graphs") found.push(...value.value.map((graph) => ({ name, graph })));
  }
  return found;
}
