// The layers of a new head as nodes in a model's own opset (7 to 23), with first weights drawn from a seed. Where a head is attached is
// decided by core/train/surgery.ts.

import * as errors from "../errors.js";
import { attributes, float } from "../graph/attributes.js";
import { product } from "../graph/dims.js";
import { castTensor, tensorOf } from "../graph/tensor.js";
import type { Dim, DType, Node, Shape, Tensor } from "../graph/types.js";
import { fillNormal, fillUniform, stream } from "./random.js";

export type Activation = "relu" | "gelu" | "tanh" | "sigmoid" | "hardSwish" | "leakyRelu";

/** One layer of a head. */
export type Layer =
  | { readonly type: "dense"; readonly units: number; readonly bias: boolean }
  | { readonly type: "dropout"; readonly rate: number }
  | { readonly type: "activation"; readonly function: Activation }
  | { readonly type: "flatten" }
  | { readonly type: "globalAveragePool" };

export interface HeadContext {
  /** Of ai.onnx. */
  readonly opset: number;
  /** Names start with it: `head.0.weight`, `/head/0/Gemm`. */
  readonly prefix: string;
  readonly seed: number;
  /** A name for a value or node that the model does not have yet. */
  readonly fresh: (hint: string) => string;
}

/** The value that a head reads or makes; axis 0 is the batch. */
export interface HeadValue {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

export interface Head {
  readonly nodes: readonly Node[];
  /** Parameters and constants by name. */
  readonly initializers: ReadonlyMap<string, Tensor>;
  readonly output: HeadValue;
  /** Names of the parameters, in order. */
  readonly parameters: readonly string[];
  /** Names of the dropout nodes: identities, until training makes them act. */
  readonly dropout: readonly string[];
}

/**
 * Builds layers behind a value. Parameters are named `prefix.<i>.weight` and `prefix.<i>.bias`, where i counts the layers that have any;
 * weights are He-normal before an activation of the Relu kind and Glorot-uniform elsewhere, biases 0.
 * @throws recipe/head-layer naming the layer where the shape before it does not fit
 */
export function buildHead(layers: readonly Layer[], input: HeadValue, output: string, context: HeadContext): Head {
  const writer = new HeadWriter(input, context);
  for (const [i, layer] of layers.entries()) writer.add(layer, i, layers);
  return writer.finish(output);
}

const rectifiers: readonly Activation[] = ["relu", "gelu", "hardSwish", "leakyRelu"];

/** Whether what follows layer i, dropout aside, is an activation that halves the variance. */
function feedsRectifier(layers: readonly Layer[], i: number): boolean {
  const next = layers.slice(i + 1).find((layer) => layer.type !== "dropout");
  return next?.type === "activation" && rectifiers.includes(next.function);
}

class HeadWriter {
  readonly #context: HeadContext;
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, Tensor>();
  readonly #parameters: string[] = [];
  readonly #dropout: string[] = [];
  #value: HeadValue;
  #parameterLayers = 0;

  constructor(input: HeadValue, context: HeadContext) {
    this.#value = input;
    this.#context = context;
  }

