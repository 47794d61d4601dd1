import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { attribute } from "../../../core/graph/attributes.js";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { Graph, Model, Node } from "../../../core/graph/types.js";
import { decodeModel } from "../../../core/onnx/decode.js";
import { encodeGraph, encodeModel } from "../../../core/onnx/encode.js";
import { TensorProtoSchema, type GraphProto, type ModelProto } from "../../../core/onnx/generated/onnx_pb.js";
import { failure } from "../../support/failure.js";
import { assertSameFields, floatValue, messageOf, modelBytes, node, type ModelInit } from "../../support/onnx-messages.js";
import { numbers, runGraph } from "../../support/run-graph.js";

const weight = (name: string) => create(TensorProtoSchema, { name, dims: [2n], dataType: 1, rawData: new Uint8Array(Float32Array.of(1, 2).buffer) });

/** y = LeakyRelu(x + w), where w is an input as well. */
function example(rest: ModelInit = {}): Uint8Array {
  return modelBytes(
    {
      name: "g",
      node: [
        node("Add", ["x", "w"], ["h"], { name: "add", docString: "sum", metadataProps: [{ key: "origin", value: "a.py" }] }),
        node("LeakyRelu", ["h"], ["y"], { name: "act", domain: "ai.onnx", attribute: [{ name: "alpha", type: 1, f: 0.25, docString: "slope" }] }),
      ],
      input: [floatValue("w", [2]), floatValue("x", [2])],
      output: [floatValue("y", [2])],
      initializer: [weight("w")],
      docString: "kept",
    },
    rest,
  );
}

function edit(model: Model, change: (graph: Graph) => Partial<Graph>): ModelProto & { readonly graph: GraphProto } {
  const graph = { ...model.graph, ...change(model.graph) };
  return messageOf(encodeModel({ ...model, graph })) as ModelProto & { graph: GraphProto };
}

describe("initializers that are inputs as well", () => {
  it("are no inputs of the graph, and are inputs again in the file", () => {
    const model = decodeModel(example({ irVersion: 3n }));
    assert.deepEqual(
      model.graph.inputs.map((i) => i.name),
      ["x"],
    );
    assertSameFields(encodeModel(model), example({ irVersion: 3n }));
  });

  it("stay inputs after a change, and new initializers join them where the IR version asks for it", () => {
    const add = (graph: Graph) => ({ initializers: new Map([...graph.initializers, ["b", tensorOf("float32", [1])]]) });
    const inputs = (version: bigint) => edit(decodeModel(example({ irVersion: version })), add).graph.input.map((i) => i.name);
    assert.deepEqual(inputs(3n), ["w", "x", "b"]);
    assert.deepEqual(inputs(4n), ["w", "x"]);
  });

  it("are constants for a runtime, and gone where they became inputs", () => {
    const { graph } = decodeModel(example());
    assert.deepEqual(
      messageOf(encodeGraph(graph)).graph?.input.map((i) => i.name),
      ["x"],
    );
    const trainable = edit(decodeModel(example()), (g) => ({ initializers: new Map(), inputs: [...g.inputs, { name: "w", type: undefined }] }));
    assert.deepEqual(
      trainable.graph.input.map((i) => i.name),
      ["x", "w"],
    );
  });
});

