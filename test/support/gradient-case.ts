// Gradient cases as data: which operator, on which inputs, with which attributes, in which opset. Checking them is
// `gradient-check.ts`'s matter.

import { attributes as attributesFrom } from "../../core/graph/attributes.js";
import { GraphBuilder, type Value } from "../../core/graph/builder.js";
import { tensorOf } from "../../core/graph/tensor.js";
import type { Attribute, Dim, DType, Graph, Node, Tensor, ValueInfo } from "../../core/graph/types.js";
import { internalOpset } from "../../core/ops/index.js";
import { inferNode } from "../../core/ops/infer.js";
import { seededRandom, seedOf, shuffled, type Random } from "./random.js";

/** Numbers for a tensor of `count` elements. */
export type Generator = (random: Random, count: number) => readonly number[];

/** A floating input in the element type under test. */
export interface FloatInput {
  readonly kind: "float";
  readonly shape: readonly number[];
  readonly values: Generator;
  /** Its gradient is checked. */
  readonly differentiate: boolean;
  /** An initializer instead of an input of the graph. */
  readonly constant: boolean;
}

/** An input with given elements, of any type: indices, axes, shapes, masks. */
export interface GivenInput {
  readonly kind: "given";
  readonly tensor: Tensor;
  readonly constant: boolean;
  /** Its own sizes are declared as numbers in every form: the lengths of lists of axes and sizes are part of a model. */
  readonly isList?: boolean;
}

/** Undefined: an optional input that is left out. */
export type CaseInput = FloatInput | GivenInput | undefined;

/**
 * How the graph's inputs are declared. `static`: all sizes are numbers. `named`: every size but 1 is a symbol, equal sizes the same
 * one. `unknown`: every size, 1 too, is a symbol of its own, so that all broadcasting is decided at run time.
 */
export type DimForm = "static" | "named" | "unknown";

export interface GradientCase {
  /** Operator whose rule the case is about. */
  readonly op: string;
  readonly domain?: string;
  /** What is special about it, for the title. */
  readonly name?: string;
  readonly inputs: readonly CaseInput[];
  readonly attributes?: Readonly<Record<string, Attribute | number | string | readonly number[] | undefined>>;
  /** Number of outputs of the node (default 1). An empty name in `outputNames` leaves one out. */
  readonly outputs?: number;
  readonly outputNames?: readonly string[];
  /** Opset of the node's form (default: the internal one). Older forms are upgraded, and must compute the same as before. */
  readonly opset?: number;
  /** Default: `static` and `named`. */
  readonly dims?: readonly DimForm[];
  /** Instead of a single node: any graph that holds the operator. */
  readonly build?: (context: { readonly b: GraphBuilder; readonly inputs: readonly Value[]; readonly dtype: DType }) => readonly Value[];
  /** Gradients that the differentiated inputs must have, where central differences cannot tell (ties, casts), in order of the inputs. */
  readonly expected?: (context: ExpectedContext) => readonly (readonly number[])[];
}

export interface ExpectedContext {
  /** Elements of every input. */
  readonly inputs: readonly (readonly number[])[];
  /** What the loss multiplies the elements of each floating output with. */
  readonly coefficients: readonly (readonly number[])[];
}

// ── inputs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Rounded so that float32 holds it exactly: both precisions then see the same point. */
const grid = (x: number): number => Math.round(x * 1024) / 1024;

const sign = (random: Random): number => (random() < 0.5 ? -1 : 1);

/** Away from 0, of both signs: 0.25 … 1.75. */
export const signed: Generator = (random, count) => Array.from({ length: count }, () => grid(sign(random) * (0.25 + 1.5 * random())));

/** 0.25 … 1.75 */
export const positive: Generator = (random, count) => Array.from({ length: count }, () => grid(0.25 + 1.5 * random()));

/** lowest … highest, by default without any regard for kinks */
export function between(lowest: number, highest: number): Generator {
  return (random, count) => Array.from({ length: count }, () => grid(lowest + (highest - lowest) * random()));
}

/** Multiples of 1/4 without 0 in random order, so that all are at least 1/4 apart: for maxima and the like. */
export const distinct: Generator = (random, count) => shuffled(random, count).map((i) => (i - Math.floor(count / 2) + 0.5) / 4);

/** Values at least `margin` away from each of `kinks`, within `lowest … highest`. */
export function awayFrom(kinks: readonly number[], lowest = -2, highest = 2, margin = 0.1): Generator {
  const draw = (random: Random): number => {
    for (;;) {
      const x = grid(lowest + (highest - lowest) * random());
      if (kinks.every((k) => Math.abs(x - k) >= margin)) return x;
    }
  };
  return (random, count) => Array.from({ length: count }, () => draw(random));
}

