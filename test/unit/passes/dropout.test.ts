import assert from "node:assert/strict";
import { gradients } from "../../../core/autodiff/gradients.js";
import { float } from "../../../core/graph/attributes.js";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { Graph } from "../../../core/graph/types.js";
import { activateDropout, deactivateDropout } from "../../../core/passes/dropout.js";
import { prune } from "../../../core/passes/prune.js";
import { failure } from "../../support/failure.js";
import { graphOf, info, node } from "../../support/graphs.js";
import { fed, numbers, runGraph } from "../../support/run-graph.js";

const all = (): boolean => true;
const vector = (...values: readonly number[]) => fed(tensorOf("float32", values));

/** y = −dropout(x²) with a ratio of 0.75; `more` are further inputs and outputs of the node. */
function model({ inputs = [] as readonly string[], outputs = [] as readonly string[], tensors = {} } = {}): Graph {
  return graphOf({
    inputs: [info("x", ["N"])],
    outputs: ["y"],
    tensors: { ratio: tensorOf("float32", [0.75], []), ...tensors },
    nodes: [
      node("Mul", ["x", "x"], ["s"]),
      node("Dropout", ["s", "ratio", ...inputs], ["d", ...outputs], {}, "dropout"),
      node("Neg", ["d"], ["y"], {}, "neg"),
    ],
  });
}

describe("active dropout", () => {
  it("multiplies by a mask that is an input, and says what has to be fed", async () => {
    const { graph, masks } = activateDropout(model(), all);
    assert.deepEqual(masks, [{ input: "d_mask", value: "d", ratio: 0.75, node: "dropout" }]);
    assert.deepEqual(graph.inputs.at(-1), info("d_mask", ["N"]));
    const { y } = await runGraph(graph, { x: vector(1, 2, 3), d_mask: vector(4, 0, 4) });
    assert.deepEqual(numbers(y), [-4, -0, -36]);
  });

  it("lets gradients through the elements that are kept", async () => {
    const { graph } = activateDropout(model(), all);
    const { graph: full, gradients: names } = gradients(graph, ["y"], ["x"]);
    const outputs = await runGraph(prune(full, [names[0] ?? ""]), { x: vector(1, 2, 3), d_mask: vector(4, 0, 4) });
    assert.deepEqual(numbers(outputs[names[0] ?? ""]).map((g) => g + 0), [-8, 0, -24]); // prettier-ignore
  });

  it("acts on the nodes that are picked, and on no others", () => {
    const graph = model();
    assert.equal(activateDropout(graph, () => false).graph, graph);
    assert.deepEqual(activateDropout(graph, (n) => n.name === "another").masks, []);
  });

  it("takes the ratio from an attribute, from a Constant node, and by default", () => {
    const attribute = graphOf({ inputs: [info("x", [2])], outputs: ["y"], nodes: [node("Dropout", ["x"], ["y"], { ratio: float(0.25) })], opset: 7 });
    assert.equal(activateDropout(attribute, all).masks[0].ratio, 0.25);
    const nodes = [node("Constant", [], ["r"], { value: tensorOf("float32", [0.125], []) }), node("Dropout", ["x", "r"], ["y"])];
    assert.equal(activateDropout(graphOf({ inputs: [info("x", [2])], outputs: ["y"], nodes }), all).masks[0].ratio, 0.125);
    const bare = graphOf({ inputs: [info("x", [2])], outputs: ["y"], nodes: [node("Dropout", ["x"], ["y"])] });
    assert.equal(activateDropout(bare, all).masks[0].ratio, 0.5);
  });

  it("refuses a ratio that is computed", async () => {
    const nodes = [node("Neg", ["x"], ["r"]), node("Dropout", ["x", "r"], ["y"], {}, "drop")];
    const graph = graphOf({ inputs: [info("x", [])], outputs: ["y"], nodes });
    assert.match((await failure("model/operand", () => activateDropout(graph, all))).message, /Dropout "drop": its ratio is computed/);
  });

  it("gives a mask as booleans to whoever reads it", async () => {
    const graph = { ...model({ outputs: ["kept"] }), outputs: [info("y", ["N"]), info("kept", ["N"], "bool")] };
    const { kept } = await runGraph(activateDropout(graph, all).graph, { x: vector(1, 2, 3), d_mask: vector(4, 0, 4) });
    assert.deepEqual(numbers(kept), [1, 0, 1]);
  });

  it("takes a name for the mask that is free", () => {
    const graph = { ...model(), inputs: [info("x", ["N"]), info("d_mask", ["N"])] };
    assert.equal(activateDropout(graph, all).masks[0].input, "d_mask.1");
  });
});

