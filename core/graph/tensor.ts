// Building tensors from numbers and reading them back, for every element type, and the dtype facts that needs.

import * as errors from "../errors.js";
import { elementCount } from "./dims.js";
import { bfloat16ToFloat, float16ToFloat, floatToBfloat16, floatToFloat16 } from "./half.js";
import type { DType, Tensor } from "./types.js";

const bits: Record<DType, number> = {
  float32: 32, float64: 64, float16: 16, bfloat16: 16, int8: 8, int16: 16, int32: 32, int64: 64, uint8: 8, uint16: 16,
  uint32: 32, uint64: 64, bool: 8, string: 0, complex64: 64, complex128: 128, int4: 4, uint4: 4, float8e4m3fn: 8,
  float8e4m3fnuz: 8, float8e5m2: 8, float8e5m2fnuz: 8, float4e2m1: 4,
}; // prettier-ignore

/** Bytes that a tensor of this type and element count occupies; 4-bit types round up to whole bytes. `string` has none. */
export function byteSize(dtype: DType, count: number): number {
  return Math.ceil((bits[dtype] * count) / 8);
}

/** Floating types that a gradient can exist for. */
export function isFloat(dtype: DType): boolean {
  return dtype === "float32" || dtype === "float64" || dtype === "float16" || dtype === "bfloat16";
}

/** Types that hold quantised weights; an optimizer cannot move them. */
export function isQuantised(dtype: DType): boolean {
  return bits[dtype] <= 8 && dtype !== "bool" && dtype !== "string";
}

export function size(tensor: Tensor): number {
  return elementCount(tensor.shape);
}

/** The tensor's bytes. @throws model/operand never: strings answer an empty array. */
export function bytesOf(tensor: Tensor): Uint8Array {
  return tensor.data instanceof Uint8Array ? tensor.data : new Uint8Array(0);
}

export type TypedArray =
  | Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | BigInt64Array
  | Uint8Array | Uint16Array | Uint32Array | BigUint64Array; // prettier-ignore

interface TypedArrayConstructor {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray;
}

const arrays: Partial<Record<DType, TypedArrayConstructor>> = {
  float32: Float32Array, float64: Float64Array, float16: Uint16Array, bfloat16: Uint16Array, int8: Int8Array,
  int16: Int16Array, int32: Int32Array, int64: BigInt64Array, uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array,
  uint64: BigUint64Array, bool: Uint8Array, complex64: Float32Array, complex128: Float64Array,
}; // prettier-ignore

/**
 * The elements as a typed array: a view on the same bytes where their alignment allows it, else a copy. Half floats appear as
 * their bits (Uint16Array), complex numbers as pairs, everything narrower than a byte or without an array type as raw bytes.
 */
export function typedArrayOf(tensor: Tensor): TypedArray {
  const bytes = bytesOf(tensor);
  const Type = arrays[tensor.dtype] ?? Uint8Array;
  const length = Math.floor(bytes.byteLength / Type.BYTES_PER_ELEMENT);
  if (bytes.byteOffset % Type.BYTES_PER_ELEMENT === 0) return new Type(bytes.buffer, bytes.byteOffset, length);
  const copy = bytes.slice();
  return new Type(copy.buffer, 0, length);
}

/** All elements as float64 numbers (int64 and uint64 beyond 2^53 lose digits). `float*` 8- and 4-bit types are not readable. */
export function numbersOf(tensor: Tensor): Float64Array {
  const raw = typedArrayOf(tensor);
  switch (tensor.dtype) {
    case "float16":
      return Float64Array.from(raw as Uint16Array, float16ToFloat);
    case "bfloat16":
      return Float64Array.from(raw as Uint16Array, bfloat16ToFloat);
    case "int4":
    case "uint4":
      return Float64Array.from({ length: size(tensor) }, (_, i) => {
        const half = ((raw as Uint8Array)[i >> 1] >> (i % 2 === 0 ? 0 : 4)) & 15;
        return tensor.dtype === "int4" && half > 7 ? half - 16 : half;
      });
    case "int64":
    case "uint64":
      return Float64Array.from(raw as BigInt64Array, Number);
    default:
      return Float64Array.from(raw as Float64Array);
  }
}

/** The elements as float32: a view where the tensor already is float32, else converted. */
export function float32Of(tensor: Tensor): Float32Array {
  const raw = tensor.dtype === "float32" ? typedArrayOf(tensor) : numbersOf(tensor);
  return raw instanceof Float32Array ? raw : Float32Array.from(raw as Float64Array);
}

/** A tensor of `dtype` from numbers, rounded to nearest even for half floats. `shape` defaults to one axis. */
export function tensorOf(dtype: DType, values: ArrayLike<number>, shape: readonly number[] = [values.length]): Tensor {
  return { dtype, shape, data: encode(dtype, values) };
}

function encode(dtype: DType, values: ArrayLike<number>): Uint8Array {
  const view = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  switch (dtype) {
    case "float32":
      return view(Float32Array.from(values));
    case "float64":
      return view(Float64Array.from(values));
    case "float16":
      return view(Uint16Array.from(values, floatToFloat16));
    case "bfloat16":
      return view(Uint16Array.from(values, floatToBfloat16));
    case "int64":
      return view(BigInt64Array.from(Array.from(values, BigInt)));
    case "uint64":
      return view(BigUint64Array.from(Array.from(values, BigInt)));
    case "int32":
      return view(Int32Array.from(values));
    case "uint32":
      return view(Uint32Array.from(values));
    case "int16":
      return view(Int16Array.from(values));
    case "uint16":
      return view(Uint16Array.from(values));
    case "int8":
      return view(Int8Array.from(values));
    case "bool":
      return Uint8Array.from(values, (v) => (v === 0 ? 0 : 1));
    case "uint8":
      return Uint8Array.from(values);
    default:
      throw errors.unsupportedDType(dtype, "a tensor made from numbers");
  }
}

/** The same values in another floating type. */
export function castTensor(tensor: Tensor, dtype: DType): Tensor {
  return tensor.dtype === dtype ? tensor : tensorOf(dtype, numbersOf(tensor), tensor.shape);
}
