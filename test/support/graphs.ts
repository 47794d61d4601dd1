// Small graphs and models for tests, written by hand in few words.

import { attributes } from "../../core/graph/attributes.js";
import { tensorOf } from "../../core/graph/tensor.js";
import type { DType, Graph, Model, Node, Shape, Tensor, ValueInfo } from "../../core/graph/types.js";

export function node(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  settings: Parameters<typeof attributes>[0] = {},
  name = "",
): Node {
  return { name, opType, domain: "", inputs, outputs, attributes: attributes(settings) };
}

/** `info("x", ["N", 3])`: a float32 value; without a shape not even the rank is known. */
export function info(name: string, shape?: Shape, dtype: DType = "float32"): ValueInfo {
  return { name, type: { kind: "tensor", dtype, ...(shape === undefined ? {} : { shape }) } };
}

/** A float32 tensor whose elements are small and all different. */
export function ramp(...shape: readonly number[]): Tensor {
  const count = shape.reduce((n, d) => n * d, 1);
  return tensorOf(
    "float32",
    Array.from({ length: count }, (_, i) => ((i * 7) % 11) / 8 - 0.6 + i / 1000),
    shape,
  );
}

export function ints(...values: readonly number[]): Tensor {
  return tensorOf("int64", values);
}

export interface GraphParts {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly (string | ValueInfo)[];
  readonly nodes: readonly Node[];
  readonly tensors?: Readonly<Record<string, Tensor>>;
  readonly valueTypes?: readonly ValueInfo[];
  readonly opset?: number;
}

export function graphOf({ inputs, outputs, nodes, tensors = {}, valueTypes = [], opset = 21 }: GraphParts): Graph {
  return {
    name: "test",
    opsets: new Map([["", opset]]),
    inputs,
    outputs: outputs.map((o) => (typeof o === "string" ? info(o) : o)),
    nodes,
    initializers: new Map(Object.entries(tensors)),
    sparseInitializers: new Map(),
    valueTypes: new Map(valueTypes.map((v) => [v.name, v])),
    functions: new Map(),
  };
}

export function modelOf(graph: Graph): Model {
  return { graph, irVersion: 8, producerName: "", producerVersion: "", metadata: new Map() };
}

/** The code of the `EngineError` that `run` throws. */
export function thrown(run: () => unknown): Error & { readonly code: string; readonly hint?: string } {
  try {
    run();
  } catch (error) {
    if (error instanceof Error && "code" in error) return error as Error & { code: string };
    throw error;
  }
  throw new Error("expected an error");
}
