// Operators of onnxruntime's own domain, com.microsoft, that optimised and quantised models carry. They run in frozen parts; their
// weights are parameters, for which there is no gradient.

import { intAttribute, intsAttribute } from "../graph/attributes.js";
import { add, divideExactly, unknownDim } from "../graph/dims.js";
import type { Dim, TensorType } from "../graph/types.js";
import { range } from "./axes.js";
import { convolvedShape } from "./conv.js";
import { operand, parameter, slots, type BatchRule, type InferRule, type OpDefinition } from "./define.js";
import { batchFirst, batchOfFirstInput, family, inferSame, picking } from "./frozen-only.js";
import { batchElementwise, inferBroadcast, tensorType } from "./rules.js";
import { batchMatMul, inferMatMul } from "./matmul.js";
import { batchOfWindows, windowAttributes } from "./windows.js";

const page = (type: string): string => `https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.${type}`;
const reason = "operators of com.microsoft are made for inference; export the model without the runtime's optimisations to train here";
const contrib = family({ grad: { unsupported: reason }, domain: "com.microsoft", page });
/** Fused layers that onnxruntime's optimizer puts into the standard domain. */
const fused = family({ grad: { unsupported: reason }, page });

const weight = parameter("weight");
const bias = parameter("bias");
const scale = parameter("scale");

// ── products ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** With `transA` and `transB`, the last two axes of an operand are exchanged first. */
const inferFusedMatMul: InferRule = (types, site) => {
  const turned = ["transA", "transB"].map((name, i): TensorType | undefined => {
    const shape = types[i]?.shape;
    if (shape === undefined || shape.length < 2 || intAttribute(site.node, name, 0) === 0) return types[i];
    return types[i] && tensorType(types[i].dtype, [...shape.slice(0, -2), shape[shape.length - 1], shape[shape.length - 2]]);
  });
  return inferMatMul(turned, site);
};

/** A product with a packed right operand, whose size attributes or its own shape tell. */
const inferPacked: InferRule = ([x], { node }) => [x && tensorType(x.dtype, x.shape && [...x.shape.slice(0, -1), intAttribute(node, "N")])];

const batchRows: BatchRule = (axes, site) => {
  const rank = site.inputs[0].type?.shape?.length;
  if (axes[0] !== undefined && axes[0].axis + 1 === rank) return "sums over the axis of the batch";
  return batchOfFirstInput(axes, site);
};

/** A product of quantised matrices with elements of the left zero point, or of float32 where the result is not rounded. */
const inferDynamicProduct: InferRule = ([a, c], site) => {
  const [product] = inferMatMul([a, c], site);
  return [product && tensorType("float32", product.shape)];
};

const products = [
  contrib("FusedMatMul", "A matrix product with transposed operands.", {
    attributes: { alpha: "float", transA: "int", transB: "int", transBatchA: "int", transBatchB: "int" },
    slot: slots([weight, weight]),
    infer: inferFusedMatMul,
    batch: (axes, site) =>
      intAttribute(site.node, "transA", 0) + intAttribute(site.node, "transB", 0) === 0 || axes.every((axis) => axis === undefined || axis.axis === 0)
        ? batchMatMul(axes, site)
        : "transposes the axis of the batch",
  }),
  contrib("FusedGemm", "Gemm with an activation.", {
    attributes: {
      activation: "string", activation_alpha: "float", activation_beta: "float", activation_gamma: "float", alpha: "float", beta: "float",
      transA: "int", transB: "int",
    }, // prettier-ignore
    slot: slots([weight, weight, bias]),
    infer: inferFusedMatMul,
    batch: ([a, ...others], { node }) =>
      a?.axis === 0 && intAttribute(node, "transA", 0) === 0 && others.every((axis) => axis === undefined) ? [a] : "sums over the axis of the batch",
  }),
  contrib("MatMulNBits", "A product with a weight of few bits.", {
    attributes: { K: "int", N: "int", accuracy_level: "int", bits: "int", block_size: "int" },
    settings: [2, 3],
    slot: slots([undefined, weight, undefined, undefined, undefined, bias]),
    infer: inferPacked,
    batch: batchRows,
  }),
  contrib("DynamicQuantizeMatMul", "A product with a quantised weight.", {
    settings: [2],
    slot: slots([undefined, weight, undefined, undefined, bias]),
    infer: inferDynamicProduct,
    batch: () => "takes its scale from the whole batch",
  }),
  contrib("MatMulIntegerToFloat", "A product of quantised matrices, in float32.", {
    settings: [2, 3],
    slot: slots([weight, weight, undefined, undefined, undefined, undefined, bias]),
    infer: inferDynamicProduct,
    batch: picking(batchMatMul, [0, 1]),
  }),
  contrib("QGemm", "Gemm of quantised matrices.", {
    attributes: { alpha: "float", transA: "int", transB: "int" },
    settings: [1, 4, 7],
    slot: slots([weight, undefined, undefined, weight, undefined, undefined, bias]),
    infer: (types, site) => {
      const [product] = inferFusedMatMul([types[0], types[3]], site);
      return [product && tensorType(types[8]?.dtype ?? "float32", product.shape)];
    },
    batch: ([a, ...others], { node }) =>
      a?.axis === 0 && intAttribute(node, "transA", 0) === 0 && others.every((axis) => axis === undefined) ? [a] : "sums over the axis of the batch",
  }),
  contrib("FusedConv", "A convolution with an activation.", {
    attributes: { ...windowAttributes, activation: "string", activation_params: "floats", group: "int" },
    slot: slots([undefined, weight, bias]),
    infer: ([x, w], { node }) => [x && tensorType(x.dtype, convolvedShape(node, x.shape, w?.shape))],
    batch: ([x, w, c, z], site) => batchOfWindows([x ?? z, w, c], site),
  }),
];

