// Appends typed nodes to a graph: gradient rules, losses, layers and passes write graphs with it. Types are inferred as nodes are
// added (the inference is handed in, since operators are defined a layer above). It holds the only mutable graph there is.

import * as errors from "../errors.js";
import { attribute } from "./attributes.js";
import { onnxDType } from "./dtype-codes.js";
import { elementCount, isStatic } from "./dims.js";
import { bytesOf, tensorOf } from "./tensor.js";
import type { Attribute, Dim, DType, Graph, Node, Tensor, TensorType } from "./types.js";

/** A value of the graph being built. */
export interface Value {
  readonly name: string;
  readonly type: TensorType;
  /** Elements, where it is a small integer tensor whose elements are known. */
  readonly ints?: readonly Dim[];
  /** Elements, where it is a small floating vector that the model holds. */
  readonly floats?: readonly number[];
}

export type InferNode = (node: Node, inputs: readonly (Value | undefined)[]) => readonly Omit<Value, "name">[];

type AttributeInput = Attribute | number | string | readonly number[];

export interface OpOptions {
  readonly attributes?: Readonly<Record<string, AttributeInput | undefined>>;
  readonly outputs?: number;
  readonly domain?: string;
  readonly name?: string;
}

const scalarShape: readonly number[] = [];

export class GraphBuilder {
  /** New values are named after this (`relu1_grad`, `relu1_grad.1`, …). */
  scope = "value";

  readonly #base: Graph;
  readonly #infer: InferNode;
  readonly #nodes: Node[] = [];
  readonly #initializers: Map<string, Tensor>;
  readonly #names: Set<string>;
  readonly #nameCounts = new Map<string, number>();
  readonly #constants = new Map<string, Value>();

  /** Starts from `base`, which keeps its nodes, and adds behind them. New values are named differently from all of `taken` too. */
  constructor(base: Graph, infer: InferNode, taken: Iterable<string> = []) {
    this.#base = base;
    this.#infer = infer;
    this.#initializers = new Map(base.initializers);
    this.#names = new Set([...base.inputs.map((i) => i.name), ...base.initializers.keys(), ...base.sparseInitializers.keys()]);
    for (const node of base.nodes) for (const name of node.outputs) this.#names.add(name);
    for (const name of taken) this.#names.add(name);
  }

