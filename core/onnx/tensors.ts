// Tensors between their wire form and the IR's bytes. Raw bytes stay views on the file's buffer; typed fields become little-endian
// bytes and go back to the same field; bytes in other files come through `readExternal`.

import { isFieldSet, type UnknownField } from "@bufbuild/protobuf";
import * as errors from "../errors.js";
import { elementCount } from "../graph/dims.js";
import { dtypeOfOnnx, onnxDType } from "../graph/dtype-codes.js";
import { byteSize, typedArrayOf, type TypedArray } from "../graph/tensor.js";
import type { DType, SparseTensor, Tensor } from "../graph/types.js";
import { packedField } from "./bytes.js";
import {
  SparseTensorProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
  type SparseTensorProto,
  type TensorProto,
} from "./generated/onnx_pb.js";
import { assemble, restOf, withWire, type Rest } from "./wire.js";

/** Where a tensor's bytes lie in another file; `location` is relative to the model's folder. */
export interface ExternalRange {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** Reads a tensor's bytes from another file. `tensor` names it in errors. */
export type ReadExternal = (range: ExternalRange, tensor: string) => Uint8Array;

type TypedField = "floatData" | "int32Data" | "int64Data" | "doubleData" | "uint64Data";
type Form = "raw" | "none" | "strings" | "external" | TypedField;

interface TensorWire {
  readonly form: Form;
  readonly rest: Rest | undefined;
  /** Entries of a typed field that its bytes cannot give back (an int8 stored as 255), for as long as the bytes are these. */
  readonly exact?: { readonly data: Uint8Array; readonly entries: readonly (number | bigint)[] };
}

const typedFields: Readonly<Partial<Record<DType, TypedField>>> = {
  float32: "floatData", complex64: "floatData", float64: "doubleData", complex128: "doubleData", int64: "int64Data",
  uint32: "uint64Data", uint64: "uint64Data", int32: "int32Data", int16: "int32Data", int8: "int32Data", uint16: "int32Data",
  uint8: "int32Data", bool: "int32Data", float16: "int32Data", bfloat16: "int32Data", float8e4m3fn: "int32Data",
  float8e4m3fnuz: "int32Data", float8e5m2: "int32Data", float8e5m2fnuz: "int32Data", int4: "int32Data", uint4: "int32Data",
  float4e2m1: "int32Data",
}; // prettier-ignore

/**
 * Reads a tensor. `label` names it in errors; `keyed`: its name is a key of the IR and not kept with the tensor.
 * @throws model/tensor, model/tensor-size, model/dtype, model/external-data
 */
export function decodeTensor(proto: TensorProto, label: string, keyed: boolean, readExternal: ReadExternal): Tensor {
  const dtype = dtypeOfOnnx(proto.dataType);
  if (dtype === undefined) throw errors.unsupportedDType(`number ${proto.dataType}`, `tensor "${label}"`);
  const shape = decodeDims(proto.dims, label);
  const form = formOf(proto, dtype);
  const { data, exact } = decodeData(proto, form, dtype, shape, label, readExternal);
  checkSize(data, dtype, shape, label);
  const rest = restOf(proto, ["dims", "dataType", ...carriedFields(form), ...(keyed ? (["name"] as const) : [])]);
  const usual: Form = dtype === "string" ? "strings" : "raw";
  const plain = form === usual && rest === undefined && exact === undefined;
  const wire: TensorWire = { form, rest, ...(exact === undefined ? {} : { exact }) };
  return withWire({ dtype, shape, data }, plain ? undefined : wire);
}

function decodeDims(dims: readonly bigint[], label: string): readonly number[] {
  return dims.map((dim) => {
    const size = Number(dim);
    if (size < 0 || !Number.isSafeInteger(size)) throw errors.badTensor(label, `a size of ${dim}`);
    return size;
  });
}

function formOf(proto: TensorProto, dtype: DType): Form {
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) return "external";
  if (dtype === "string") return "strings";
  const typed = typedFields[dtype] as TypedField;
  if (isFieldSet(proto, TensorProtoSchema.field.rawData) && (proto.rawData.length > 0 || proto[typed].length === 0)) return "raw";
  return proto[typed].length > 0 ? typed : "none";
}

function carriedFields(form: Form): readonly ("rawData" | "stringData" | "externalData" | "dataLocation" | TypedField)[] {
  switch (form) {
    case "raw":
      return ["rawData"];
    case "none":
      return [];
    case "strings":
      return ["stringData"];
    case "external":
      return ["externalData", "dataLocation"];
    default:
      return [form];
  }
}

interface Decoded {
  readonly data: Tensor["data"];
  readonly exact?: TensorWire["exact"];
}

function decodeData(proto: TensorProto, form: Form, dtype: DType, shape: readonly number[], label: string, readExternal: ReadExternal): Decoded {
  switch (form) {
    case "raw":
      return { data: proto.rawData };
    case "none":
      return { data: new Uint8Array(0) };
    case "strings":
      return { data: proto.stringData };
    case "external":
      return { data: readExternal(externalRange(proto, dtype, shape, label), label) };
    default: {
      const entries: readonly (number | bigint)[] = proto[form];
      const array = packEntries(entries, form, dtype);
      const data = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      const faithful = dtype === "uint32" ? entries.every((v, i) => Number(v) === array[i]) : entries.every((v, i) => Object.is(v, array[i]));
      return faithful ? { data } : { data, exact: { data, entries } };
    }
  }
}

