// What is known of a tensor that a graph holds: its type, and its elements where it may be a shape, axes or bounds.

import { bytesOf, isFloat, numbersOf, size } from "../graph/tensor.js";
import type { Dim, Tensor, TensorType } from "../graph/types.js";
import type { Facts } from "./define.js";

/** Longest integer vector whose elements are followed. */
export const longestFollowed = 64;

/** Elements of a small integer scalar or vector; undefined for any other tensor. */
export function intsOfTensor(tensor: Tensor): readonly Dim[] | undefined {
  const followed = (tensor.dtype === "int64" || tensor.dtype === "int32") && tensor.shape.length <= 1 && size(tensor) <= longestFollowed;
  if (!followed) return undefined;
  if (size(tensor) === 0) return [];
  return bytesOf(tensor).length > 0 ? [...numbersOf(tensor)] : undefined;
}

export function factsOfTensor(tensor: Tensor): Facts {
  const type: TensorType = { kind: "tensor", dtype: tensor.dtype, shape: tensor.shape };
  const ints = intsOfTensor(tensor);
  if (ints !== undefined) return { type, ints };
  const followed = isFloat(tensor.dtype) && tensor.shape.length <= 1 && size(tensor) <= longestFollowed && bytesOf(tensor).length > 0;
  return followed ? { type, floats: [...numbersOf(tensor)] } : { type };
}
