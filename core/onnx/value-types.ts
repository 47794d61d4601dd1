// Types of values between their wire form and the IR's. A type that the IR cannot say stays as it is, as `opaque`.

import { create } from "@bufbuild/protobuf";
import { dtypeOfOnnx, onnxDType } from "../graph/dtype-codes.js";
import { unknownDim } from "../graph/dims.js";
import type { Dim, DType, Shape, ValueInfo, ValueType } from "../graph/types.js";
import {
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_MapSchema,
  TypeProto_OpaqueSchema,
  TypeProto_OptionalSchema,
  TypeProto_SequenceSchema,
  TypeProto_SparseTensorSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
  type TensorShapeProto,
  type TensorShapeProto_Dimension,
  type TypeProto,
  type ValueInfoProto,
} from "./generated/onnx_pb.js";
import { assemble, restOf, withWire, type Rest } from "./wire.js";

/** A dimension that the IR does not carry whole: how it reads in the IR, and what the file says. */
interface DimWire {
  readonly dim: Dim;
  readonly proto: TensorShapeProto_Dimension;
}

interface TypeWire {
  readonly outer?: Rest | undefined;
  readonly inner?: Rest | undefined;
  readonly shape?: Rest | undefined;
  readonly dims?: readonly (DimWire | undefined)[] | undefined;
  /** The whole type, of one that the IR cannot say. */
  readonly proto?: TypeProto;
}

export function decodeValueInfo(proto: ValueInfoProto): ValueInfo {
  const type = proto.type === undefined ? undefined : decodeType(proto.type);
  return withWire({ name: proto.name, type }, restOf(proto, ["name", "type"]));
}

export function encodeValueInfo({ name, type, wire }: ValueInfo): ValueInfoProto {
  return assemble(ValueInfoProtoSchema, wire as Rest | undefined, { name, type: type === undefined ? undefined : encodeType(type) });
}

export function decodeType(proto: TypeProto): ValueType {
  const { value } = proto;
  const outer = restOf(proto, ["value"]);
  switch (value.case) {
    case "tensorType":
    case "sparseTensorType": {
      const dtype = dtypeOfOnnx(value.value.elemType);
      if (dtype === undefined) return opaque(proto);
      const { shape, wire } = decodeShape(value.value.shape);
      const kind = value.case === "tensorType" ? "tensor" : "sparseTensor";
      const inner = value.case === "tensorType" ? restOf(value.value, ["elemType", "shape"]) : restOf(value.value, ["elemType", "shape"]);
      return withWire({ kind, dtype, ...(shape === undefined ? {} : { shape }) }, compact({ outer, inner, ...wire }));
    }
    case "sequenceType":
    case "optionalType": {
      const kind = value.case === "sequenceType" ? "sequence" : "optional";
      const inner = value.case === "sequenceType" ? restOf(value.value, ["elemType"]) : restOf(value.value, ["elemType"]);
      const element = value.value.elemType === undefined ? undefined : decodeType(value.value.elemType);
      return withWire({ kind, element }, compact({ outer, inner }));
    }
    case "mapType": {
      const key = dtypeOfOnnx(value.value.keyType);
      if (key === undefined) return opaque(proto);
      const inner = restOf(value.value, ["keyType", "valueType"]);
      const element = value.value.valueType === undefined ? undefined : decodeType(value.value.valueType);
      return withWire({ kind: "map", key, value: element }, compact({ outer, inner }));
    }
    default:
      return opaque(proto);
  }
}

function opaque(proto: TypeProto): ValueType {
  return { kind: "opaque", wire: { proto } satisfies TypeWire };
}

function compact(wire: TypeWire): TypeWire | undefined {
  return Object.values(wire).some((part) => part !== undefined) ? wire : undefined;
}

function decodeShape(proto: TensorShapeProto | undefined): { readonly shape?: Shape; readonly wire: Pick<TypeWire, "shape" | "dims"> } {
  if (proto === undefined) return { wire: {} };
  const shape: Dim[] = [];
  let dims: (DimWire | undefined)[] | undefined;
  for (const [i, dimension] of proto.dim.entries()) {
    const dim = decodeDim(dimension);
    shape.push(dim);
    // What encodeDim writes for `dim` alone is this very dimension, unless it has a rest or an unusual value.
    const plain = restOf(dimension, ["value"]) === undefined && (dimension.value.case === undefined || dim === plainDim(dimension));
    if (!plain) (dims ??= [])[i] = { dim, proto: dimension };
  }
  return { shape, wire: { shape: restOf(proto, ["dim"]), dims } };
}

function plainDim({ value }: TensorShapeProto_Dimension): Dim | undefined {
  return value.case === "dimValue" ? Number(value.value) : value.value;
}

/** Negative sizes, empty names and names that look like the IR's unknown sizes mean: unknown. */
function decodeDim({ value }: TensorShapeProto_Dimension): Dim {
  if (value.case === "dimValue" && value.value >= 0n && value.value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value.value);
  if (value.case === "dimParam" && value.value !== "" && !value.value.startsWith("?")) return value.value;
  return unknownDim();
}

export function encodeType(type: ValueType): TypeProto {
  const wire = (type.wire ?? {}) as TypeWire;
  switch (type.kind) {
    case "tensor":
      return typeOf(wire, {
        case: "tensorType",
        value: assemble(TypeProto_TensorSchema, wire.inner, { elemType: onnxDType(type.dtype), shape: encodeShape(type.shape, wire) }),
      });
    case "sparseTensor":
      return typeOf(wire, {
        case: "sparseTensorType",
        value: assemble(TypeProto_SparseTensorSchema, wire.inner, { elemType: onnxDType(type.dtype), shape: encodeShape(type.shape, wire) }),
      });
    case "sequence":
      return typeOf(wire, { case: "sequenceType", value: assemble(TypeProto_SequenceSchema, wire.inner, { elemType: optionalType(type.element) }) });
    case "optional":
      return typeOf(wire, { case: "optionalType", value: assemble(TypeProto_OptionalSchema, wire.inner, { elemType: optionalType(type.element) }) });
    case "map":
      return typeOf(wire, { case: "mapType", value: encodeMap(type.key, type.value, wire) });
    case "opaque":
      return wire.proto ?? typeOf(wire, { case: "opaqueType", value: create(TypeProto_OpaqueSchema) });
  }
}

function typeOf(wire: TypeWire, value: TypeProto["value"]): TypeProto {
  return assemble(TypeProtoSchema, wire.outer, { value });
}

function optionalType(type: ValueType | undefined): TypeProto | undefined {
  return type === undefined ? undefined : encodeType(type);
}

function encodeMap(key: DType, value: ValueType | undefined, wire: TypeWire) {
  return assemble(TypeProto_MapSchema, wire.inner, { keyType: onnxDType(key), valueType: optionalType(value) });
}

function encodeShape(shape: Shape | undefined, wire: TypeWire): TensorShapeProto | undefined {
  if (shape === undefined) return undefined;
  const dim = shape.map((size, i) => {
    const kept = wire.dims?.[i];
    return kept?.dim === size ? kept.proto : encodeDim(size);
  });
  return assemble(TensorShapeProtoSchema, wire.shape, { dim });
}

function encodeDim(dim: Dim): TensorShapeProto_Dimension {
  const dimension = create(TensorShapeProto_DimensionSchema);
  if (typeof dim === "number") dimension.value = { case: "dimValue", value: BigInt(dim) };
  else if (!dim.startsWith("?")) dimension.value = { case: "dimParam", value: dim };
  return dimension;
}