// ── functions of elements ───────────────────────────────────────────────────────────────────────────────────────────

const elementwise = (type: string, docs: string, rest: Partial<OpDefinition> = {}): OpDefinition =>
  contrib(type, docs, { infer: inferSame, batch: batchElementwise, ...rest });

/** Quantised operands with a scale and a zero point each, then those of the result. */
const quantisedPair = (type: string, docs: string): OpDefinition =>
  contrib(type, docs, {
    settings: [1, 4, 6],
    infer: ([a, , , c], site) => inferBroadcast()([a, c], { ...site, node: { ...site.node, inputs: [site.node.inputs[0], site.node.inputs[3]] } }),
    batch: picking(batchElementwise, [0, 3]),
  });

const quantisedSingle = (type: string, docs: string, rest: Partial<OpDefinition> = {}): OpDefinition =>
  contrib(type, docs, { settings: [1, 3], infer: inferSame, batch: batchOfFirstInput, ...rest });

const functions = [
  elementwise("Gelu", "x times the normal distribution function."),
  elementwise("QuickGelu", "x · sigmoid(alpha·x).", { attributes: { alpha: "float" } }),
  elementwise("FastGelu", "Gelu by a hyperbolic tangent, of x plus a bias.", { slot: slots([undefined, bias]) }),
  elementwise("BiasGelu", "Gelu of x plus a bias.", { infer: inferBroadcast(), slot: slots([operand("operand"), bias]) }),
  quantisedPair("QLinearAdd", "A sum of quantised tensors."),
  quantisedPair("QLinearMul", "A product of quantised tensors."),
  quantisedSingle("QLinearSigmoid", "Sigmoid of a quantised tensor."),
  quantisedSingle("QLinearLeakyRelu", "LeakyRelu of a quantised tensor.", { attributes: { alpha: "float" } }),
  quantisedSingle("QLinearSoftmax", "Softmax of a quantised tensor.", {
    attributes: { axis: "int", opset: "int" },
    batch: () => "normalises along an axis",
  }),
  quantisedSingle("QLinearGlobalAveragePool", "The mean of each channel of a quantised tensor.", {
    attributes: { channels_last: "int" },
    infer: ([x], { node }) => {
      const channel = intAttribute(node, "channels_last", 0) === 1 ? (x?.shape?.length ?? 0) - 1 : 1;
      return [
        x &&
          tensorType(
            x.dtype,
            x.shape?.map((d, axis) => (axis === 0 || axis === channel ? d : 1)),
          ),
      ];
    },
  }),
];

// ── normalisation and attention ─────────────────────────────────────────────────────────────────────────────────────

/** Statistics are taken along the last axes, each sample by itself. */
const batchRowsOfAll: BatchRule = (axes, site) => {
  const rank = site.inputs[0].type?.shape?.length ?? 0;
  if (axes.some((axis) => axis !== undefined && axis.axis + 1 === rank)) return "normalises along the axis of the batch";
  const aligned = batchElementwise(axes, site);
  return typeof aligned === "string" ? aligned : site.node.outputs.map(() => aligned[0]);
};

const inferNorm: InferRule = ([x], { node }) =>
  node.outputs.map((_, i) => (i === 0 || i === 3 ? x : x && tensorType("float32", x.shape && [...x.shape.slice(0, -1), 1])));
const epsilon = { epsilon: "float" } as const;
const simplified = { attributes: { axis: "int", epsilon: "float", stash_type: "int" }, slot: slots([undefined, scale]), infer: inferNorm, batch: batchRowsOfAll } as const; // prettier-ignore

/** Hidden size of the values of a packed projection `[in, q + k + v]`. */
function valueSize(projection: TensorType | undefined, given: readonly number[] | undefined): Dim {
  const width = projection?.shape?.[1];
  return given?.[2] ?? (width === undefined ? undefined : divideExactly(width, 3)) ?? unknownDim();
}

/** Output 0 is `[batch, sequence, hidden]`; caches, if they are asked for, are left unknown. */
const withCaches = (result: (...args: Parameters<InferRule>) => TensorType | undefined): InferRule =>
  (types, site) => range(site.node.outputs.length).map((i) => (i === 0 ? result(types, site) : undefined)); // prettier-ignore