function packEntries(entries: readonly (number | bigint)[], field: TypedField, dtype: DType): TypedArray {
  const numbers = entries as readonly number[];
  switch (field) {
    case "floatData":
      return Float32Array.from(numbers);
    case "doubleData":
      return Float64Array.from(numbers);
    case "int64Data":
      return BigInt64Array.from(entries as readonly bigint[]);
    case "uint64Data":
      return dtype === "uint32" ? Uint32Array.from(entries, Number) : BigUint64Array.from(entries as readonly bigint[]);
    case "int32Data":
      return packInts(numbers, dtype);
  }
}

function packInts(entries: readonly number[], dtype: DType): TypedArray {
  switch (dtype) {
    case "int32":
      return Int32Array.from(entries);
    case "int16":
      return Int16Array.from(entries);
    case "int8":
      return Int8Array.from(entries);
    case "uint16":
    case "float16":
    case "bfloat16":
      return Uint16Array.from(entries);
    default:
      return Uint8Array.from(entries);
  }
}

function externalRange(proto: TensorProto, dtype: DType, shape: readonly number[], label: string): ExternalRange {
  if (dtype === "string") throw errors.externalData(label, "strings cannot lie in another file", "");
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get("location") ?? "";
  const whole = (key: string, fallback: number): number => {
    const text = entries.get(key);
    const value = text === undefined ? fallback : /^\d+$/.test(text) ? Number(text) : NaN;
    if (!Number.isSafeInteger(value)) throw errors.externalData(label, `its ${key} is "${text}", not a whole number`, location);
    return value;
  };
  const expected = byteSize(dtype, elementCount(shape));
  const range = { location, offset: whole("offset", 0), length: whole("length", expected) };
  if (range.length !== expected) throw errors.tensorSize(label, dtype, shape, expected, range.length);
  return range;
}

function checkSize(data: Tensor["data"], dtype: DType, shape: readonly number[], label: string): void {
  const count = elementCount(shape);
  if (!(data instanceof Uint8Array)) {
    if (data.length !== count) throw errors.badTensor(label, `${data.length} strings for the shape [${shape.join(", ")}]`);
    return;
  }
  const expected = byteSize(dtype, count);
  if (data.byteLength !== expected) throw errors.tensorSize(label, dtype, shape, expected, data.byteLength);
}

/** Writes a tensor. `name` is the key that the IR has it under, where it has one; `range` where its bytes go, if not into the model. */
export function encodeTensor(tensor: Tensor, name?: string, range?: ExternalRange): TensorProto {
  const { form, rest, exact } = (tensor.wire ?? {}) as Partial<TensorWire>;
  const { field, packed } = range === undefined ? encodeData(tensor, form, exact) : { field: encodeRange(range) };
  const message = assemble(TensorProtoSchema, rest, {
    dims: tensor.shape.map(BigInt),
    dataType: onnxDType(tensor.dtype),
    ...(name === undefined ? {} : { name }),
    ...field,
  });
  // To the writer a field that is packed already is like one that it does not know.
  return packed === undefined ? message : Object.assign(message, { $unknown: [...(message.$unknown ?? []), packed] });
}

interface EncodedData {
  readonly field?: Partial<TensorProto>;
  readonly packed?: UnknownField;
}

function encodeData({ data, dtype, shape }: Tensor, form: Form | undefined, exact: TensorWire["exact"]): EncodedData {
  if (!(data instanceof Uint8Array)) return { field: { stringData: [...data] } };
  if (form === undefined || form !== typedFields[dtype]) return { field: { rawData: data } };
  if (data.length === 0) return {};
  if (exact !== undefined && exact.data === data) return { field: { [form]: exact.entries } };
  if (form === "floatData" || form === "doubleData") return { packed: packedField(TensorProtoSchema.field[form].number, data) };
  const array = typedArrayOf({ dtype, shape, data });
  return { field: { [form]: form === "uint64Data" ? Array.from<number | bigint, bigint>(array, BigInt) : Array.from<number | bigint>(array) } };
}

function encodeRange({ location, offset, length }: ExternalRange): Partial<TensorProto> {
  const entry = (key: string, value: string) => assemble(StringStringEntryProtoSchema, undefined, { key, value });
  return {
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: [entry("location", location), entry("offset", String(offset)), entry("length", String(length))],
  };
}

/** The tensor's bytes lay in another file when it was read. */
export function wasExternal(tensor: Tensor): boolean {
  return (tensor.wire as TensorWire | undefined)?.form === "external";
}

/** Reads a sparse tensor. `keyed`: the name of its values is a key of the IR. */
export function decodeSparseTensor(proto: SparseTensorProto, label: string, keyed: boolean, readExternal: ReadExternal): SparseTensor {
  if (proto.values === undefined || proto.indices === undefined) throw errors.badTensor(label, "a sparse form without values or indices");
  return withWire(
    {
      shape: decodeDims(proto.dims, label),
      values: decodeTensor(proto.values, label, keyed, readExternal),
      indices: decodeTensor(proto.indices, `indices of ${label}`, false, readExternal),
    },
    restOf(proto, ["values", "indices", "dims"]),
  );
}

export function encodeSparseTensor({ shape, values, indices, wire }: SparseTensor, name?: string): SparseTensorProto {
  return assemble(SparseTensorProtoSchema, wire as Rest | undefined, {
    dims: shape.map(BigInt),
    values: encodeTensor(values, name),
    indices: encodeTensor(indices),
  });
}