describe("changes to a model that was read", () => {
  const change = (replace: (node: Node) => Node) => edit(decodeModel(example()), ({ nodes }) => ({ nodes: nodes.map(replace) }));

  it("win over what the file said, and the rest stays", () => {
    const { graph } = change((n) => (n.name === "act" ? { ...n, attributes: new Map([["alpha", { type: "float", value: 0.5 }]]), name: "new" } : n));
    assert.equal(graph.docString, "kept");
    assert.deepEqual([graph.node[0].docString, graph.node[0].metadataProps[0].value], ["sum", "a.py"]);
    const [, act] = graph.node;
    assert.deepEqual([act.name, act.domain, act.attribute[0].f, act.attribute[0].docString], ["new", "ai.onnx", 0.5, ""]);
  });

  it("keep an attribute's own notes where only its value changed", () => {
    const { graph } = change((n) => {
      const alpha = n.attributes.get("alpha");
      return alpha?.type === "float" ? { ...n, attributes: new Map([["alpha", { ...alpha, value: 0 }]]) } : n;
    });
    const [{ f, docString }] = graph.node[1].attribute;
    assert.deepEqual([f, docString], [0, "slope"]);
  });

  it("can move an operator to another domain", () => {
    const { graph } = change((n) => (n.name === "act" ? { ...n, domain: "test" } : n));
    assert.equal(graph.node[1].domain, "test");
  });

  it("can rename an initializer and change metadata and opsets", () => {
    const model = decodeModel(example({ metadataProps: [{ key: "a", value: "1" }, { key: "b", value: "2" }], opsetImport: [{ domain: "ai.onnx", version: 20n }] })); // prettier-ignore
    const graph: Graph = {
      ...model.graph,
      opsets: new Map([["", 21], ["test", 2]]),
      nodes: model.graph.nodes.map((n) => ({ ...n, inputs: n.inputs.map((name) => (name === "w" ? "v" : name)) })),
      initializers: new Map([...model.graph.initializers].map(([, tensor]) => ["v", tensor])),
    }; // prettier-ignore
    const written = messageOf(encodeModel({ ...model, graph, metadata: new Map([["b", "3"], ["c", "4"]]) })); // prettier-ignore
    assert.deepEqual(written.metadataProps.map((e) => [e.key, e.value]), [["b", "3"], ["c", "4"]]); // prettier-ignore
    assert.deepEqual(written.opsetImport.map((e) => [e.domain, e.version]), [["ai.onnx", 21n], ["test", 2n]]); // prettier-ignore
    assert.equal(written.graph?.initializer[0].name, "v");
  });
});

describe("a graph for a runtime", () => {
  it("imports every domain that its nodes use and runs in each opset", async () => {
    for (const version of [7, 9, 10, 11, 13, 15, 19, 21, 23]) {
      const { graph } = decodeModel(example({ opsetImport: [{ domain: "", version: BigInt(version) }] }));
      const gelu: Node = { name: "", opType: "Gelu", domain: "com.microsoft", inputs: ["y"], outputs: ["z"], attributes: new Map() };
      const run: Graph = {
        ...graph,
        nodes: [...graph.nodes, gelu],
        outputs: [{ name: "z", type: { kind: "tensor", dtype: "float32", shape: [2] } }],
      };
      assert.ok(messageOf(encodeGraph(run)).opsetImport.some((e) => e.domain === "com.microsoft"));
      const { z } = await runGraph(run, { x: { dtype: "float32", shape: [2], data: Float32Array.of(0, 1) } });
      const values = numbers(z);
      assert.ok(Math.abs(values[0] - 0.8413447) < 1e-6 && Math.abs(values[1] - 2.9959503) < 1e-6, String(values));
    }
  });
});

describe("nodes in another order than they run in", () => {
  const bytes = modelBytes({
    name: "g",
    node: [node("Neg", ["h"], ["y"]), node("Abs", ["x"], ["h"])],
    input: [floatValue("x", [2])],
    output: [floatValue("y", [2])],
  });

  it("are sorted, and written in the file's order while they are untouched", () => {
    const model = decodeModel(bytes);
    assert.deepEqual(
      model.graph.nodes.map((n) => n.opType),
      ["Abs", "Neg"],
    );
    assertSameFields(encodeModel(model), bytes);
    const touched = edit(model, ({ nodes }) => ({ nodes: nodes.map((n) => ({ ...n, attributes: new Map([["a", attribute(1)]]) })) }));
    assert.deepEqual(
      touched.graph.node.map((n) => n.opType),
      ["Abs", "Neg"],
    );
  });

  it("are refused where they form a cycle", async () => {
    const cycle = modelBytes({ name: "g", node: [node("Neg", ["b"], ["a"], { name: "n1" }), node("Neg", ["a"], ["b"], { name: "n2" })] });
    assert.match((await failure("model/cycle", () => decodeModel(cycle))).message, /Neg "n[12]": takes part in a cycle through "[ab]"/);
  });
});

describe("what a file may hold only once", () => {
  it("is refused by name", async () => {
    const twice = (graph: Parameters<typeof modelBytes>[0]) =>
      failure("model/duplicate-name", () => decodeModel(modelBytes({ name: "g", ...graph })));
    assert.match((await twice({ initializer: [weight("w"), weight("w")] })).message, /graph "g": initializer "w" is there twice/);
    const attributes = [{ name: "a", type: 2, i: 1n } as const, { name: "a", type: 2, i: 2n } as const];
    assert.match(
      (await twice({ node: [node("Op", [], ["y"], { name: "n", attribute: attributes })] })).message,
      /Op "n": attribute "a" is there twice/,
    );
  });
});