const layers = [
  contrib("SkipLayerNormalization", "LayerNormalization of a sum.", {
    attributes: epsilon,
    slot: slots([undefined, undefined, scale, parameter("shift"), bias]),
    infer: inferNorm,
    batch: batchRowsOfAll,
  }),
  contrib("SkipSimplifiedLayerNormalization", "RMS normalisation of a sum.", {
    attributes: epsilon,
    slot: slots([undefined, undefined, scale, bias]),
    infer: inferNorm,
    batch: batchRowsOfAll,
  }),
  contrib("SimplifiedLayerNormalization", "RMS normalisation.", simplified),
  fused("SimplifiedLayerNormalization", "RMS normalisation.", simplified),
  contrib("EmbedLayerNormalization", "Embeddings of words, positions and segments, summed and normalised.", {
    attributes: { ...epsilon, mask_index_type: "int" },
    slot: slots([undefined, undefined, weight, parameter("position"), parameter("segment"), scale, parameter("shift")]),
    infer: ([ids, , words], { node }) => {
      const embedded = words && tensorType(words.dtype, ids?.shape && [...ids.shape, words.shape?.[1] ?? unknownDim()]);
      return [embedded, tensorType("int32", ids?.shape?.slice(0, 1)), embedded].slice(0, node.outputs.length);
    },
    batch: batchFirst,
  }),
  contrib("Attention", "Projections and attention of one input.", {
    attributes: {
      do_rotary: "int", mask_filter_value: "float", num_heads: "int", past_present_share_buffer: "int", qkv_hidden_sizes: "ints",
      rotary_embedding_dim: "int", scale: "float", unidirectional: "int",
    }, // prettier-ignore
    slot: slots([undefined, weight, bias]),
    infer: withCaches(([x, w], { node }) => x && tensorType(x.dtype, x.shape && [x.shape[0], x.shape[1], valueSize(w, intsAttribute(node, "qkv_hidden_sizes"))])), // prettier-ignore
    batch: batchFirst,
  }),
  contrib("MultiHeadAttention", "Attention of projected queries, keys and values.", {
    attributes: { mask_filter_value: "float", num_heads: "int", scale: "float", unidirectional: "int" },
    slot: slots([undefined, undefined, undefined, bias]),
    infer: withCaches(([q, , v]) => q && tensorType(q.dtype, q.shape?.slice(0, 2).concat(v?.shape?.length === 3 ? v.shape[2] : unknownDim()))),
    batch: batchFirst,
  }),
  contrib("GroupQueryAttention", "Attention whose queries share keys and values.", {
    attributes: {
      do_rotary: "int", kv_num_heads: "int", local_window_size: "int", num_heads: "int", rotary_interleaved: "int", scale: "float",
      smooth_softmax: "int", softcap: "float",
    }, // prettier-ignore
    infer: withCaches(([q, k]) =>
      k === undefined
        ? q &&
          tensorType(
            q.dtype,
            q.shape?.map((d, i) => (i === 2 ? unknownDim() : d)),
          )
        : q,
    ),
    batch: batchFirst,
  }),
  contrib("RotaryEmbedding", "Rotates pairs of elements by their position.", {
    attributes: { interleaved: "int", is_packed_batching: "int", num_heads: "int", rotary_embedding_dim: "int", scale: "float" },
    settings: [2, 3],
    infer: inferSame,
    batch: batchFirst,
  }),
  contrib("QLinearConcat", "Quantised tensors joined along an axis.", {
    attributes: { axis: "int" },
    // Operands are triples of tensor, scale and zero point behind the result's scale and zero point.
    infer: (types, { node }) => {
      const parts = types.filter((_, i) => i >= 2 && (i - 2) % 3 === 0).map((type) => type?.shape);
      const [first] = parts;
      const axis = intAttribute(node, "axis");
      const along = axis < 0 ? axis + (first?.length ?? 0) : axis;
      const total = parts.reduce<Dim>((sum, shape) => add(sum, shape?.[along] ?? unknownDim()), 0);
      return [
        tensorType(
          types[1]?.dtype ?? "uint8",
          first?.map((d, i) => (i === along ? total : d)),
        ),
      ];
    },
  }),
  contrib("QAttention", "Projections and attention of one quantised input.", {
    attributes: {
      do_rotary: "int",
      mask_filter_value: "float",
      num_heads: "int",
      past_present_share_buffer: "int",
      scale: "float",
      unidirectional: "int",
    },
    settings: [3, 4],
    slot: slots([undefined, weight, bias]),
    infer: withCaches(([x, w]) => x && tensorType("float32", x.shape && [x.shape[0], x.shape[1], valueSize(w, undefined)])),
    batch: picking(batchFirst, [0]),
  }),
];

export const contribs: readonly OpDefinition[] = [...products, ...functions, ...layers];
