// The IR into model files, from the graph as it is now: fields that only the file knew come back from `wire`, and whatever a pass
// changed wins over them. Writing files is file.ts's affair.

import { subgraphs } from "../graph/attributes.js";
import type { Attribute, FunctionDefinition, Graph, Model, Node, Tensor, ValueInfo } from "../graph/types.js";
import { encodeAttribute } from "./attributes.js";
import { modelToBytes } from "./bytes.js";
import type { FunctionWire, GraphWire, ModelWire, NodeWire, OpsetEntry, RepeatedType } from "./decode.js";
import {
  FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  type NodeProto,
  type OperatorSetIdProto,
  type ValueInfoProto,
} from "./generated/onnx_pb.js";
import { encodeSparseTensor, encodeTensor, type ExternalRange } from "./tensors.js";
import { encodeValueInfo } from "./value-types.js";
import { assemble, mergeEntries, spelledDefaultDomain, type Rest } from "./wire.js";

/** What is the same for every graph and node of one file. */
interface EncodeContext {
  readonly irVersion: number;
  /** Write initializers that were inputs as well as inputs again. A runtime treats those as variables, not as constants. */
  readonly defaults: boolean;
  readonly place: PlaceExternal;
}

/** Where to put the bytes of an initializer outside the model; undefined: inside. */
export type PlaceExternal = (tensor: Tensor) => ExternalRange | undefined;

export interface EncodeOptions {
  /** Where to put initializers outside the file (default: nothing is put outside, whatever the file looked like that was read). */
  readonly place?: PlaceExternal;
}

/** The first IR version in which an initializer need not be an input. */
const freeInitializers = 4;

/** The model's bytes. An untouched model gives the fields of the file it came from; tensors in other files are taken in. */
export function encodeModel(model: Model, { place = () => undefined }: EncodeOptions = {}): Uint8Array {
  const { graph, irVersion, producerName, producerVersion } = model;
  const { rest, opsets = [], metadata = [] } = (model.wire ?? {}) as Partial<ModelWire>;
  const context: EncodeContext = { irVersion, defaults: true, place };
  const proto = assemble(ModelProtoSchema, rest, {
    irVersion: BigInt(irVersion),
    producerName,
    producerVersion,
    graph: encodeSubgraph(graph, context),
    opsetImport: encodeOpsets(opsets, graph.opsets),
    metadataProps: mergeEntries(metadata, model.metadata).map((entry) => assemble(StringStringEntryProtoSchema, entry.rest, pair(entry))),
    functions: [...graph.functions.values()].map((definition) => encodeFunction(definition, context)),
  });
  return modelToBytes(proto);
}

function pair({ key, value }: { readonly key: string; readonly value: string }): { key: string; value: string } {
  return { key, value };
}

/**
 * A model around a bare graph, for a runtime: the IR version fits its opset, initializers are constants, and every domain that a node
 * uses is imported.
 */
export function encodeGraph(graph: Graph): Uint8Array {
  const context: EncodeContext = { irVersion: irVersionFor(graph.opsets.get("")), defaults: false, place: () => undefined };
  const opsets = new Map(graph.opsets);
  for (const domain of domainsOf(graph)) if (!opsets.has(domain)) opsets.set(domain, 1);
  const proto = assemble(ModelProtoSchema, undefined, {
    irVersion: BigInt(context.irVersion),
    graph: encodeSubgraph(graph, context),
    opsetImport: encodeOpsets([], opsets),
    functions: [...graph.functions.values()].map((definition) => encodeFunction(definition, context)),
  });
  return modelToBytes(proto);
}

/** IR version that came with an opset of ai.onnx; at least the one that frees initializers from being inputs. */
function irVersionFor(opset = 0): number {
  const since = [
    [23, 11], [21, 10], [19, 9], [15, 8], [12, 7], [11, 6], [10, 5],
  ] as const; // prettier-ignore
  return since.find(([first]) => opset >= first)?.[1] ?? freeInitializers;
}

function domainsOf(graph: Graph, found = new Set<string>()): ReadonlySet<string> {
  for (const node of graph.nodes) {
    found.add(node.domain);
    for (const { graph: inner } of subgraphs(node)) domainsOf(inner, found);
  }
  return found;
}