  add(layer: Layer, i: number, layers: readonly Layer[]): void {
    const misfit = whyUnfit(layer, this.#value.shape);
    if (misfit !== undefined) throw errors.headLayer(i, layer.type, misfit.expected, this.#value.shape, misfit.hint);
    switch (layer.type) {
      case "dense":
        return this.#dense(layer, feedsRectifier(layers, i));
      case "dropout":
        return this.#addDropout(layer.rate);
      case "activation":
        return this.#activation(layer.function, i);
      case "flatten":
        return this.#flatten("flatten");
      case "globalAveragePool":
        this.#step("GlobalAveragePool", "pool", { shape: this.#value.shape.map((d, axis) => (axis < 2 ? d : 1)) });
        return this.#flatten("pool");
    }
  }

  /** The head, with its last value renamed to `output`. */
  finish(output: string): Head {
    const last = this.#value.name;
    const rename = (name: string): string => (name === last ? output : name);
    return {
      nodes: this.#nodes.map((node) => ({ ...node, outputs: node.outputs.map(rename) })),
      initializers: this.#initializers,
      output: { ...this.#value, name: this.#nodes.length === 0 ? last : output },
      parameters: this.#parameters,
      dropout: this.#dropout,
    };
  }

  /** x·Wᵀ + b as Gemm on [batch, in], as the field writes it; x·W (+ b) as MatMul on more axes, and without a bias. */
  #dense({ units, bias }: Extract<Layer, { type: "dense" }>, rectified: boolean): void {
    const { shape, dtype } = this.#value;
    const features = shape[shape.length - 1] as number;
    const gemm = shape.length === 2 && bias;
    const index = this.#parameterLayers++;
    const scope = `${this.#context.prefix}.${index}`;
    const drawn = firstWeights(this.#context.seed, scope, features, units, rectified);
    const weight = tensorOf("float32", gemm ? drawn : transposed(drawn, units, features), gemm ? [units, features] : [features, units]);
    const weightName = this.#parameter(`${scope}.weight`, castTensor(weight, dtype));
    const biasName = bias ? this.#parameter(`${scope}.bias`, tensorOf(dtype, new Float32Array(units))) : undefined;
    const out = { shape: [...shape.slice(0, -1), units] };
    if (gemm && biasName !== undefined) this.#step("Gemm", String(index), { ...out, inputs: [weightName, biasName], attributes: { transB: 1 } });
    else {
      this.#step("MatMul", String(index), { ...out, inputs: [weightName] });
      if (biasName !== undefined) this.#step("Add", String(index), { inputs: [biasName] });
    }
  }

  /** In inference form: the identity. The ratio is an attribute up to opset 11, then an input. */
  #addDropout(rate: number): void {
    const asInput = this.#context.opset >= 12;
    const inputs = asInput ? [this.#constant("dropout_ratio", tensorOf("float32", [rate], []))] : [];
    this.#step("Dropout", "dropout", asInput ? { inputs } : { attributes: { ratio: float(rate) } });
    this.#dropout.push(this.#nodes[this.#nodes.length - 1].name);
  }

  #flatten(scope: string): void {
    const [batch, ...rest] = this.#value.shape;
    this.#step("Flatten", scope, { shape: [batch, product(rest)], attributes: { axis: 1 } });
  }

  #activation(name: Activation, i: number): void {
    const { opset } = this.#context;
    if (name === "gelu" && opset < 20) return this.#composedGelu(i);
    if (name === "hardSwish" && opset < 14) {
      const x = this.#value.name;
      this.#step("HardSigmoid", name, { attributes: { alpha: float(1 / 6), beta: float(0.5) } });
      return this.#step("Mul", name, { inputs: [x] });
    }
    this.#step(activationOps[name], name);
  }

  /** x/2 · (1 + erf(x/√2)), which older opsets have no operator for. */
  #composedGelu(i: number): void {
    const { dtype } = this.#value;
    if (this.#context.opset < 9)
      throw errors.headLayer(i, "activation gelu", "opset 9 or newer (for Erf)", undefined, "Use relu or hardSwish instead.");
    const x = this.#value.name;
    const scalar = (hint: string, value: number): string => this.#constant(hint, tensorOf(dtype, [value], []));
    this.#step("Div", "gelu", { inputs: [scalar("gelu_sqrt2", Math.SQRT2)] });
    this.#step("Erf", "gelu");
    this.#step("Add", "gelu", { inputs: [scalar("gelu_one", 1)] });
    this.#step("Mul", "gelu", { inputs: [x] });
    this.#step("Mul", "gelu", { inputs: [scalar("gelu_half", 0.5)] });
  }

  #parameter(name: string, tensor: Tensor): string {
    this.#initializers.set(name, tensor);
    this.#parameters.push(name);
    return name;
  }

  #constant(hint: string, tensor: Tensor): string {
    const name = this.#context.fresh(`${this.#context.prefix}.${hint}`);
    this.#initializers.set(name, tensor);
    return name;
  }

  /** Adds a node that reads the current value and `inputs`, and makes the next one; `scope` is its layer's part of the name. */
  #step(
    opType: string,
    scope: string,
    {
      inputs = [],
      shape,
      attributes: settings = {},
    }: { inputs?: readonly string[]; shape?: readonly Dim[]; attributes?: Parameters<typeof attributes>[0] } = {},
  ): void {
    const name = this.#context.fresh(`/${this.#context.prefix}/${scope}/${opType}`);
    const output = this.#context.fresh(`${name}_output_0`);
    this.#nodes.push({ name, opType, domain: "", inputs: [this.#value.name, ...inputs], outputs: [output], attributes: attributes(settings) });
    this.#value = { ...this.#value, name: output, ...(shape === undefined ? {} : { shape }) };
  }
}

const activationOps: Readonly<Record<Activation, string>> = {
  relu: "Relu",
  gelu: "Gelu",
  tanh: "Tanh",
  sigmoid: "Sigmoid",
  hardSwish: "HardSwish",
  leakyRelu: "LeakyRelu",
};

const pooling = 'Add { "type": "globalAveragePool" } or { "type": "flatten" } before it.';

/** What a layer expects of the shape before it, where that shape is not it. */
function whyUnfit(layer: Layer, shape: Shape): { readonly expected: string; readonly hint?: string } | undefined {
  const rank = shape.length;
  switch (layer.type) {
    case "dense":
      if (rank > 3) return { expected: "[batch, features] or [batch, steps, features]", hint: pooling };
      if (rank < 2) return { expected: "[batch, features] or [batch, steps, features]" };
      return typeof shape[rank - 1] === "number" ? undefined : { expected: "a known number of features along the last axis", hint: pooling };
    case "flatten":
      return rank >= 1 ? undefined : { expected: "[batch, …]" };
    case "globalAveragePool":
      return rank >= 3 ? undefined : { expected: "[batch, channels, …] with at least one axis to pool over", hint: "Leave it out." };
    case "dropout":
    case "activation":
      return undefined;
  }
}

/**
 * First weights of a dense layer, [units, features]: normal with variance 2/features (He et al. 2015) before a rectifier, else uniform
 * within √(6/(features + units)) (Glorot and Bengio 2010). Drawn by seed and name, so that layers do not depend on one another.
 */
function firstWeights(seed: number, scope: string, features: number, units: number, rectified: boolean): Float32Array {
  const weights = new Float32Array(units * features);
  const limit = Math.sqrt(6 / (features + units));
  if (rectified) fillNormal(stream(seed, scope), weights, 0, Math.sqrt(2 / features));
  else fillUniform(stream(seed, scope), weights, -limit, limit);
  return weights;
}

/** [rows, columns] → [columns, rows] */
function transposed(values: ArrayLike<number>, rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
}
