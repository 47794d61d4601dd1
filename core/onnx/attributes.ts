// Node attributes between their wire form and the IR's.

import { isFieldSet } from "@bufbuild/protobuf";
import * as errors from "../errors.js";
import type { Attribute, AttributeType, AttributeValue, Graph } from "../graph/types.js";
import { AttributeProto_AttributeType as Code, AttributeProtoSchema, type AttributeProto, type GraphProto } from "./generated/onnx_pb.js";
import { decodeSparseTensor, decodeTensor, encodeSparseTensor, encodeTensor, type ReadExternal } from "./tensors.js";
import { decodeType, encodeType } from "./value-types.js";
import { assemble, restOf, withWire, type Rest } from "./wire.js";

type Concrete = Exclude<AttributeType, "reference">;
type ValueField =
  | "f" | "i" | "s" | "t" | "g" | "sparseTensor" | "tp" | "floats" | "ints" | "strings" | "tensors" | "graphs" | "sparseTensors"
  | "typeProtos"; // prettier-ignore

interface AttributeWire {
  readonly rest: Rest | undefined;
  /** The file leaves the type to be seen from the value. */
  readonly untyped: boolean;
  /** The file leaves the value out, which then is the type's default. */
  readonly valueless: boolean;
}

const kinds: Readonly<Record<Concrete, { readonly code: Code; readonly field: ValueField }>> = {
  float: { code: Code.FLOAT, field: "f" },
  int: { code: Code.INT, field: "i" },
  string: { code: Code.STRING, field: "s" },
  tensor: { code: Code.TENSOR, field: "t" },
  graph: { code: Code.GRAPH, field: "g" },
  sparseTensor: { code: Code.SPARSE_TENSOR, field: "sparseTensor" },
  type: { code: Code.TYPE_PROTO, field: "tp" },
  floats: { code: Code.FLOATS, field: "floats" },
  ints: { code: Code.INTS, field: "ints" },
  strings: { code: Code.STRINGS, field: "strings" },
  tensors: { code: Code.TENSORS, field: "tensors" },
  graphs: { code: Code.GRAPHS, field: "graphs" },
  sparseTensors: { code: Code.SPARSE_TENSORS, field: "sparseTensors" },
  types: { code: Code.TYPE_PROTOS, field: "typeProtos" },
};

const typesByCode = new Map((Object.keys(kinds) as Concrete[]).map((type) => [kinds[type].code, type]));

/** What reading an attribute needs of its surroundings. */
export interface DecodeSite {
  readonly node: NodeLike;
  readonly readExternal: ReadExternal;
  readonly decodeGraph: (proto: GraphProto) => Graph;
}

export type EncodeGraph = (graph: Graph) => GraphProto;

type NodeLike = Parameters<typeof errors.describeNode>[0];

/** @throws model/attribute-type where the type is missing and no value shows it, or a value is missing that has no default */
export function decodeAttribute(proto: AttributeProto, site: DecodeSite): Attribute {
  const stated = typesByCode.get(proto.type);
  const type = stated ?? typeFromValue(proto);
  if (type === undefined) throw errors.untypedAttribute(site.node, proto.name);
  const untyped = stated === undefined;
  if (proto.refAttrName !== "") {
    const rest = restOf(proto, ["name", "type", "refAttrName"]);
    return attributeOf({ type: "reference", of: type, name: proto.refAttrName }, { rest, untyped, valueless: true });
  }
  const { field } = kinds[type];
  const value = decodeValue(proto, type, site);
  const valueless = !isFieldSet(proto, AttributeProtoSchema.field[field]);
  return attributeOf(value, { rest: restOf(proto, ["name", "type", field]), untyped, valueless });
}

function attributeOf(value: AttributeValue, wire: AttributeWire): Attribute {
  const list = value.type === "reference" || (Array.isArray(value.value) && value.value.length === 0);
  return withWire(value, wire.rest === undefined && !wire.untyped && (!wire.valueless || list) ? undefined : wire);
}