/** Exactly these. */
export function exactly(...values: readonly number[]): Generator {
  return () => values;
}

type FloatOptions = Partial<Omit<FloatInput, "kind" | "shape">>;

/** A floating input whose gradient is checked. */
export function float(shape: readonly number[], options: FloatOptions | Generator = {}): FloatInput {
  const rest = typeof options === "function" ? { values: options } : options;
  return { kind: "float", shape, values: signed, differentiate: true, constant: false, ...rest };
}

/** A floating input that is not differentiated: a frozen weight (an initializer unless told). */
export function frozen(shape: readonly number[], options: FloatOptions | Generator = {}): FloatInput {
  return { ...float(shape, options), differentiate: false, constant: typeof options === "function" || (options.constant ?? true) };
}

/** An int64 constant: axes, shapes, indices. A vector unless a shape is given. */
export function ints(values: readonly number[], shape: readonly number[] = [values.length]): GivenInput {
  return { kind: "given", tensor: tensorOf("int64", values, shape), constant: true };
}

/** The same as an input that is known only at run time; without a shape, a list whose length is known. */
export function fedInts(values: readonly number[], shape?: readonly number[]): GivenInput {
  return { ...ints(values, shape), constant: false, isList: shape === undefined };
}

/** A boolean input of the graph. */
export function bools(values: readonly number[], shape: readonly number[] = [values.length]): GivenInput {
  return { kind: "given", tensor: tensorOf("bool", values, shape), constant: false };
}

export function given(tensor: Tensor, constant = true): GivenInput {
  return { kind: "given", tensor, constant };
}

// ── sets of cases ───────────────────────────────────────────────────────────────────────────────────────────────────

/** Pairs of shapes that broadcast in every way: equal, suffix, ones, both sides, scalars, more axes on either side. */
export const broadcastLayouts: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[2, 3], [2, 3]],
  [[2, 3], [3]],
  [[3], [2, 3]],
  [[2, 3], [1]],
  [[2, 1], [1, 3]],
  [[], [2, 3]],
  [[2, 3], []],
  [[], []],
  [[1, 3], [2, 1, 1]],
  [[2, 1, 3], [4, 1]],
  [[1], [1, 1]],
]; // prettier-ignore

