import assert from "node:assert/strict";
import { attribute, attributes } from "../../../core/graph/attributes.js";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { FunctionDefinition, Graph, Node } from "../../../core/graph/types.js";
import { validate } from "../../../core/graph/validate.js";
import { failure } from "../../support/failure.js";

function node(opType: string, inputs: readonly string[], outputs: readonly string[], rest: Partial<Node> = {}): Node {
  return { name: "", opType, domain: "", inputs, outputs, attributes: new Map(), ...rest };
}

function graph(nodes: readonly Node[], rest: Partial<Graph> = {}): Graph {
  return {
    name: "g",
    opsets: new Map([["", 20]]),
    inputs: [{ name: "x", type: undefined }],
    outputs: [],
    nodes,
    initializers: new Map(),
    sparseInitializers: new Map(),
    valueTypes: new Map(),
    functions: new Map(),
    ...rest,
  };
}

const holding = (inner: Graph): Partial<Node> => ({ attributes: attributes({ body: { type: "graph", value: inner } }) });

describe("checking a graph", () => {
  it("answers the graph itself", () => {
    const g = graph([node("Abs", ["x", ""], ["y", ""]), node("Abs", ["y"], ["z", ""])], { outputs: [{ name: "z", type: undefined }] });
    assert.equal(validate(g), g);
  });

  it("names node and value that nothing makes", async () => {
    const error = await failure("model/undefined-value", () => validate(graph([node("Abs", ["q"], ["y"], { name: "abs" })])));
    assert.equal(error.message, 'Abs "abs": reads "q", which nothing makes');
    const late = graph([node("Abs", ["y"], ["z"]), node("Abs", ["x"], ["y"])]);
    await failure("model/undefined-value", () => validate(late));
  });

  it("names an output that nothing makes", async () => {
    const error = await failure("model/undefined-output", () => validate(graph([], { outputs: [{ name: "q", type: undefined }] })));
    assert.match(error.message, /graph "g": lists the output "q"/);
  });

  it("refuses a value that is made twice", async () => {
    const twice: readonly Graph[] = [
      graph([node("Abs", ["x"], ["y"]), node("Neg", ["x"], ["y"], { name: "second" })]),
      graph([node("Abs", ["x"], ["x"], { name: "second" })]),
      graph([node("Abs", ["x"], ["w"], { name: "second" })], { initializers: new Map([["w", tensorOf("float32", [1])]]) }),
    ];
    for (const g of twice) assert.match((await failure("model/duplicate-value", () => validate(g))).message, /second time by (Neg|Abs) "second"/);
    const clash = graph([], { initializers: new Map([["x", tensorOf("float32", [1])]]) });
    assert.match((await failure("model/duplicate-value", () => validate(clash))).message, /"x" is made twice: second time by the initializers/);
  });

  it("names a node of a cycle", async () => {
    const nodes = [node("Abs", ["c"], ["a"], { name: "1" }), node("Abs", ["a"], ["b"], { name: "2" }), node("Abs", ["b"], ["c"], { name: "3" })];
    assert.match((await failure("model/cycle", () => validate(graph(nodes)))).message, /Abs "[123]": takes part in a cycle through "[abc]"/);
  });

  it("lets subgraphs read the values around them, and nothing else", async () => {
    const inner = graph([node("Add", ["x", "i"], ["j"])], { inputs: [{ name: "i", type: undefined }], outputs: [{ name: "j", type: undefined }] });
    validate(graph([node("Loop", [], ["y"], holding(inner))]));
    const later = graph([
      node("Loop", [], ["y"], holding(graph([node("Abs", ["z"], ["j"], { name: "in" })], { inputs: [] }))),
      node("Abs", ["x"], ["z"]),
    ]);
    assert.match((await failure("model/undefined-value", () => validate(later))).message, /Abs "in": reads "z"/);
    const escaped = graph([node("Loop", [], ["y"], holding(inner)), node("Abs", ["j"], ["k"], { name: "out" })]);
    assert.match((await failure("model/undefined-value", () => validate(escaped))).message, /Abs "out": reads "j"/);
  });

  it("refuses opsets of ai.onnx that are not known", async () => {
    for (const version of [6, 24]) await failure("model/opset", () => validate(graph([], { opsets: new Map([["", version]]) })));
    await failure("model/opset", () => validate(graph([node("Abs", ["x"], ["y"])], { opsets: new Map([["test", 1]]) })));
    const inside = graph([node("If", [], ["y"], { ...holding(graph([node("Abs", ["x"], ["z"])], { inputs: [] })), domain: "test" })], {
      opsets: new Map([["test", 1]]),
    });
    await failure("model/opset", () => validate(inside));
    validate(graph([node("Own", ["x"], ["y"], { domain: "test" })], { opsets: new Map([["test", 99]]) }));
  });

  it("compares attributes with the types that the operator says", async () => {
    const attributeTypes = ({ opType }: Node) => (opType === "Conv" ? ({ group: "int", pads: "ints" } as const) : undefined);
    const conv = (values: Parameters<typeof attributes>[0]) => graph([node("Conv", ["x"], ["y"], { name: "c", attributes: attributes(values) })]);
    validate(conv({ group: 1, pads: [1, 1], other: "text" }), { attributeTypes });
    const error = await failure("model/attribute-type", () => validate(conv({ group: { type: "float", value: 1 } }), { attributeTypes }));
    assert.equal(error.message, 'Conv "c": attribute "group" expects int, got float');
    const reference = conv({ pads: { type: "reference", of: "int", name: "p" } });
    await failure("model/attribute-type", () => validate(reference, { attributeTypes }));
  });

  it("looks into functions", async () => {
    const f: FunctionDefinition = {
      name: "f", domain: "test", overload: "", inputs: ["a"], outputs: ["b"], attributes: [], attributeDefaults: new Map(),
      nodes: [node("Abs", ["a"], ["b"])], opsets: new Map([["", 20]]), valueTypes: new Map(),
    }; // prettier-ignore
    const of = (change: Partial<FunctionDefinition>) => graph([], { functions: new Map([["test::f", { ...f, ...change }]]) });
    validate(of({}));
    await failure("model/undefined-value", () => validate(of({ nodes: [node("Abs", ["x"], ["b"])] })));
    await failure("model/undefined-output", () => validate(of({ outputs: ["c"] })));
    await failure("model/opset", () => validate(of({ opsets: new Map() })));
  });

  it("takes 10,000 nodes in a chain well under 50 ms", () => {
    const chain = Array.from({ length: 10_000 }, (_, i) =>
      node("Abs", [i === 0 ? "x" : `v${i - 1}`], [`v${i}`], { attributes: new Map([["a", attribute(1)]]) }),
    );
    const g = graph(chain);
    validate(g);
    const times = Array.from({ length: 5 }, () => {
      const start = performance.now();
      validate(g);
      return performance.now() - start;
    });
    assert.ok(Math.min(...times) < 50, `${Math.min(...times)} ms`);
    // A broken long chain is told without running out of stack.
    assert.throws(() => validate(graph([...chain].reverse())), { code: "model/undefined-value" });
  });
});