  /** The base graph with everything added, its outputs replaced by `outputs` where given. Not validated here. */
  finish(outputs?: readonly Value[], extraInputs: readonly Value[] = []): Graph {
    return {
      ...this.#base,
      nodes: [...this.#base.nodes, ...this.#nodes],
      initializers: this.#initializers,
      inputs: [...this.#base.inputs, ...extraInputs.map(({ name, type }) => ({ name, type }))],
      outputs: outputs === undefined ? this.#base.outputs : outputs.map(({ name, type }) => ({ name, type })),
    };
  }

  /** A name not used yet: `hint`, else `hint.1`, `hint.2`, … */
  fresh(hint: string): string {
    let name = hint;
    for (let n = this.#nameCounts.get(hint) ?? 0; this.#names.has(name);) {
      n += 1;
      name = `${hint}.${n}`;
      this.#nameCounts.set(hint, n);
    }
    this.#names.add(name);
    return name;
  }

  /** Declares an input; pass it to `finish` as well. */
  input(hint: string, type: TensorType): Value {
    return { name: this.fresh(hint), type };
  }

  /** Adds a node as it stands. */
  keep(node: Node): void {
    this.#nodes.push(node);
  }

  op(opType: string, inputs: readonly (Value | undefined)[], options: OpOptions = {}): Value {
    return this.ops(opType, inputs, { ...options, outputs: 1 })[0];
  }

  /** Adds a node with `outputs` outputs (1 unless told). */
  ops(opType: string, inputs: readonly (Value | undefined)[], options: OpOptions = {}): readonly Value[] {
    let last = inputs.length;
    while (last > 0 && inputs[last - 1] === undefined) last -= 1;
    const operands = inputs.slice(0, last);
    const outputs = Array.from({ length: options.outputs ?? 1 }, () => this.fresh(this.scope));
    const attributes = new Map<string, Attribute>();
    for (const [key, value] of Object.entries(options.attributes ?? {})) if (value !== undefined) attributes.set(key, attribute(value));
    const node: Node = {
      name: options.name ?? outputs[0],
      opType,
      domain: options.domain ?? "",
      inputs: operands.map((v) => v?.name ?? ""),
      outputs,
      attributes,
    };
    const facts = this.#infer(node, operands);
    this.#nodes.push(node);
    return outputs.map((name, i) => ({ name, ...facts[i] }));
  }

  // ── constants ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** An initializer; equal small ones are shared. */
  constant(tensor: Tensor, hint = "constant"): Value {
    const bytes = bytesOf(tensor);
    const key = bytes.length <= 256 ? `${tensor.dtype}[${tensor.shape.join()}]${Buffer.from(bytes).toString("hex")}` : undefined;
    const shared = key === undefined ? undefined : this.#constants.get(key);
    if (shared !== undefined) return shared;
    const name = this.fresh(hint);
    this.#initializers.set(name, tensor);
    const ints = tensor.dtype === "int64" && bytes.length <= 512 ? Array.from(new BigInt64Array(bytes.slice().buffer), Number) : undefined;
    const value: Value = { name, type: { kind: "tensor", dtype: tensor.dtype, shape: tensor.shape }, ...(ints === undefined ? {} : { ints }) };
    if (key !== undefined) this.#constants.set(key, value);
    return value;
  }

  /** A rank-0 constant of `like`'s element type. */
  scalar(like: Value | DType, value: number): Value {
    return this.constant(tensorOf(typeof like === "string" ? like : like.type.dtype, [value], scalarShape));
  }

  one(like: Value): Value {
    return this.scalar(like, 1);
  }

  zero(like: Value): Value {
    return this.scalar(like, 0);
  }

  /** An int64 vector. */
  ints(values: readonly number[]): Value {
    return this.constant(tensorOf("int64", values));
  }

  // ── shapes ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @throws model/unknown-rank */
  rank(x: Value): number {
    if (x.type.shape === undefined) throw errors.unknownRank({ name: x.name, opType: "value", outputs: [x.name] }, x.name);
    return x.type.shape.length;
  }

  /** The shape as an int64 vector: a constant where it is static, else computed. */
  shape(x: Value): Value {
    return isStatic(x.type.shape) ? this.ints(x.type.shape) : this.op("Shape", [x]);
  }

  /** Size of one axis as an int64 vector of one element. */
  dim(x: Value, axis: number): Value {
    const size = x.type.shape?.[axis];
    if (typeof size === "number") return this.ints([size]);
    return this.op("Shape", [x], { attributes: { start: axis, end: axis + 1 } });
  }

  /** Number of elements along `axes` as a rank-0 value of `like`'s element type. */
  count(x: Value, axes: readonly number[], like: Value): Value {
    const sizes = axes.map((a) => x.type.shape?.[a]);
    if (isStatic(sizes as Dim[])) return this.scalar(like, elementCount(sizes as number[]));
    const picked = this.op("Gather", [this.shape(x), this.ints(axes)], { attributes: { axis: 0 } });
    return this.cast(this.op("ReduceProd", [picked], { attributes: { keepdims: 0 } }), like.type.dtype);
  }

  reshape(x: Value, shape: Value | readonly number[]): Value {
    return this.op("Reshape", [x, "name" in shape ? shape : this.ints(shape)]);
  }

  reshapeLike(x: Value, like: Value): Value {
    const [from, to] = [x.type.shape, like.type.shape];
    if (from !== undefined && to !== undefined && from.length === to.length && from.every((d, i) => d === to[i])) return x;
    return this.reshape(x, this.shape(like));
  }

  expandLike(x: Value, like: Value): Value {
    return this.op("Expand", [x, this.shape(like)]);
  }

  zerosLike(x: Value): Value {
    if (isStatic(x.type.shape) && elementCount(x.type.shape) <= 64)
      return this.constant(tensorOf(x.type.dtype, new Float64Array(elementCount(x.type.shape)), x.type.shape));
    const value = tensorOf(x.type.dtype, [0]);
    return this.op("ConstantOfShape", [this.shape(x)], { attributes: { value: { type: "tensor", value } } });
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return perm.every((p, i) => p === i) ? x : this.op("Transpose", [x], { attributes: { perm } });
  }

  /** Swaps the last two axes. */
  transposeLast(x: Value): Value {
    const rank = this.rank(x);
    const perm = Array.from({ length: rank }, (_, i) => i);
    return this.transpose(x, [...perm.slice(0, rank - 2), rank - 1, rank - 2]);
  }

  squeeze(x: Value, axes: readonly number[]): Value {
    return axes.length === 0 ? x : this.op("Squeeze", [x, this.ints(axes)]);
  }

  unsqueeze(x: Value, axes: readonly number[]): Value {
    return axes.length === 0 ? x : this.op("Unsqueeze", [x, this.ints(axes)]);
  }

  concat(xs: readonly Value[], axis: number): Value {
    return xs.length === 1 ? xs[0] : this.op("Concat", xs, { attributes: { axis } });
  }

  /** `starts`, `ends` per axis, step 1 unless given. */
  slice(x: Value, axes: readonly number[], starts: Value | readonly number[], ends: Value | readonly number[], steps?: readonly number[]): Value {
    const vector = (v: Value | readonly number[]): Value => ("name" in v ? v : this.ints(v));
    return this.op("Slice", [x, vector(starts), vector(ends), this.ints(axes), steps === undefined ? undefined : this.ints(steps)]);
  }

  gather(x: Value, indices: Value, axis: number): Value {
    return this.op("Gather", [x, indices], { attributes: { axis } });
  }

  cast(x: Value, dtype: DType): Value {
    return x.type.dtype === dtype ? x : this.op("Cast", [x], { attributes: { to: onnxDType(dtype) } });
  }

  // ── arithmetic ──────────────────────────────────────────────────────────────────────────────────────────────────

  add(a: Value, c: Value): Value {
    return this.op("Add", [a, c]);
  }
  sub(a: Value, c: Value): Value {
    return this.op("Sub", [a, c]);
  }
  mul(a: Value, c: Value): Value {
    return this.op("Mul", [a, c]);
  }
  div(a: Value, c: Value): Value {
    return this.op("Div", [a, c]);
  }
  pow(a: Value, c: Value): Value {
    return this.op("Pow", [a, c]);
  }
  neg(x: Value): Value {
    return this.op("Neg", [x]);
  }
  exp(x: Value): Value {
    return this.op("Exp", [x]);
  }
  log(x: Value): Value {
    return this.op("Log", [x]);
  }
  sqrt(x: Value): Value {
    return this.op("Sqrt", [x]);
  }
  matmul(a: Value, c: Value): Value {
    return this.op("MatMul", [a, c]);
  }
  where(condition: Value, yes: Value, no: Value): Value {
    return this.op("Where", [condition, yes, no]);
  }
  equal(a: Value, c: Value): Value {
    return this.op("Equal", [a, c]);
  }
  less(a: Value, c: Value): Value {
    return this.op("Less", [a, c]);
  }
  greater(a: Value, c: Value): Value {
    return this.op("Greater", [a, c]);
  }
  and(a: Value, c: Value): Value {
    return this.op("And", [a, c]);
  }
  not(x: Value): Value {
    return this.op("Not", [x]);
  }

  /** Sum over `axes` (all where left out). An empty list of axes sums nothing. */
  reduceSum(x: Value, axes?: readonly number[] | Value, keepdims = true): Value {
    if (Array.isArray(axes) && axes.length === 0) return x;
    return this.#reduce("ReduceSum", x, axes, keepdims);
  }
  reduceMean(x: Value, axes?: readonly number[] | Value, keepdims = true): Value {
    if (Array.isArray(axes) && axes.length === 0) return x;
    return this.#reduce("ReduceMean", x, axes, keepdims);
  }

  #reduce(type: string, x: Value, axes: readonly number[] | Value | undefined, keepdims: boolean): Value {
    const list = axes === undefined ? undefined : "name" in axes ? axes : this.ints(axes);
    const noop = list !== undefined && list.ints === undefined ? 1 : undefined;
    return this.op(type, [x, list], { attributes: { keepdims: keepdims ? 1 : 0, noop_with_empty_axes: noop } });
  }

  /** Sum of values of one shape. */
  sum(xs: readonly Value[]): Value {
    if (xs.length <= 2) return xs.length === 1 ? xs[0] : this.add(xs[0], xs[1]);
    return this.op("Sum", xs);
  }
}
