import assert from "node:assert/strict";
import { printGraph } from "../../../core/graph/print.js";
import type { Graph } from "../../../core/graph/types.js";
import { decodeModel } from "../../../core/onnx/decode.js";
import { inlineFunctions } from "../../../core/passes/inline-functions.js";
import { failure } from "../../support/failure.js";
import { floatValue, modelBytes, node, type ModelInit } from "../../support/onnx-messages.js";
import { numbers, runGraph } from "../../support/run-graph.js";

type FunctionInit = NonNullable<ModelInit["functions"]>[number];
type NodeInit = ReturnType<typeof node>;

const reference = (name: string, type: 1 | 2) => ({ name, type, refAttrName: name });
const opset = (version = 20n, domain = "") => ({ domain, version });

/** b = LeakyRelu(a + a; alpha), alpha 0.5 unless the call says otherwise */
const leaky: FunctionInit = {
  name: "Leaky", domain: "test", input: ["a"], output: ["b"], opsetImport: [opset()],
  attributeProto: [{ name: "alpha", type: 1, f: 0.5 }],
  node: [node("Add", ["a", "a"], ["h"], { name: "add" }), node("LeakyRelu", ["h"], ["b"], { attribute: [reference("alpha", 1)] })],
}; // prettier-ignore

function graphOf(nodes: NodeInit[], functions: FunctionInit[], outputs: readonly string[] = ["y"], rest: ModelInit = {}): Graph {
  const bytes = modelBytes(
    { name: "g", node: nodes, input: [floatValue("x", [2])], output: outputs.map((name) => floatValue(name, [2])) },
    { opsetImport: [opset(), opset(1n, "test")], functions, ...rest },
  );
  return decodeModel(bytes).graph;
}

/** The inlined graph, checked against the runtime's own inlining. */
async function inlineAndRun(graph: Graph): Promise<Graph> {
  const inlined = inlineFunctions(graph);
  const feeds = { x: { dtype: "float32", shape: [2], data: Float32Array.of(-3, 2) } } as const;
  const [expected, got] = [await runGraph(graph, feeds), await runGraph(inlined, feeds)];
  for (const name of Object.keys(expected)) assert.deepEqual(numbers(got[name]), numbers(expected[name]), name);
  return inlined;
}

const call = (opType: string, inputs: string[], outputs: string[], rest: NodeInit = {}) => node(opType, inputs, outputs, { domain: "test", ...rest });
const nodesOf = (graph: Graph) => printGraph(graph).split("\n").filter((line) => line.includes(" = ")).map((line) => line.trim()); // prettier-ignore