/** Entries of the file, while they hold; a domain that stands there twice keeps both for as long as its version is what they come to. */
function encodeOpsets(entries: readonly OpsetEntry[], opsets: ReadonlyMap<string, number>): OperatorSetIdProto[] {
  const stated = new Map<string, number>();
  for (const { key, value } of entries) stated.set(key, Math.max(value, stated.get(key) ?? value));
  const written = new Set<string>();
  const kept = entries.flatMap((entry) => {
    const version = opsets.get(entry.key);
    if (version === undefined) return [];
    if (version === stated.get(entry.key)) return [entry];
    return written.has(entry.key) ? [] : written.add(entry.key) && [{ ...entry, value: version }];
  });
  const added = [...opsets].filter(([domain]) => !stated.has(domain)).map(([key, value]) => ({ key, value, rest: undefined, spelled: false }));
  return [...kept, ...added].map(({ key, value, rest, spelled }) =>
    assemble(OperatorSetIdProtoSchema, rest, { domain: spell(key, spelled), version: BigInt(value) }),
  );
}

function spell(domain: string, spelled: boolean): string {
  return domain === "" && spelled ? spelledDefaultDomain : domain;
}

function encodeFunction(definition: FunctionDefinition, context: EncodeContext): FunctionProto {
  const { rest, spelled = false, opsets = [], repeatedTypes = [] } = (definition.wire ?? {}) as Partial<FunctionWire>;
  return assemble(FunctionProtoSchema, rest, {
    name: definition.name,
    domain: spell(definition.domain, spelled),
    overload: definition.overload,
    input: [...definition.inputs],
    output: [...definition.outputs],
    attribute: [...definition.attributes],
    attributeProto: encodeAttributes(definition.attributeDefaults, context),
    node: definition.nodes.map((node) => encodeNode(node, context)),
    opsetImport: encodeOpsets(opsets, definition.opsets),
    valueInfo: encodeTypes(definition.valueTypes, repeatedTypes),
  });
}

function encodeSubgraph(graph: Graph, context: EncodeContext): GraphProto {
  const { rest, repeatedTypes = [], order } = (graph.wire ?? {}) as Partial<GraphWire>;
  const nodes = order !== undefined && order.sorted === graph.nodes ? order.file : graph.nodes;
  return assemble(GraphProtoSchema, rest, {
    name: graph.name,
    node: nodes.map((node) => encodeNode(node, context)),
    initializer: [...graph.initializers].map(([name, tensor]) => encodeTensor(tensor, name, context.place(tensor))),
    sparseInitializer: [...graph.sparseInitializers].map(([name, tensor]) => encodeSparseTensor(tensor, name)),
    input: encodeInputs(graph, context),
    output: graph.outputs.map(encodeValueInfo),
    valueInfo: encodeTypes(graph.valueTypes, repeatedTypes),
  });
}

function encodeInputs(graph: Graph, { irVersion, defaults: wanted }: EncodeContext): ValueInfoProto[] {
  const { defaults = [], allDefaults = true } = (graph.wire ?? {}) as Partial<GraphWire>;
  const inputs: ValueInfo[] = [...graph.inputs];
  if (!wanted) return inputs.map(encodeValueInfo);
  const has = (name: string): boolean => graph.initializers.has(name) || graph.sparseInitializers.has(name);
  for (const { index, info } of defaults) if (has(info.name)) inputs.splice(index, 0, info);
  if (irVersion < freeInitializers && allDefaults) {
    const known = new Set(inputs.map((info) => info.name));
    for (const [name, { dtype, shape }] of graph.initializers) if (!known.has(name)) inputs.push({ name, type: { kind: "tensor", dtype, shape } });
  }
  return inputs.map(encodeValueInfo);
}

function encodeTypes(types: ReadonlyMap<string, ValueInfo>, repeated: readonly RepeatedType[]): ValueInfoProto[] {
  const infos = [...types.values()];
  for (const { index, info } of repeated) if (types.has(info.name)) infos.splice(index, 0, info);
  return infos.map(encodeValueInfo);
}

function encodeNode(node: Node, context: EncodeContext): NodeProto {
  const { rest, spelled = false } = (node.wire ?? {}) as { readonly rest?: Rest | undefined } & Partial<NodeWire>;
  return assemble(NodeProtoSchema, rest, {
    name: node.name,
    opType: node.opType,
    domain: spell(node.domain, spelled),
    overload: node.overload ?? "",
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: encodeAttributes(node.attributes, context),
  });
}

function encodeAttributes(attributes: ReadonlyMap<string, Attribute>, context: EncodeContext): AttributeProto[] {
  return [...attributes].map(([name, attribute]) => encodeAttribute(name, attribute, (graph) => encodeSubgraph(graph, context)));
}
