// A graph as text, one node a line: for golden tests and for people. Equal graphs give equal text; node names and what only the
// file format knows are left out.

import { formatShape } from "./dims.js";
import { bytesOf, numbersOf, size } from "./tensor.js";
import {
  functionKey,
  type Attribute,
  type FunctionDefinition,
  type Graph,
  type Node,
  type SparseTensor,
  type Tensor,
  type ValueType,
} from "./types.js";

export interface PrintOptions {
  /** Types to write behind the nodes, by value (default: none). */
  readonly types?: (value: string) => ValueType | undefined;
}

/** Tensors of up to this many elements are printed with them. */
const longestInline = 8;

/**
 * The graph's text: inputs, initializers, nodes, outputs, then functions. A node reads
 * `y = Conv[group=1](x, w)  # float32[N, 64, 28, 28]`; `_` stands for an operand or a result that is left out.
 */
export function printGraph(graph: Graph, { types = () => undefined }: PrintOptions = {}): string {
  const opsets = [...graph.opsets].map(([domain, version]) => `${domain === "" ? "ai.onnx" : domain} ${version}`);
  const lines = [`graph ${nameText(graph.name)} (${opsets.join(", ")})`, ...indent(bodyLines(graph, types))];
  for (const definition of graph.functions.values()) lines.push("", ...functionLines(definition));
  return `${lines.join("\n")}\n`;
}

function bodyLines(graph: Graph, types: (value: string) => ValueType | undefined): readonly string[] {
  return [
    ...graph.inputs.map(({ name, type }) => `input ${nameText(name)}: ${formatType(type)}`),
    ...[...graph.initializers].map(([name, tensor]) => `${nameText(name)}: ${formatTensor(tensor)}`),
    ...[...graph.sparseInitializers].map(([name, tensor]) => `${nameText(name)}: ${formatSparse(tensor)}`),
    ...graph.nodes.flatMap((node) => nodeLines(node, types)),
    ...graph.outputs.map(({ name, type }) => `output ${nameText(name)}: ${formatType(type)}`),
  ];
}

function functionLines(definition: FunctionDefinition): readonly string[] {
  const { inputs, outputs, attributes, attributeDefaults, nodes } = definition;
  const defaults = [...attributeDefaults].map(([name, value]) => `${name}=${formatAttribute(value)}`);
  const parameters = [...attributes, ...defaults];
  const bracket = parameters.length === 0 ? "" : `[${parameters.join(", ")}]`;
  const head = `function ${functionKey(definition)}${bracket}(${inputs.map(nameText).join(", ")}) → ${outputs.map(nameText).join(", ")}`;
  return [head, ...indent(nodes.flatMap((node) => nodeLines(node, () => undefined)))];
}

function nodeLines(node: Node, types: (value: string) => ValueType | undefined): readonly string[] {
  const attributes = [...node.attributes].sort(([a], [b]) => (a < b ? -1 : 1));
  const plain = attributes.filter(([, value]) => value.type !== "graph" && value.type !== "graphs");
  const bracket = plain.length === 0 ? "" : `[${plain.map(([name, value]) => `${name}=${formatAttribute(value)}`).join(", ")}]`;
  const op = node.domain === "" ? node.opType : `${node.domain}.${node.opType}`;
  const known = node.outputs.map((name) => (name === "" ? undefined : types(name)));
  const comment = known.every((type) => type === undefined) ? "" : `  # ${known.map(formatType).join(", ")}`;
  const call = `${node.outputs.map(nameText).join(", ")} = ${op}${bracket}(${node.inputs.map(nameText).join(", ")})${comment}`;
  const nested = attributes.flatMap(([name, value]) => {
    if (value.type !== "graph" && value.type !== "graphs") return [];
    const graphs = value.type === "graph" ? [value.value] : value.value;
    return graphs.flatMap((graph) => [`${name}:`, ...indent(bodyLines(graph, types))]);
  });
  return [call, ...indent(nested)];
}

function indent(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}

function nameText(name: string): string {
  if (name === "") return "_";
  return /^[\p{L}\p{N}_./:-]+$/u.test(name) ? name : JSON.stringify(name);
}

/** `float32[N, 3]`, `sequence(int64[?])`, `…` where nothing is known. */
function formatType(type: ValueType | undefined): string {
  switch (type?.kind) {
    case "tensor":
      return `${type.dtype}${formatShape(type.shape)}`;
    case "sparseTensor":
      return `sparse ${type.dtype}${formatShape(type.shape)}`;
    case "sequence":
    case "optional":
      return `${type.kind}(${formatType(type.element)})`;
    case "map":
      return `map(${type.key}, ${formatType(type.value)})`;
    default:
      return "…";
  }
}

function formatTensor(tensor: Tensor): string {
  const type = `${tensor.dtype}${formatShape(tensor.shape)}`;
  const values = size(tensor) > longestInline ? undefined : elementsText(tensor);
  if (values === undefined) return type;
  return tensor.shape.length === 0 ? `${type} = ${values.join("")}` : `${type} = [${values.join(", ")}]`;
}

function formatSparse({ shape, values, indices }: SparseTensor): string {
  return `sparse ${values.dtype}${formatShape(shape)} (values ${formatTensor(values)}, indices ${formatTensor(indices)})`;
}

function elementsText(tensor: Tensor): readonly string[] {
  if (!(tensor.data instanceof Uint8Array)) return tensor.data.map(stringText);
  // These are not readable as numbers; their bytes tell them apart as well.
  if (tensor.dtype.startsWith("float8") || tensor.dtype === "float4e2m1") return [`0x${Buffer.from(bytesOf(tensor)).toString("hex")}`];
  const isSingle = tensor.dtype === "float32" || tensor.dtype === "complex64";
  return Array.from(numbersOf(tensor), (value) => (isSingle ? singleText(value) : numberText(value)));
}

/** The shortest decimal that rounds to the same float32. */
function singleText(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Object.is(Math.fround(short), value)) return numberText(short);
  }
  return numberText(value);
}

function numberText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function stringText(bytes: Uint8Array): string {
  return JSON.stringify(new TextDecoder().decode(bytes));
}

function formatAttribute(attribute: Attribute): string {
  const list = (texts: readonly string[]): string => `[${texts.join(", ")}]`;
  switch (attribute.type) {
    case "float":
      return singleText(attribute.value);
    case "int":
      return String(attribute.value);
    case "string":
      return stringText(attribute.value);
    case "tensor":
      return formatTensor(attribute.value);
    case "sparseTensor":
      return formatSparse(attribute.value);
    case "type":
      return formatType(attribute.value);
    case "floats":
      return list(attribute.value.map(singleText));
    case "ints":
      return list(attribute.value.map(String));
    case "strings":
      return list(attribute.value.map(stringText));
    case "tensors":
      return list(attribute.value.map(formatTensor));
    case "sparseTensors":
      return list(attribute.value.map(formatSparse));
    case "types":
      return list(attribute.value.map(formatType));
    case "reference":
      return `@${attribute.name}`;
    case "graph":
    case "graphs":
      return "…";
  }
}