describe("dropout that draws its own mask", () => {
  const training = graphOf({
    inputs: [info("x", [64]), info("training", [], "bool")],
    outputs: ["y"],
    tensors: { ratio: tensorOf("float32", [0.75], []) },
    nodes: [node("Mul", ["x", "x"], ["s"]), node("Dropout", ["s", "ratio", "training"], ["y", "mask"], {}, "drop")],
  });

  /** Elements of the mask and of the gradient of one run, with all of x at 1. */
  async function run(mode: boolean): Promise<{ readonly mask: readonly number[]; readonly gradient: readonly number[] }> {
    const { graph, gradients: names } = gradients(training, ["y"], ["x"]);
    const name = names[0] ?? "";
    const outputs = await runGraph(
      { ...prune(graph, ["mask", name]), outputs: [info("mask", [64], "bool"), info(name, [64])] },
      {
        x: vector(...Array.from({ length: 64 }, () => 1)),
        training: fed(tensorOf("bool", [mode ? 1 : 0], [])),
      },
    );
    return { mask: numbers(outputs.mask), gradient: numbers(outputs[name]) };
  }

  it("passes gradients where its mask does, scaled as the elements were", async () => {
    const { mask, gradient } = await run(true);
    assert.ok(mask.includes(0) && mask.includes(1));
    assert.deepEqual(gradient, mask.map((kept) => 8 * kept)); // prettier-ignore
  });

  it("passes them whole outside training", async () => {
    assert.deepEqual(new Set((await run(false)).gradient), new Set([2]));
  });

  it("has no gradient without its mask", async () => {
    const nodes = [node("Dropout", ["x", "ratio", "training"], ["y"], {}, "drop")];
    const error = await failure("model/no-gradient", () => gradients({ ...training, nodes }, ["y"], ["x"]));
    assert.match(error.message, /its mask is not an output/);
  });
});

describe("inactive dropout", () => {
  const training = { inputs: ["training"], tensors: { training: tensorOf("bool", [1], []) } };

  it("is left out", async () => {
    const graph = deactivateDropout(model(training), all);
    assert.deepEqual(graph.nodes.map((n) => n.opType), ["Mul", "Neg"]); // prettier-ignore
    assert.deepEqual(numbers((await runGraph(graph, { x: vector(1, 2) })).y), [-1, -4]);
  });

  it("stays where it is not picked, and the graph with it", () => {
    const graph = model();
    assert.equal(
      deactivateDropout(graph, () => false),
      graph,
    );
  });

  it("is an identity where it makes an output of the graph", async () => {
    const graph = deactivateDropout({ ...model(training), outputs: [info("d", ["N"])] }, all);
    assert.deepEqual(graph.nodes[1].opType, "Identity");
    assert.deepEqual(numbers((await runGraph(prune(graph, ["d"]), { x: vector(3) })).d), [9]);
  });

  it("keeps its inference form where its mask is read", async () => {
    const graph = { ...model({ ...training, outputs: ["kept"] }), outputs: [info("y", ["N"]), info("kept", ["N"], "bool")] };
    const inactive = deactivateDropout(graph, all);
    assert.deepEqual(inactive.nodes[1].inputs, ["s", "ratio"]);
    const { y, kept } = await runGraph(inactive, { x: vector(1, 2) });
    assert.deepEqual([numbers(y), numbers(kept)], [[-1, -4], [1, 1]]); // prettier-ignore
  });

  it("reaches through several in a row", () => {
    const nodes = [node("Dropout", ["x"], ["a"]), node("Dropout", ["a"], ["b"]), node("Neg", ["b"], ["y"])];
    const graph = deactivateDropout(graphOf({ inputs: [info("x", [2])], outputs: ["y"], nodes }), all);
    assert.deepEqual(graph.nodes.map((n) => [n.opType, ...n.inputs]), [["Neg", "x"]]); // prettier-ignore
  });
});
