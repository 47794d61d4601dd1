// Writing large messages without copying their tensors more than once, and packed numbers without a call for each of them, which is
// what the general writer does. Only the two kinds of fields that hold tensors are written here.

import { create, toBinary, type DescMessage, type Message, type MessageShape, type UnknownField } from "@bufbuild/protobuf";
import { GraphProtoSchema, ModelProtoSchema, TensorProtoSchema, type GraphProto, type ModelProto, type TensorProto } from "./generated/onnx_pb.js";

const lengthDelimited = 2;

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Uint8Array.of(...bytes, value);
}

/** The model's bytes: what `toBinary` writes, its tensors copied once. */
export function modelToBytes(model: ModelProto): Uint8Array {
  const { graph } = model;
  if (graph === undefined) return toBinary(ModelProtoSchema, model);
  return join(around(ModelProtoSchema, model, "graph", [graphParts(graph)]));
}

function graphParts(graph: GraphProto): readonly Uint8Array[] {
  return around(GraphProtoSchema, graph, "initializer", graph.initializer.map(tensorParts));
}

function tensorParts(tensor: TensorProto): readonly Uint8Array[] {
  return tensor.rawData.length === 0 ? [toBinary(TensorProtoSchema, tensor)] : around(TensorProtoSchema, tensor, "rawData", [[tensor.rawData]]);
}

/** A message in parts: the fields before `key`, an entry of that field for each of `values`, the fields behind it. */
function around<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
  key: string,
  values: readonly (readonly Uint8Array[])[],
): readonly Uint8Array[] {
  const { number } = schema.field[key];
  const [before, after] = [create(schema), create(schema)] as (Message & Record<string, unknown>)[];
  for (const [name, value] of Object.entries(message)) {
    const field = Object.hasOwn(schema.field, name) ? schema.field[name] : undefined;
    if (name !== key && name !== "$typeName") (field !== undefined && field.number < number ? before : after)[name] = value;
  }
  const parts: Uint8Array[] = [toBinary(schema, before as MessageShape<Desc>)];
  for (const value of values) {
    const length = value.reduce((sum, part) => sum + part.length, 0);
    parts.push(varint(number * 8 + lengthDelimited), varint(length), ...value);
  }
  parts.push(toBinary(schema, after as MessageShape<Desc>));
  return parts;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A packed field of floats or doubles, whose entries are the little-endian bytes themselves. */
export function packedField(no: number, entries: Uint8Array): UnknownField {
  return { no, wireType: lengthDelimited, data: join([varint(entries.length), entries]) };
}
