// Operators that draw random numbers. What they draw does not vary with any input but Multinomial's and Bernoulli's probabilities, through
// which no gradient flows either: a sample jumps. They end the part of a model whose results can be kept.

import { intAttribute, intsAttribute } from "../graph/attributes.js";
import { dtypeOfOnnx } from "../graph/dtype-codes.js";
import type { DType, Node } from "../graph/types.js";
import { defineOp, type InferRule, type OpDefinition } from "./define.js";
import { batchElementwise, tensorType } from "./rules.js";

function dtypeAttribute(node: Node, fallback: DType | undefined): DType | undefined {
  const code = intAttribute(node, "dtype", 0);
  return code === 0 ? fallback : dtypeOfOnnx(code);
}

const inferShaped: InferRule = (_, { node }) => [tensorType(dtypeAttribute(node, "float32") ?? "float32", intsAttribute(node, "shape"))];

const inferLike: InferRule = ([x], { node }) => {
  const dtype = dtypeAttribute(node, x?.dtype);
  return [x === undefined || dtype === undefined ? undefined : tensorType(dtype, x.shape)];
};

function drawing(type: string, since: number, rest: Pick<OpDefinition, "attributes" | "infer" | "docs"> & Partial<OpDefinition>): OpDefinition {
  return defineOp({ type, since, grad: "zero", random: true, ...rest, docs: `${rest.docs} https://onnx.ai/onnx/operators/onnx__${type}.html` });
}

const normal = { mean: "float", scale: "float", seed: "float", dtype: "int" } as const;
const uniform = { low: "float", high: "float", seed: "float", dtype: "int" } as const;

export const random = [
  drawing("RandomNormal", 22, { attributes: { ...normal, shape: "ints" }, infer: inferShaped, docs: "Normally distributed numbers." }),
  drawing("RandomUniform", 22, { attributes: { ...uniform, shape: "ints" }, infer: inferShaped, docs: "Uniformly distributed numbers." }),
  drawing("RandomNormalLike", 22, { attributes: normal, infer: inferLike, batch: batchElementwise, docs: "Normally distributed numbers in a tensor's shape." }),
  drawing("RandomUniformLike", 22, { attributes: uniform, infer: inferLike, batch: batchElementwise, docs: "Uniformly distributed numbers in a tensor's shape." }),
  drawing("Bernoulli", 22, { attributes: { dtype: "int", seed: "float" }, infer: inferLike, batch: batchElementwise, docs: "1 with the given probability, else 0." }),
  drawing("Multinomial", 22, {
    attributes: { dtype: "int", sample_size: "int", seed: "float" },
    infer: ([x], { node }) => {
      const count = intAttribute(node, "sample_size", 1);
      return [tensorType(dtypeAttribute(node, "int32") ?? "int32", x?.shape === undefined ? undefined : [x.shape[0], count])];
    },
    batch: ([x]) => [x],
    docs: "Draws classes by their logarithmic probabilities.",
  }),
]; // prettier-ignore
