// ONNX's numbers for element types (TensorProto.DataType), which files and attributes such as Cast's `to` hold.

import type { DType } from "./types.js";

const onnxDTypes: Readonly<Record<DType, number>> = {
  float32: 1, uint8: 2, int8: 3, uint16: 4, int16: 5, int32: 6, int64: 7, string: 8, bool: 9, float16: 10, float64: 11,
  uint32: 12, uint64: 13, complex64: 14, complex128: 15, bfloat16: 16, float8e4m3fn: 17, float8e4m3fnuz: 18, float8e5m2: 19,
  float8e5m2fnuz: 20, uint4: 21, int4: 22, float4e2m1: 23,
}; // prettier-ignore

/** ONNX's number for an element type (TensorProto.DataType), as attributes such as Cast's `to` hold it. */
export function onnxDType(dtype: DType): number {
  return onnxDTypes[dtype];
}

/** Element type of ONNX's number; undefined for none that exists. */
export function dtypeOfOnnx(code: number): DType | undefined {
  return (Object.keys(onnxDTypes) as DType[]).find((dtype) => onnxDTypes[dtype] === code);
}
