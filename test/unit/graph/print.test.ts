import assert from "node:assert/strict";
import { attributes, float, floats } from "../../../core/graph/attributes.js";
import { printGraph } from "../../../core/graph/print.js";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { FunctionDefinition, Graph, Node, ValueType } from "../../../core/graph/types.js";

function node(opType: string, inputs: readonly string[], outputs: readonly string[], rest: Partial<Node> = {}): Node {
  return { name: "not printed", opType, domain: "", inputs, outputs, attributes: new Map(), ...rest };
}

const image: ValueType = { kind: "tensor", dtype: "float32", shape: ["N", 3, "?1", 8] };

const inner: Graph = {
  name: "inner", opsets: new Map(), inputs: [], outputs: [{ name: "z", type: undefined }], nodes: [node("Neg", ["x"], ["z"])],
  initializers: new Map([["k", tensorOf("int64", [7], [])]]), sparseInitializers: new Map(), valueTypes: new Map(), functions: new Map(),
}; // prettier-ignore

const swish: FunctionDefinition = {
  name: "Swish", domain: "test", overload: "", inputs: ["a"], outputs: ["b"], attributes: ["beta"],
  attributeDefaults: new Map([["gain", float(2)]]), opsets: new Map(), valueTypes: new Map(),
  nodes: [node("Mul", ["a", "a"], ["b"], { attributes: attributes({ beta: { type: "reference", of: "float", name: "beta" } }) })],
}; // prettier-ignore

const example: Graph = {
  name: "example",
  opsets: new Map([["", 20], ["com.microsoft", 1]]),
  inputs: [{ name: "x", type: image }],
  outputs: [{ name: "y", type: undefined }],
  nodes: [
    node("Conv", ["x", "w", ""], ["c"], { attributes: attributes({ pads: [1, 1], group: 1, auto_pad: "VALID" }) }),
    node("Dropout", ["c"], ["", "mask"]),
    node("FusedMatMul", ["c", "odd name"], ["m"], { domain: "com.microsoft", attributes: attributes({ alpha: float(Math.fround(0.1)), list: floats([1e-8, -0]) }) }),
    node("If", ["flag"], ["y"], { attributes: attributes({ then_branch: { type: "graph", value: inner }, value: tensorOf("float16", [0.5]) }) }),
  ],
  initializers: new Map([
    ["w", tensorOf("float32", new Float32Array(81), [3, 3, 3, 3])],
    ["odd name", tensorOf("float32", [Math.fround(1 / 3), 2], [2, 1])],
    ["flag", tensorOf("bool", [1], [])],
  ]),
  sparseInitializers: new Map([["s", { shape: [9], values: tensorOf("float32", [5]), indices: tensorOf("int64", [4]) }]]),
  valueTypes: new Map(),
  functions: new Map([["test::Swish", swish]]),
}; // prettier-ignore

const text = `graph example (ai.onnx 20, com.microsoft 1)
  input x: float32[N, 3, ?, 8]
  w: float32[3, 3, 3, 3]
  "odd name": float32[2, 1] = [0.33333334, 2]
  flag: bool[] = 1
  s: sparse float32[9] (values float32[1] = [5], indices int64[1] = [4])
  c = Conv[auto_pad="VALID", group=1, pads=[1, 1]](x, w, _)  # float32[N, 3, ?, 8]
  _, mask = Dropout(c)
  m = com.microsoft.FusedMatMul[alpha=0.1, list=[1e-8, -0]](c, "odd name")
  y = If[value=float16[1] = [0.5]](flag)
    then_branch:
      k: int64[] = 7
      z = Neg(x)
      output z: …
  output y: …

function test::Swish[beta, gain=2](a) → b
  b = Mul[beta=@beta](a, a)
`;

describe("a graph's text", () => {
  it("has one line for each value, with attributes in order and small tensors inline", () => {
    assert.equal(printGraph(example, { types: (name) => (name === "c" ? image : undefined) }), text);
  });

  it("leaves types out unless they are given", () => {
    assert.equal(printGraph(example), text.replace("  # float32[N, 3, ?, 8]", ""));
  });

  it("shows every kind of type and tensor", () => {
    const type: ValueType = {
      kind: "sequence",
      element: { kind: "map", key: "int64", value: { kind: "optional", element: { kind: "sparseTensor", dtype: "int8" } } },
    };
    const graph: Graph = {
      ...inner,
      inputs: [{ name: "q", type }],
      outputs: [],
      nodes: [],
      initializers: new Map([
        ["t", { dtype: "string", shape: [2], data: [new TextEncoder().encode('a"'), new Uint8Array(0)] }],
        ["f", { dtype: "float8e5m2", shape: [2], data: Uint8Array.of(1, 255) }],
        ["i", { dtype: "int4", shape: [3], data: Uint8Array.of(0xf1, 7) }],
        ["e", tensorOf("float64", [0.1, NaN, -Infinity])],
        ["n", tensorOf("int32", [], [0, 4])],
      ]),
    };
    assert.equal(
      printGraph(graph),
      `graph inner ()
  input q: sequence(map(int64, optional(sparse int8[…])))
  t: string[2] = ["a\\"", ""]
  f: float8e5m2[2] = [0x01ff]
  i: int4[3] = [1, -1, 7]
  e: float64[3] = [0.1, NaN, -Infinity]
  n: int32[0, 4] = []
`,
    );
  });
});
