// The intermediate representation: an ONNX-shaped, read-only graph. Values are names; a node reads and makes values.
// No behaviour lives here, and no protobuf: what only the file format needs travels in the opaque `wire` fields.

export const dtypes = [
  "float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
  "bool", "string", "complex64", "complex128", "int4", "uint4", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2",
  "float8e5m2fnuz", "float4e2m1",
] as const; // prettier-ignore

/** Element type of a tensor, in ONNX's spelling where TypeScript allows it. */
export type DType = (typeof dtypes)[number];

/**
 * Size of one dimension: a number, or a symbolic expression in the canonical form that `dims.ts` writes. Equal strings are
 * equal sizes; a size about which nothing is known is a symbol of its own that starts with `?`.
 */
export type Dim = number | string;
export type Shape = readonly Dim[];

export interface TensorType {
  readonly kind: "tensor";
  readonly dtype: DType;
  /** Absent when not even the rank is known. */
  readonly shape?: Shape;
  readonly wire?: unknown;
}

export type ValueType =
  | TensorType
  | { readonly kind: "sparseTensor"; readonly dtype: DType; readonly shape?: Shape; readonly wire?: unknown }
  | { readonly kind: "sequence"; readonly element: ValueType | undefined; readonly wire?: unknown }
  | { readonly kind: "optional"; readonly element: ValueType | undefined; readonly wire?: unknown }
  | { readonly kind: "map"; readonly key: DType; readonly value: ValueType | undefined; readonly wire?: unknown }
  | { readonly kind: "opaque"; readonly wire?: unknown };

/** A dense tensor. `shape` is row-major; `data` holds little-endian bytes, 4-bit types two a byte (low half first). */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Bytes (often a view on the model file's buffer: never write to it), or one byte string per element for `string`. */
  readonly data: Uint8Array | readonly Uint8Array[];
  readonly wire?: unknown;
}

/** COO form: `values` [nnz]; `indices` int64 [nnz] (linear) or [nnz, rank]. */
export interface SparseTensor {
  readonly shape: readonly number[];
  readonly values: Tensor;
  readonly indices: Tensor;
  readonly wire?: unknown;
}

export type AttributeValue =
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "int"; readonly value: bigint }
  | { readonly type: "string"; readonly value: Uint8Array }
  | { readonly type: "tensor"; readonly value: Tensor }
  | { readonly type: "graph"; readonly value: Graph }
  | { readonly type: "sparseTensor"; readonly value: SparseTensor }
  | { readonly type: "type"; readonly value: ValueType | undefined }
  | { readonly type: "floats"; readonly value: readonly number[] }
  | { readonly type: "ints"; readonly value: readonly bigint[] }
  | { readonly type: "strings"; readonly value: readonly Uint8Array[] }
  | { readonly type: "tensors"; readonly value: readonly Tensor[] }
  | { readonly type: "graphs"; readonly value: readonly Graph[] }
  | { readonly type: "sparseTensors"; readonly value: readonly SparseTensor[] }
  | { readonly type: "types"; readonly value: readonly (ValueType | undefined)[] }
  /** Inside a function's body: the value of the call's attribute `name`, which has type `of`. */
  | { readonly type: "reference"; readonly of: Exclude<AttributeType, "reference">; readonly name: string };

export type AttributeType =
  | "float" | "int" | "string" | "tensor" | "graph" | "sparseTensor" | "type"
  | "floats" | "ints" | "strings" | "tensors" | "graphs" | "sparseTensors" | "types" | "reference"; // prettier-ignore

export type Attribute = AttributeValue & { readonly wire?: unknown };

/** One operator call. `""` among the inputs or outputs stands for an optional one that is left out. */
export interface Node {
  readonly name: string;
  readonly opType: string;
  /** `""` is ai.onnx. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly overload?: string;
  readonly wire?: unknown;
}

export interface ValueInfo {
  readonly name: string;
  readonly type: ValueType | undefined;
  readonly wire?: unknown;
}

/** A model-local function: a graph with formal inputs, outputs and attributes, without initializers. */
export interface FunctionDefinition {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly string[];
  readonly attributeDefaults: ReadonlyMap<string, Attribute>;
  readonly nodes: readonly Node[];
  readonly opsets: ReadonlyMap<string, number>;
  readonly valueTypes: ReadonlyMap<string, ValueInfo>;
  readonly wire?: unknown;
}

/** A graph or a subgraph. `nodes` are in topological order; a subgraph also sees the names of the graphs around it. */
export interface Graph {
  readonly name: string;
  /** Opset version by domain; a subgraph has its model's. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  readonly sparseInitializers: ReadonlyMap<string, SparseTensor>;
  /** Types that the file declares for inner values. */
  readonly valueTypes: ReadonlyMap<string, ValueInfo>;
  /** Model-local functions by `functionKey`; empty in subgraphs. */
  readonly functions: ReadonlyMap<string, FunctionDefinition>;
  readonly wire?: unknown;
}

/** A model file: the graph and what surrounds it. */
export interface Model {
  readonly graph: Graph;
  readonly irVersion: number;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly wire?: unknown;
}

/** Key of a function in `Graph.functions`; `domain::name`, with `::overload` where there is one. */
export function functionKey({ domain, name, overload }: { domain: string; name: string; overload?: string }): string {
  return overload === undefined || overload === "" ? `${domain}::${name}` : `${domain}::${name}::${overload}`;
}
