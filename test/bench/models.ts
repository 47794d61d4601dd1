// The bench's own models as ONNX graphs with seeded weights, and samples to train them on. Who trains them, and how, is not decided here.

import { float } from "../../core/graph/attributes.js";
import { GraphBuilder, type OpOptions, type Value } from "../../core/graph/builder.js";
import { tensorOf } from "../../core/graph/tensor.js";
import type { DType, Graph, Shape, Tensor } from "../../core/graph/types.js";
import { fillUniform, integer, stream } from "../../core/nn/random.js";
import { inferNode } from "../../core/ops/infer.js";

const seed = 1;

export interface TransformerSizes {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly tokens: number;
  readonly vocabulary: number;
  readonly classes: number;
}

/** Builds a model layer by layer; names of parameters are as in PyTorch. */
class ModelBuilder {
  readonly #b: GraphBuilder;

  constructor(input: { readonly name: string; readonly dtype: DType; readonly shape: Shape }) {
    const { name, dtype, shape } = input;
    const base: Graph = {
      name: "bench",
      opsets: new Map([["", 20]]),
      inputs: [{ name, type: { kind: "tensor", dtype, shape } }],
      outputs: [],
      nodes: [],
      initializers: new Map(),
      sparseInitializers: new Map(),
      valueTypes: new Map(),
      functions: new Map(),
    };
    this.#b = new GraphBuilder(base, inferNode);
  }

  finish(output: Value): Graph {
    return this.#b.finish([output]);
  }

  op(opType: string, inputs: readonly (Value | undefined)[], attributes: OpOptions["attributes"] = {}): Value {
    return this.#b.op(opType, inputs, { attributes });
  }

  ints(values: readonly number[]): Value {
    return this.#b.ints(values);
  }

  scalar(value: number): Value {
    return this.#b.scalar("float32", value);
  }

  /** Three equal parts of the last axis. */
  thirds(x: Value): readonly Value[] {
    return this.#b.ops("Split", [x], { attributes: { axis: -1, num_outputs: 3 }, outputs: 3 });
  }

  /** A parameter, uniform within ±`bound` around `centre`. */
  parameter(name: string, shape: readonly number[], bound: number, centre = 0): Value {
    return this.#b.constant(uniformTensor(name, shape, centre - bound, centre + bound), name);
  }

  /** [batch, in] × [out, in]ᵀ → [batch, out] */
  dense(x: Value, name: string, from: number, to: number): Value {
    const bound = 1 / Math.sqrt(from);
    const weights = [this.parameter(`${name}.weight`, [to, from], bound), this.parameter(`${name}.bias`, [to], bound)];
    return this.op("Gemm", [x, ...weights], { transB: 1 });
  }

  /** [batch, tokens, in] × [in, out] → [batch, tokens, out] */
  linear(x: Value, name: string, from: number, to: number): Value {
    const bound = 1 / Math.sqrt(from);
    const product = this.op("MatMul", [x, this.parameter(`${name}.weight`, [from, to], bound)]);
    return this.op("Add", [product, this.parameter(`${name}.bias`, [to], bound)]);
  }

  layerNorm(x: Value, name: string, width: number): Value {
    const [scale, bias] = [this.parameter(`${name}.weight`, [width], 0.1, 1), this.parameter(`${name}.bias`, [width], 0.1)];
    return this.op("LayerNormalization", [x, scale, bias], { axis: -1, epsilon: float(1e-5) });
  }