describe("inlining functions", () => {
  it("answers a graph without functions itself", () => {
    const graph = graphOf([node("Abs", ["x"], ["y"])], []);
    assert.equal(inlineFunctions(graph), graph);
  });

  it("puts bodies in the place of calls, with names and attributes of their own", async () => {
    const given = { attribute: [{ name: "alpha", type: 1 as const, f: 0.25 }] };
    const graph = graphOf([call("Leaky", ["x"], ["m"], { name: "first" }), call("Leaky", ["m"], ["y"], given)], [leaky]);
    const inlined = await inlineAndRun(graph);
    assert.deepEqual(nodesOf(inlined), [
      "first/h = Add(x, x)",
      "m = LeakyRelu[alpha=0.5](first/h)",
      "Leaky/h = Add(m, m)",
      "y = LeakyRelu[alpha=0.25](Leaky/h)",
    ]);
    assert.equal(inlined.nodes[0].name, "first/add");
    assert.equal(inlined.functions.size, 0);
    assert.deepEqual([...inlined.opsets.keys()], [""]);
  });

  it("keeps names of several unnamed calls apart, and from the graph's own", async () => {
    const graph = graphOf([node("Abs", ["x"], ["Leaky/h"]), call("Leaky", ["Leaky/h"], ["m"]), call("Leaky", ["m"], ["y"])], [leaky]);
    const makers = (await inlineAndRun(graph)).nodes.flatMap((n) => n.outputs);
    assert.deepEqual(makers, ["Leaky/h", "Leaky/h.1", "m", "Leaky/h.2", "y"]);
  });

  it("follows calls inside functions and passes attributes through", async () => {
    const outer: FunctionInit = {
      name: "Outer", domain: "test", input: ["p"], output: ["q"], attribute: ["alpha"], opsetImport: [opset(), opset(1n, "test")],
      node: [call("Leaky", ["p"], ["q"], { name: "inner", attribute: [reference("alpha", 1)] })],
    }; // prettier-ignore
    const graph = graphOf([call("Outer", ["x"], ["y"], { name: "o", attribute: [{ name: "alpha", type: 1, f: 0.125 }] })], [leaky, outer]);
    assert.deepEqual(nodesOf(await inlineAndRun(graph)), ["o/inner/h = Add(x, x)", "y = LeakyRelu[alpha=0.125](o/inner/h)"]);
  });

  it("drops an attribute that neither the call nor a default gives", () => {
    const bare: FunctionInit = { ...leaky, attributeProto: [], attribute: ["alpha"] };
    assert.equal(nodesOf(inlineFunctions(graphOf([call("Leaky", ["x"], ["y"])], [bare])))[1], "y = LeakyRelu(Leaky/h)");
  });

  it("reaches into subgraphs of bodies and of the graph", async () => {
    const branch = (name: string, nodes: NodeInit[]) => ({ name, type: 5 as const, g: { name, node: nodes, output: [{ name: "r" }] } });
    const choose: FunctionInit = {
      name: "Choose", domain: "test", input: ["a", "c"], output: ["b"], opsetImport: [opset(), opset(1n, "test")],
      node: [
        node("Neg", ["a"], ["n"]),
        node("If", ["c"], ["b"], { attribute: [branch("then_branch", [node("Add", ["n", "a"], ["r"])]), branch("else_branch", [call("Leaky", ["n"], ["r"])])] }),
      ],
    }; // prettier-ignore
    const flag = node("Constant", [], ["f"], { attribute: [{ name: "value", type: 4, t: { dataType: 9, rawData: Uint8Array.of(0) } }] });
    const outside = node("If", ["f"], ["z"], {
      attribute: [branch("then_branch", [node("Abs", ["x"], ["r"])]), branch("else_branch", [call("Leaky", ["x"], ["r"])])],
    });
    const graph = graphOf([flag, call("Choose", ["x", "f"], ["y"], { name: "c" }), outside], [leaky, choose], ["y", "z"]);
    const inlined = await inlineAndRun(graph);
    assert.ok(!printGraph(inlined).includes("test."));
  });

  it("handles outputs that are inputs, that are listed twice, and operands that are left out", async () => {
    const odd: FunctionInit = {
      name: "Odd", domain: "test", input: ["a", "low", "high"], output: ["a", "b", "b"], opsetImport: [opset()],
      node: [node("Clip", ["a", "low", "high"], ["b"])],
    }; // prettier-ignore
    const graph = graphOf([call("Odd", ["x"], ["p", "q", "r"], { name: "o" })], [odd], ["p", "q", "r"]);
    assert.deepEqual(nodesOf(inlineFunctions(graph)), ["q = Clip(x, _, _)", "p = Identity(x)", "r = Identity(q)"]);
    await runGraph(inlineFunctions(graph), { x: { dtype: "float32", shape: [2], data: Float32Array.of(1, 2) } });
  });

  it("tells overloads apart", () => {
    const other: FunctionInit = { ...leaky, overload: "plain", attributeProto: [], node: [node("Abs", ["a"], ["b"])] };
    const graph = graphOf([call("Leaky", ["x"], ["y"], { overload: "plain" })], [leaky, other]);
    assert.deepEqual(nodesOf(inlineFunctions(graph)), ["y = Abs(x)"]);
  });

  it("takes in domains that only a body imports", () => {
    const gelu: FunctionInit = {
      name: "F", domain: "test", input: ["a"], output: ["b"], opsetImport: [opset(1n, "com.microsoft")],
      node: [node("Gelu", ["a"], ["b"], { domain: "com.microsoft" })],
    }; // prettier-ignore
    assert.equal(inlineFunctions(graphOf([call("F", ["x"], ["y"])], [gelu])).opsets.get("com.microsoft"), 1);
  });

  it("refuses bodies whose operators mean something else in the model's opset", async () => {
    const older: FunctionInit = { ...leaky, node: [node("SomeOperator", ["a"], ["b"])], opsetImport: [opset(13n)] };
    const error = await failure("model/function-opset", () => inlineFunctions(graphOf([call("Leaky", ["x"], ["y"])], [older])));
    assert.match(error.message, /function "Leaky" speaks opset 13 of "ai.onnx", the model opset 20/);
    const same: FunctionInit = { ...leaky, node: [node("Add", ["a", "a"], ["b"])], opsetImport: [opset(19n)] };
    assert.deepEqual(nodesOf(inlineFunctions(graphOf([call("Leaky", ["x"], ["y"])], [same]))), ["y = Add(x, x)"]);
  });

  it("refuses functions that call themselves", async () => {
    const loop: FunctionInit = { ...leaky, node: [call("Leaky", ["a"], ["b"])], opsetImport: [opset(1n, "test")] };
    await failure("model/function-recursive", () => inlineFunctions(graphOf([call("Leaky", ["x"], ["y"])], [loop])));
  });
});
