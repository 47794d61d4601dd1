// Model files into the IR. Whatever the IR has no place for goes into `wire`, so that encode.ts can write the same fields again.
// Reading files is file.ts's affair; saying what a file is that holds no model, diagnose.ts's.

import { fromBinary } from "@bufbuild/protobuf";
import * as errors from "../errors.js";
import { readsOf, topologicalOrder } from "../graph/traverse.js";
import { functionKey, type Attribute, type FunctionDefinition, type Graph, type Model, type Node, type ValueInfo } from "../graph/types.js";
import { validate } from "../graph/validate.js";
import { definitionOf } from "../ops/index.js";
import { decodeAttribute } from "./attributes.js";
import { checkComplete, checkOnnx } from "./diagnose.js";
import {
  ModelProtoSchema,
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type OperatorSetIdProto,
  type TensorProto,
  type ValueInfoProto,
} from "./generated/onnx_pb.js";
import { decodeSparseTensor, decodeTensor, type ReadExternal } from "./tensors.js";
import { decodeValueInfo } from "./value-types.js";
import { domainOf, restOf, spelledDefaultDomain, withWire, type Entry, type Rest } from "./wire.js";

export interface DecodeOptions {
  /** What errors call the model (default: `<memory>`). */
  readonly path?: string;
  /** How to get at tensors in other files; left out, such a tensor is refused. */
  readonly readExternal?: ReadExternal;
}

/** What is the same for every graph and node of one model. */
interface DecodeContext {
  readonly opsets: ReadonlyMap<string, number>;
  readonly readExternal: ReadExternal;
}

export interface NodeWire {
  readonly rest: Rest | undefined;
  /** The file writes `ai.onnx` for the domain that the IR calls `""`. */
  readonly spelled: boolean;
}

export interface GraphWire {
  readonly rest: Rest | undefined;
  /** Inputs that are initializers as well, at their places among all inputs: the IR counts them as initializers only. */
  readonly defaults: readonly { readonly index: number; readonly info: ValueInfo }[];
  /** Every initializer was an input, as IR versions before 4 ask for. */
  readonly allDefaults: boolean;
  readonly repeatedTypes: readonly RepeatedType[];
  /** The file's order of nodes, where the IR had to sort them into `sorted`. */
  readonly order?: { readonly sorted: readonly Node[]; readonly file: readonly Node[] };
}

/** A declared type whose name an earlier one has already. */
export interface RepeatedType {
  readonly index: number;
  readonly info: ValueInfo;
}

export interface OpsetEntry extends Entry<number> {
  readonly spelled: boolean;
}

export interface FunctionWire {
  readonly rest: Rest | undefined;
  readonly spelled: boolean;
  readonly opsets: readonly OpsetEntry[];
  readonly repeatedTypes: readonly RepeatedType[];
}

export interface ModelWire {
  readonly rest: Rest | undefined;
  readonly opsets: readonly OpsetEntry[];
  readonly metadata: readonly Entry<string>[];
}

/**
 * Reads a model. Tensors stored as raw bytes are views on `bytes`: leave those unchanged.
 * @throws model/empty, model/not-onnx, model/cut-off, model/incomplete; model/tensor-size and its kin; whatever `validate` finds
 */
export function decodeModel(bytes: Uint8Array, { path = "<memory>", readExternal = refuseExternal }: DecodeOptions = {}): Model {
  checkOnnx(bytes, path);
  const proto = parse(bytes, path);
  checkComplete(proto, path);
  const opsets = decodeOpsets(proto.opsetImport);
  const context: DecodeContext = { opsets: opsetMap(opsets), readExternal };
  const functions = new Map<string, FunctionDefinition>();
  for (const definition of proto.functions.map((f) => decodeFunction(f, context))) {
    const key = functionKey(definition);
    if (functions.has(key)) throw errors.duplicateName("function", key, `model "${path}"`);
    functions.set(key, definition);
  }
  const graph = { ...decodeGraph(proto.graph as GraphProto, context), functions };
  validate(graph, { attributeTypes: (node) => definitionOf(node)?.attributes });
  const metadata = proto.metadataProps.map((entry) => ({ key: entry.key, value: entry.value, rest: restOf(entry, ["key", "value"]) }));
  const rest = restOf(proto, ["irVersion", "producerName", "producerVersion", "graph", "opsetImport", "metadataProps", "functions"]);
  return {
    graph,
    irVersion: Number(proto.irVersion),
    producerName: proto.producerName,
    producerVersion: proto.producerVersion,
    metadata: new Map(metadata.map(({ key, value }) => [key, value])),
    wire: { rest, opsets, metadata } satisfies ModelWire,
  };
}

function refuseExternal({ location }: { readonly location: string }, tensor: string): never {
  throw errors.externalData(tensor, "the model was not read from a folder", location);
}

function parse(bytes: Uint8Array, path: string): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw errors.notOnnx(path, `a damaged file (${reason})`, "Copy or download the file again, or export the model again.");
  }
}

function decodeOpsets(entries: readonly OperatorSetIdProto[]): readonly OpsetEntry[] {
  return entries.map((entry) => ({
    key: domainOf(entry.domain),
    value: Number(entry.version),
    rest: restOf(entry, ["domain", "version"]),
    spelled: entry.domain === spelledDefaultDomain,
  }));
}

/** Opset by domain; of several entries for one domain the highest counts. */
function opsetMap(entries: readonly OpsetEntry[]): ReadonlyMap<string, number> {
  const map = new Map<string, number>();
  for (const { key, value } of entries) map.set(key, Math.max(value, map.get(key) ?? value));
  return map;
}

