// Quantisation, and layers on quantised tensors. Quantised weights are parameters that cannot be trained.

import { intAttribute } from "../graph/attributes.js";
import { dtypeOfOnnx } from "../graph/dtype-codes.js";
import { convolvedShape } from "./conv.js";
import { parameter, slots, type InferRule } from "./define.js";
import { batchOfFirstInput, family, onnxPage, picking } from "./frozen-only.js";
import { batchMatMul, inferMatMul } from "./matmul.js";
import { tensorType } from "./rules.js";
import { batchOfWindows, windowAttributes } from "./windows.js";

const quantised = family({ grad: { unsupported: "quantised layers are not trained" }, page: onnxPage });
const rounding = family({ grad: { unsupported: "quantisation rounds, and passes no gradient" }, page: onnxPage });

const inferQuantize: InferRule = ([x, , zeroPoint], { node }) => {
  const given = dtypeOfOnnx(intAttribute(node, "output_dtype", 0));
  return [x && tensorType(zeroPoint?.dtype ?? given ?? "uint8", x.shape)];
};

/** A product of quantised matrices, the operands at `left` and `right`, with elements of `dtype` (or of the zero point at input 7). */
function inferProduct(left: number, right: number, dtype?: "int32"): InferRule {
  return (types, site) => {
    const [product] = inferMatMul([types[left], types[right]], site);
    return [product && tensorType(dtype ?? types[7]?.dtype ?? "uint8", product.shape)];
  };
}

export const quantisations = [
  rounding("QuantizeLinear", "Rounds to small integers, by a scale and a zero point.", {
    attributes: { axis: "int", block_size: "int", output_dtype: "int", precision: "int", saturate: "int" },
    settings: [1],
    infer: inferQuantize,
    batch: batchOfFirstInput,
  }),
  quantised("DequantizeLinear", "Small integers back to numbers.", {
    attributes: { axis: "int", block_size: "int", output_dtype: "int" },
    settings: [1],
    slot: slots([parameter("weight")]),
    infer: ([x, scale], { node }) => [x && tensorType(dtypeOfOnnx(intAttribute(node, "output_dtype", 0)) ?? scale?.dtype ?? "float32", x.shape)],
    batch: batchOfFirstInput,
  }),
  rounding("DynamicQuantizeLinear", "Rounds to uint8 by the range of the tensor itself.", {
    infer: ([x]) => [x && tensorType("uint8", x.shape), tensorType("float32", []), tensorType("uint8", [])],
    batch: () => "takes its scale from the whole batch",
  }),
  quantised("QLinearConv", "A convolution of quantised tensors.", {
    attributes: { ...windowAttributes, group: "int" },
    settings: [1, 4, 6],
    slot: slots([undefined, undefined, undefined, parameter("weight"), undefined, undefined, undefined, undefined, parameter("bias")]),
    infer: ([x, , , w, , , , zeroPoint], { node }) => [x && tensorType(zeroPoint?.dtype ?? x.dtype, convolvedShape(node, x.shape, w?.shape))],
    batch: picking(batchOfWindows, [0, 3]),
  }),
  quantised("QLinearMatMul", "A product of quantised matrices.", {
    settings: [1, 4, 6],
    slot: slots([parameter("weight"), undefined, undefined, parameter("weight")]),
    infer: inferProduct(0, 3),
    batch: picking(batchMatMul, [0, 3]),
  }),
  quantised("ConvInteger", "A convolution of integers.", {
    attributes: { ...windowAttributes, group: "int" },
    slot: slots([undefined, parameter("weight")]),
    infer: ([x, w], { node }) => [x && tensorType("int32", convolvedShape(node, x.shape, w?.shape))],
    batch: picking(batchOfWindows, [0, 1]),
  }),
  quantised("MatMulInteger", "A product of integer matrices.", {
    slot: slots([parameter("weight"), parameter("weight")]),
    infer: inferProduct(0, 1, "int32"),
    batch: picking(batchMatMul, [0, 1]),
  }),
];