function typeFromValue(proto: AttributeProto): Concrete | undefined {
  return (Object.keys(kinds) as Concrete[]).find((type) => isFieldSet(proto, AttributeProtoSchema.field[kinds[type].field]));
}

function decodeValue(proto: AttributeProto, type: Concrete, { node, readExternal, decodeGraph }: DecodeSite): AttributeValue {
  const label = `${proto.name} of ${errors.describeNode(node)}`;
  const present = <T>(value: T | undefined): T => {
    if (value === undefined) throw errors.untypedAttribute(node, proto.name);
    return value;
  };
  switch (type) {
    case "float":
      return { type, value: proto.f };
    case "int":
      return { type, value: proto.i };
    case "string":
      return { type, value: proto.s };
    case "tensor":
      return { type, value: decodeTensor(present(proto.t), label, false, readExternal) };
    case "graph":
      return { type, value: decodeGraph(present(proto.g)) };
    case "sparseTensor":
      return { type, value: decodeSparseTensor(present(proto.sparseTensor), label, false, readExternal) };
    case "type":
      return { type, value: proto.tp === undefined ? undefined : decodeType(proto.tp) };
    case "floats":
      return { type, value: proto.floats };
    case "ints":
      return { type, value: proto.ints };
    case "strings":
      return { type, value: proto.strings };
    case "tensors":
      return { type, value: proto.tensors.map((tensor) => decodeTensor(tensor, label, false, readExternal)) };
    case "graphs":
      return { type, value: proto.graphs.map(decodeGraph) };
    case "sparseTensors":
      return { type, value: proto.sparseTensors.map((tensor) => decodeSparseTensor(tensor, label, false, readExternal)) };
    case "types":
      return { type, value: proto.typeProtos.map(decodeType) };
  }
}

export function encodeAttribute(name: string, attribute: Attribute, encodeGraph: EncodeGraph): AttributeProto {
  const { rest, untyped, valueless } = (attribute.wire ?? {}) as Partial<AttributeWire>;
  const type = attribute.type === "reference" ? attribute.of : attribute.type;
  const message = assemble(AttributeProtoSchema, rest, {
    name,
    ...(untyped === true ? {} : { type: kinds[type].code }),
    ...(attribute.type === "reference" ? { refAttrName: attribute.name } : {}),
  });
  if (attribute.type === "reference") return message;
  const value = encodeValue(attribute, encodeGraph);
  // A scalar is written even where it is the default, unless the file left it out.
  if (valueless === true && isDefaultValue(attribute)) return message;
  return Object.assign(message, value);
}

function isDefaultValue(attribute: Attribute): boolean {
  switch (attribute.type) {
    case "float":
      return attribute.value === 0;
    case "int":
      return attribute.value === 0n;
    case "string":
      return attribute.value.length === 0;
    default:
      return false;
  }
}

function encodeValue(attribute: Exclude<Attribute, { type: "reference" }>, encodeGraph: EncodeGraph): Partial<AttributeProto> {
  switch (attribute.type) {
    case "float":
      return { f: attribute.value };
    case "int":
      return { i: attribute.value };
    case "string":
      return { s: attribute.value };
    case "tensor":
      return { t: encodeTensor(attribute.value) };
    case "graph":
      return { g: encodeGraph(attribute.value) };
    case "sparseTensor":
      return { sparseTensor: encodeSparseTensor(attribute.value) };
    case "type":
      return attribute.value === undefined ? {} : { tp: encodeType(attribute.value) };
    case "floats":
      return { floats: [...attribute.value] };
    case "ints":
      return { ints: [...attribute.value] };
    case "strings":
      return { strings: [...attribute.value] };
    case "tensors":
      return { tensors: attribute.value.map((tensor) => encodeTensor(tensor)) };
    case "graphs":
      return { graphs: attribute.value.map(encodeGraph) };
    case "sparseTensors":
      return { sparseTensors: attribute.value.map((tensor) => encodeSparseTensor(tensor)) };
    case "types":
      return { typeProtos: attribute.value.flatMap((type) => (type === undefined ? [] : [encodeType(type)])) };
  }
}