  conv3x3(x: Value, name: string, from: number, to: number): Value {
    const bound = 1 / Math.sqrt(from * 9);
    const weights = [this.parameter(`${name}.weight`, [to, from, 3, 3], bound), this.parameter(`${name}.bias`, [to], bound)];
    return this.op("Conv", [x, ...weights], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
  }
}

/** x [batch, sizes[0]] → dense and Relu for each further size, none after the last → logits. */
export function mlp(sizes: readonly number[]): Graph {
  const m = new ModelBuilder({ name: "x", dtype: "float32", shape: ["batch", sizes[0]] });
  let value: Value = { name: "x", type: { kind: "tensor", dtype: "float32", shape: ["batch", sizes[0]] } };
  for (let i = 1; i < sizes.length; i++) {
    value = m.dense(value, `fc${i}`, sizes[i - 1], sizes[i]);
    if (i < sizes.length - 1) value = m.op("Relu", [value]);
  }
  return m.finish(value);
}

/** x [batch, 16] → `count` times x · scale + bias, one after the other → logits: 2 · count + 2 parameters. */
export function affineChain(count: number): Graph {
  const shape: Shape = ["batch", 16];
  const m = new ModelBuilder({ name: "x", dtype: "float32", shape });
  let x: Value = { name: "x", type: { kind: "tensor", dtype: "float32", shape } };
  for (let i = 0; i < count; i++) {
    const scaled = m.op("Mul", [x, m.parameter(`layers.${i}.scale`, [16], 0.01, 1)]);
    x = m.op("Add", [scaled, m.parameter(`layers.${i}.bias`, [16], 0.01)]);
  }
  return m.finish(m.dense(x, "head", 16, 10));
}

/** x [batch, 1, 28, 28] → conv 32, Relu, pool, conv 64, Relu, pool, dense 128, Relu, dense 10. */
export function cnn(): Graph {
  const shape: Shape = ["batch", 1, 28, 28];
  const m = new ModelBuilder({ name: "x", dtype: "float32", shape });
  const pooled = (x: Value): Value => m.op("MaxPool", [m.op("Relu", [x])], { kernel_shape: [2, 2], strides: [2, 2] });
  const first = pooled(m.conv3x3({ name: "x", type: { kind: "tensor", dtype: "float32", shape } }, "conv1", 1, 32));
  const second = pooled(m.conv3x3(first, "conv2", 32, 64));
  const hidden = m.op("Relu", [m.dense(m.op("Flatten", [second], { axis: 1 }), "fc1", 64 * 49, 128)]);
  return m.finish(m.dense(hidden, "fc2", 128, 10));
}

/** tokens int64 [batch, tokens] → embedding and position → pre-norm blocks → norm → mean over the tokens → dense: class logits. */
export function transformer({ layers, width, heads, tokens, vocabulary, classes }: TransformerSizes): Graph {
  const shape: Shape = ["batch", tokens];
  const m = new ModelBuilder({ name: "tokens", dtype: "int64", shape });
  const input: Value = { name: "tokens", type: { kind: "tensor", dtype: "int64", shape } };
  const embedded = m.op("Gather", [m.parameter("embedding.weight", [vocabulary, width], 1), input], { axis: 0 });
  let x = m.op("Add", [embedded, m.parameter("position", [tokens, width], 0.1)]);
  const split = m.ints([0, tokens, heads, width / heads]);
  const joined = m.ints([0, tokens, width]);
  const scale = m.scalar(1 / Math.sqrt(width / heads));
  for (let i = 0; i < layers; i++) {
    const layer = `layers.${i}`;
    const parts = m.thirds(m.linear(m.layerNorm(x, `${layer}.norm1`, width), `${layer}.qkv`, width, 3 * width));
    const [q, k, v] = parts.map((part, j) => m.op("Transpose", [m.op("Reshape", [part, split])], { perm: j === 1 ? [0, 2, 3, 1] : [0, 2, 1, 3] }));
    const scores = m.op("Softmax", [m.op("Mul", [m.op("MatMul", [q, k]), scale])], { axis: -1 });
    const mixed = m.op("Reshape", [m.op("Transpose", [m.op("MatMul", [scores, v])], { perm: [0, 2, 1, 3] }), joined]);
    x = m.op("Add", [x, m.linear(mixed, `${layer}.out`, width, width)]);
    const up = m.op("Gelu", [m.linear(m.layerNorm(x, `${layer}.norm2`, width), `${layer}.up`, width, 4 * width)]);
    x = m.op("Add", [x, m.linear(up, `${layer}.down`, 4 * width, width)]);
  }
  const pooled = m.op("ReduceMean", [m.layerNorm(x, "norm", width), m.ints([1])], { keepdims: 0 });
  return m.finish(m.dense(pooled, "head", width, classes));
}

/** Uniform numbers that depend on name and shape only. */
export function uniformTensor(name: string, shape: readonly number[], low: number, high: number): Tensor {
  const values = new Float32Array(shape.reduce((a, n) => a * n, 1));
  fillUniform(stream(seed, name), values, low, high);
  return tensorOf("float32", values, shape);
}

/** Whole numbers from 0 to `below` − 1, int64. */
export function integerTensor(name: string, shape: readonly number[], below: number): Tensor {
  const numbers = stream(seed, name);
  const count = shape.reduce((a, n) => a * n, 1);
  const values = Array.from({ length: count }, (_, i) => integer(numbers, i, below));
  return tensorOf("int64", values, shape);
}
