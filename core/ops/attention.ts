// Attention and rotary position embeddings as single operators. Models that spell them out train; these forms do not yet have a gradient.

import { intAttribute } from "../graph/attributes.js";
import { add, divideExactly, multiply, unknownDim } from "../graph/dims.js";
import type { Dim, TensorType } from "../graph/types.js";
import type { InferRule } from "./define.js";
import { batchFirst, family, inferSame, onnxPage } from "./frozen-only.js";
import { tensorType } from "./rules.js";

const fused = family({ grad: { unsupported: "the fused form has no gradient; export the model with attention spelled out" }, page: onnxPage });

/** Heads of a value `[N, S, heads·D]`, or of `[N, heads, S, D]`: count, length and size of each. */
function headsOf(type: TensorType | undefined, count: number): { heads: Dim; length: Dim; size: Dim } {
  const shape = type?.shape;
  if (shape?.length === 4) return { heads: shape[1], length: shape[2], size: shape[3] };
  if (shape?.length === 3)
    return { heads: count, length: shape[1], size: count === 0 ? unknownDim() : (divideExactly(shape[2], count) ?? unknownDim()) };
  return { heads: unknownDim(), length: unknownDim(), size: unknownDim() };
}

const inferAttention: InferRule = ([q, k, v, , pastKey], { node }) => {
  if (q?.shape === undefined) return node.outputs.map(() => q);
  const [batch] = q.shape;
  const query = headsOf(q, intAttribute(node, "q_num_heads", 0));
  const [key, value] = [k, v].map((type) => headsOf(type, intAttribute(node, "kv_num_heads", 0)));
  const past = pastKey === undefined ? 0 : (pastKey.shape?.[2] ?? unknownDim());
  const total = add(past, key.length);
  const result = q.shape.length === 3 ? [batch, query.length, multiply(query.heads, value.size)] : [batch, query.heads, query.length, value.size];
  return [
    tensorType(q.dtype, result),
    tensorType(k?.dtype ?? q.dtype, [batch, key.heads, total, key.size]),
    tensorType(v?.dtype ?? q.dtype, [batch, value.heads, total, value.size]),
    tensorType(q.dtype, [batch, query.heads, query.length, total]),
  ].slice(0, node.outputs.length);
};

export const attentions = [
  fused("Attention", "Scaled dot-product attention over any number of heads.", {
    since: 23,
    attributes: {
      is_causal: "int",
      kv_num_heads: "int",
      q_num_heads: "int",
      qk_matmul_output_mode: "int",
      scale: "float",
      softcap: "float",
      softmax_precision: "int",
    },
    infer: inferAttention,
    batch: batchFirst,
  }),
  fused("RotaryEmbedding", "Rotates pairs of elements by their position.", {
    since: 23,
    attributes: { interleaved: "int", num_heads: "int", rotary_embedding_dim: "int" },
    settings: [1, 2],
    infer: inferSame,
    batch: batchFirst,
  }),
];
