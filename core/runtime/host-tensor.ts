// Making host tensors, and turning them into the IR's tensors and back.

import { elementCount } from "../graph/dims.js";
import { byteSize, float32Of, isFloat, tensorOf, typedArrayOf } from "../graph/tensor.js";
import type { DType, Tensor } from "../graph/types.js";
import type { HostTensor } from "./executor.js";

/** A tensor of zeros. */
export function hostTensor(dtype: DType, shape: readonly number[]): HostTensor {
  const data = new Uint8Array(byteSize(dtype, elementCount(shape)));
  return { dtype, shape, data: typedArrayOf({ dtype, shape, data }) };
}

/** The tensor's own memory, aligned; not a copy where it is aligned already. */
export function hostTensorOf(tensor: Tensor): HostTensor {
  return { dtype: tensor.dtype, shape: tensor.shape, data: typedArrayOf(tensor) };
}

/** A copy in float32: the master of a trainable tensor. */
export function masterOf(tensor: Tensor): HostTensor & { readonly data: Float32Array } {
  return { dtype: "float32", shape: tensor.shape, data: float32Of(tensor).slice() };
}

/** The IR's form of a host tensor, rounded to `dtype`; always a copy. */
export function tensorOfHost(host: HostTensor, dtype: DType): Tensor {
  if (host.dtype === dtype) {
    const { buffer, byteOffset, byteLength } = host.data;
    return { dtype, shape: host.shape, data: new Uint8Array(buffer, byteOffset, byteLength).slice() };
  }
  return tensorOf(dtype, host.data as Float32Array, host.shape);
}

/** The same tensor in float32; half floats are asFloat32, float32 is passed through. */
export function asFloat32(host: HostTensor): HostTensor {
  if (host.dtype === "float32" || !isFloat(host.dtype)) return host;
  const { buffer, byteOffset, byteLength } = host.data;
  const tensor: Tensor = { dtype: host.dtype, shape: host.shape, data: new Uint8Array(buffer, byteOffset, byteLength) };
  return { dtype: "float32", shape: host.shape, data: float32Of(tensor) };
}