function decodeFunction(proto: FunctionProto, { readExternal }: DecodeContext): FunctionDefinition {
  const opsets = decodeOpsets(proto.opsetImport);
  const context: DecodeContext = { opsets: opsetMap(opsets), readExternal };
  const where = `function "${proto.name}"`;
  const { types, repeated } = keyTypes(proto.valueInfo);
  const attributeDefaults = decodeAttributes(proto.attributeProto, { opType: "function", name: proto.name, outputs: [] }, where, context);
  const wire: FunctionWire = {
    rest: restOf(proto, [
      "name", "domain", "overload", "input", "output", "attribute", "attributeProto", "node", "opsetImport", "valueInfo",
    ]), // prettier-ignore
    spelled: proto.domain === spelledDefaultDomain,
    opsets,
    repeatedTypes: repeated,
  };
  return {
    name: proto.name,
    domain: domainOf(proto.domain),
    overload: proto.overload,
    inputs: proto.input,
    outputs: proto.output,
    attributes: proto.attribute,
    attributeDefaults,
    nodes: topologicalOrder(proto.node.map((node) => decodeNode(node, context))),
    opsets: context.opsets,
    valueTypes: types,
    wire,
  };
}

/** Reads a graph or a subgraph. Its nodes come out in topological order. */
function decodeGraph(proto: GraphProto, context: DecodeContext): Graph {
  const where = `graph "${proto.name}"`;
  const initializers = keyed(
    proto.initializer.map((tensor: TensorProto) => [tensor.name, decodeTensor(tensor, tensor.name, true, context.readExternal)]),
    "initializer",
    where,
  );
  const sparseInitializers = keyed(
    proto.sparseInitializer.map((tensor) => {
      const name = tensor.values?.name ?? "";
      return [name, decodeSparseTensor(tensor, name, true, context.readExternal)];
    }),
    "sparse initializer",
    where,
  );
  const allInputs = proto.input.map(decodeValueInfo);
  const isDefault = ({ name }: ValueInfo): boolean => initializers.has(name) || sparseInitializers.has(name);
  const defaults = allInputs.flatMap((info, index) => (isDefault(info) ? [{ index, info }] : []));
  const file = proto.node.map((node) => decodeNode(node, context));
  const sorted = inOrder(file) ? file : topologicalOrder(file);
  const { types, repeated } = keyTypes(proto.valueInfo);
  const wire: GraphWire = {
    rest: restOf(proto, ["node", "name", "initializer", "input", "output", "valueInfo", "sparseInitializer"]),
    defaults,
    allDefaults: defaults.length === initializers.size + sparseInitializers.size,
    repeatedTypes: repeated,
    ...(sorted === file ? {} : { order: { sorted, file } }),
  };
  return {
    name: proto.name,
    opsets: context.opsets,
    inputs: allInputs.filter((info) => !isDefault(info)),
    outputs: proto.output.map(decodeValueInfo),
    nodes: sorted,
    initializers,
    sparseInitializers,
    valueTypes: types,
    functions: new Map(),
    wire,
  };
}

function keyed<T>(entries: readonly (readonly [string, T])[], what: string, where: string): ReadonlyMap<string, T> {
  const map = new Map<string, T>();
  for (const [name, value] of entries) {
    if (map.has(name)) throw errors.duplicateName(what, name, where);
    map.set(name, value);
  }
  return map;
}

function keyTypes(infos: readonly ValueInfoProto[]): { readonly types: ReadonlyMap<string, ValueInfo>; readonly repeated: readonly RepeatedType[] } {
  const types = new Map<string, ValueInfo>();
  const repeated: RepeatedType[] = [];
  for (const [index, info] of infos.map(decodeValueInfo).entries()) {
    if (types.has(info.name)) repeated.push({ index, info });
    else types.set(info.name, info);
  }
  return { types, repeated };
}

/** No node, nor a subgraph in it, reads a value that this or a later node makes. */
function inOrder(nodes: readonly Node[]): boolean {
  const maker = new Map<string, number>();
  for (const [i, node] of nodes.entries()) for (const name of node.outputs) if (name !== "") maker.set(name, i);
  return nodes.every((node, i) => readsOf(node).every((name) => (maker.get(name) ?? -1) < i));
}

function decodeNode(proto: NodeProto, context: DecodeContext): Node {
  const like = { opType: proto.opType, name: proto.name, outputs: proto.output };
  const spelled = proto.domain === spelledDefaultDomain;
  const rest = restOf(proto, ["name", "opType", "domain", "overload", "input", "output", "attribute"]);
  const node = {
    name: proto.name,
    opType: proto.opType,
    domain: domainOf(proto.domain),
    inputs: proto.input,
    outputs: proto.output,
    attributes: decodeAttributes(proto.attribute, like, errors.describeNode(like), context),
    ...(proto.overload === "" ? {} : { overload: proto.overload }),
  };
  return withWire(node, rest === undefined && !spelled ? undefined : ({ rest, spelled } satisfies NodeWire));
}

function decodeAttributes(
  protos: readonly AttributeProto[],
  node: { readonly opType: string; readonly name: string; readonly outputs: readonly string[] },
  where: string,
  context: DecodeContext,
): ReadonlyMap<string, Attribute> {
  const site = { node, readExternal: context.readExternal, decodeGraph: (proto: GraphProto) => decodeGraph(proto, context) };
  return keyed(
    protos.map((proto) => [proto.name, decodeAttribute(proto, site)]),
    "attribute",
    where,
  );
}