/** All combinations of attribute values; undefined leaves the attribute out. */
export function combinations<T>(choices: Readonly<Record<string, readonly T[]>>): readonly Readonly<Record<string, T>>[] {
  return Object.entries(choices).reduce<readonly Readonly<Record<string, T>>[]>(
    (all, [name, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
}

/** A binary operator on every broadcast layout, in every form of declared sizes. */
export function binaryCases(
  op: string,
  values: readonly [Generator, Generator] = [signed, signed],
  rest: Partial<GradientCase> = {},
): readonly GradientCase[] {
  return broadcastLayouts.map(([a, c]): GradientCase => {
    return { op, inputs: [float(a, values[0]), float(c, values[1])], dims: ["static", "named", "unknown"], ...rest };
  });
}

/** A title that tells cases of one operator apart. */
export function titleOf(test: GradientCase): string {
  const inputs = test.inputs.map((input) => {
    if (input === undefined) return "–";
    if (input.kind === "float") return `${input.differentiate ? "" : "frozen"}[${input.shape.join(", ")}]`;
    return `${input.tensor.dtype}${input.constant ? "" : " fed"}[${input.tensor.shape.join(", ")}]`;
  });
  const attributes = Object.entries(test.attributes ?? {}).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${plain(value)}`]));
  const opset = test.opset === undefined ? [] : [`opset ${test.opset}`];
  return [test.op, inputs.join(" "), ...attributes, ...opset, ...(test.name === undefined ? [] : [`(${test.name})`])].join(" ");
}

function plain(value: Attribute | number | string | readonly number[]): string {
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `[${value.join(", ")}]`;
  const { type, value: inner } = value as Attribute & { readonly value: unknown };
  if (type === "string") return new TextDecoder().decode(inner);
  return type === "float" || type === "int" ? String(inner) : Array.isArray(inner) ? `[${inner.join(", ")}]` : type;
}

// ── graphs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export const inputName = (i: number): string => `x${i}`;

/** A graph without anything in it. */
export function emptyGraph(opset: number = internalOpset): Graph {
  return {
    name: "test",
    opsets: new Map([["", opset]]),
    inputs: [],
    outputs: [],
    nodes: [],
    initializers: new Map(),
    sparseInitializers: new Map(),
    valueTypes: new Map(),
    functions: new Map(),
  };
}

/** Elements of every input of a case; the same for every precision and form of sizes. */
export function valuesOf(test: GradientCase, seed: number): readonly (readonly number[])[] {
  return test.inputs.map((input, i) => {
    if (input === undefined) return [];
    if (input.kind === "given") return Array.from(numbersOfGiven(input.tensor));
    const count = input.shape.reduce((n, d) => n * d, 1);
    const values = input.values(seededRandom(seedOf(`${titleOf(test)} input ${i}`, seed)), count);
    if (values.length !== count) throw new Error(`${titleOf(test)}: input ${i} has ${count} elements, got ${values.length} values`);
    return values;
  });
}

function numbersOfGiven({ dtype, data }: Tensor): readonly number[] {
  const bytes = (data as Uint8Array).slice();
  if (dtype === "int64") return Array.from(new BigInt64Array(bytes.buffer), Number);
  if (dtype === "int32") return Array.from(new Int32Array(bytes.buffer));
  return dtype === "float32" ? Array.from(new Float32Array(bytes.buffer)) : Array.from(bytes);
}

/** The case's graph in its own opset, in one element type and form of declared sizes. Its floating outputs are listed first to last. */
export function graphOf(test: GradientCase, dtype: DType, form: DimForm, values: readonly (readonly number[])[]): Graph {
  const base = emptyGraph(test.opset);
  const initializers = new Map<string, Tensor>();
  const inputs: ValueInfo[] = [];
  for (const [i, input] of test.inputs.entries()) {
    if (input === undefined) continue;
    const shape = input.kind === "float" ? input.shape : input.tensor.shape;
    const type = input.kind === "float" ? dtype : input.tensor.dtype;
    const isList = input.kind === "given" && input.isList === true;
    if (input.constant) initializers.set(inputName(i), input.kind === "float" ? tensorOf(dtype, values[i], shape) : input.tensor);
    else inputs.push({ name: inputName(i), type: { kind: "tensor", dtype: type, shape: isList ? shape : declare(shape, form, i) } });
  }
  const graph = { ...base, initializers, inputs };
  return test.build === undefined ? withNode(graph, test) : withBuilt(graph, test, dtype);
}

function declare(shape: readonly number[], form: DimForm, input: number): readonly Dim[] {
  if (form === "static") return shape;
  return shape.map((d, axis) => (form === "unknown" ? `size${input}_${axis}` : d === 1 ? 1 : `size${d}`));
}

/** The sizes that the symbols of a form stand for. */
export function sizesOf(test: GradientCase, form: DimForm): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const [i, input] of test.inputs.entries()) {
    if (input === undefined) continue;
    const shape = input.kind === "float" ? input.shape : input.tensor.shape;
    for (const [axis, d] of declare(shape, form, i).entries()) if (typeof d === "string") sizes.set(d, shape[axis]);
  }
  return sizes;
}

function withNode(graph: Graph, test: GradientCase): Graph {
  const outputs = test.outputNames ?? Array.from({ length: test.outputs ?? 1 }, (_, i) => `y${i}`);
  const node: Node = {
    name: "node",
    opType: test.op,
    domain: test.domain ?? "",
    inputs: test.inputs.map((input, i) => (input === undefined ? "" : inputName(i))),
    outputs,
    attributes: attributesFrom(test.attributes ?? {}),
  };
  return { ...graph, nodes: [node], outputs: outputs.filter((name) => name !== "").map((name) => ({ name, type: undefined })) };
}

function withBuilt(graph: Graph, test: GradientCase, dtype: DType): Graph {
  const b = new GraphBuilder(graph, inferNode);
  const values = test.inputs.map((input, i): Value => {
    const name = inputName(i);
    const declared = graph.inputs.find((info) => info.name === name)?.type;
    if (declared?.kind === "tensor") return { name, type: declared };
    const tensor = graph.initializers.get(name);
    if (tensor === undefined || input === undefined) return undefined as unknown as Value;
    const known = tensor.dtype === "int64" ? { ints: Array.from(numbersOfGiven(tensor)) } : {};
    return { name, type: { kind: "tensor", dtype: tensor.dtype, shape: tensor.shape }, ...known };
  });
  return b.finish(test.build?.({ b, inputs: values, dtype }) ?? []);
}
