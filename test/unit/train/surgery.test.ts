import assert from "node:assert/strict";
import { collectParameters } from "../../../core/autodiff/parameters.js";
import { numbersOf } from "../../../core/graph/tensor.js";
import type { Graph } from "../../../core/graph/types.js";
import type { Layer } from "../../../core/nn/layers.js";
import { attachHead, proposeCut } from "../../../core/train/surgery.js";
import { graphOf, info, modelOf, node, ramp, thrown } from "../../support/graphs.js";
import { numbers, runGraph } from "../../support/run-graph.js";

const dense = (units: number, bias = true): Layer => ({ type: "dense", units, bias });

/** x [N, 6] → Gemm → features [N, 4] → Relu → Gemm → Softmax. */
function classifier(opset = 21, batch: number | string = "N"): Graph {
  return graphOf({
    opset,
    inputs: [info("x", [batch, 6])],
    outputs: [info("probabilities", [batch, 3])],
    nodes: [
      node("Gemm", ["x", "stem.weight", "stem.bias"], ["stem"], { transB: 1 }, "/stem/Gemm"),
      node("Relu", ["stem"], ["features"], {}, "/stem/Relu"),
      node("Gemm", ["features", "classifier.weight", "classifier.bias"], ["scores"], { transB: 1 }, "/classifier/Gemm"),
      node("Softmax", ["scores"], ["probabilities"], { axis: 1 }, "/Softmax"),
    ],
    tensors: { "stem.weight": ramp(4, 6), "stem.bias": ramp(4), "classifier.weight": ramp(3, 4), "classifier.bias": ramp(3) },
  });
}

/** x [N, 2, 4, 4] → Conv → maps [N, 5, 4, 4]. */
function convolution(opset = 21): Graph {
  return graphOf({
    opset,
    inputs: [info("x", ["N", 2, 4, 4])],
    outputs: [info("maps", ["N", 5, 4, 4])],
    nodes: [node("Conv", ["x", "conv.weight"], ["maps"], { kernel_shape: [1, 1] }, "/conv/Conv")],
    tensors: { "conv.weight": ramp(5, 2, 1, 1) },
  });
}

const attach = (graph: Graph, layers: readonly Layer[], after?: string, seed = 0) =>
  attachHead(modelOf(graph), { layers, seed, ...(after === undefined ? {} : { after }) });

describe("head surgery", () => {
  it("cuts after a value and appends the layers, named by the layers that have parameters", () => {
    const { model, headParameters, headDropout, headPrefix, cut, warnings } = attach(
      classifier(),
      [{ type: "flatten" }, dense(8), { type: "activation", function: "relu" }, { type: "dropout", rate: 0.5 }, dense(2)],
      "features",
    );
    assert.deepEqual(headParameters, ["head.0.weight", "head.0.bias", "head.1.weight", "head.1.bias"]);
    assert.deepEqual(headDropout, ["/head/dropout/Dropout"]);
    assert.equal(headPrefix, "head");
    assert.deepEqual(cut, { after: "features", removed: ["classifier.weight", "classifier.bias"] });
    assert.deepEqual(warnings, []);
    assert.deepEqual(
      model.graph.nodes.map((n) => n.opType),
      ["Gemm", "Relu", "Flatten", "Gemm", "Relu", "Dropout", "Gemm"],
    );
    assert.deepEqual(model.graph.outputs, [info("output", ["N", 2])]);
    assert.deepEqual(model.graph.initializers.get("head.0.weight")?.shape, [8, 4]);
    assert.deepEqual(
      collectParameters(model.graph).map((p) => p.path),
      ["stem/weight", "stem/bias", "head.0/weight", "head.0/bias", "head.1/weight", "head.1/bias"],
    );
    assert.equal(model.graph.opsets.get(""), 21);
  });

  it("proposes the input of the classifying layer", () => {
    assert.equal(proposeCut(classifier()), "features");
    assert.equal(attach(classifier(), [dense(2)]).cut.after, "features");
  });

  it("passes a bias that is added apart, and proposes the output of a model that ends in a normalisation", () => {
    const tensors = { weight: ramp(4, 3), bias: ramp(3), scale: ramp(4), shift: ramp(4) };
    const inputs = [info("x", ["N", 4])];
    const norm = node("LayerNormalization", ["x", "scale", "shift"], ["features"], { axis: -1 });
    const nodes = [norm, node("MatMul", ["features", "weight"], ["product"]), node("Add", ["product", "bias"], ["y"])];
    assert.equal(proposeCut(graphOf({ inputs, outputs: ["y"], nodes, tensors })), "features");
    assert.equal(proposeCut(graphOf({ inputs, outputs: ["features"], nodes: [norm], tensors: { scale: ramp(4), shift: ramp(4) } })), "features");
  });

  it("proposes nothing in a model of one layer, and says what to do", () => {
    const graph = graphOf({ inputs: [info("x", ["N", 4])], outputs: ["y"], nodes: [node("MatMul", ["x", "w"], ["y"])], tensors: { w: ramp(4, 2) } });
    assert.equal(proposeCut(graph), undefined);
    assert.equal(thrown(() => attach(graph, [dense(2)])).code, "recipe/no-cut");
  });

  it("draws He weights before a rectifier, Glorot ones elsewhere, and the same ones for the same seed", () => {
    const wide = classifier();
    const layers = [dense(400), { type: "dropout", rate: 0.1 }, { type: "activation", function: "relu" }, dense(300)] as const;
    const { graph } = attach(wide, layers, "features").model;
    const [first, second] = ["head.0.weight", "head.1.weight"].map((name) => numbersOf(graph.initializers.get(name)!)); // prettier-ignore
    const variance = (v: Float64Array): number => v.reduce((s, x) => s + x * x, 0) / v.length;
    assert.ok(Math.abs(variance(first) - 2 / 4) < 0.05, `${variance(first)}`);
    assert.ok(Math.abs(variance(second) - 2 / 700) < 0.0001, `${variance(second)}`);
    assert.ok(Math.max(...second) <= Math.sqrt(6 / 700));
    assert.deepEqual(numbersOf(graph.initializers.get("head.1.bias")!), new Float64Array(300)); // prettier-ignore
    const again = attach(wide, layers, "features").model.graph;
    const other = attach(wide, layers, "features", 1).model.graph;
    assert.deepEqual(again.initializers.get("head.0.weight"), graph.initializers.get("head.0.weight"));
    assert.notDeepEqual(other.initializers.get("head.0.weight"), graph.initializers.get("head.0.weight"));
  });

  it("calls the head head2 where the model has head itself", () => {
    const graph = classifier();
    const renamed = { ...graph, initializers: new Map([...graph.initializers, ["head.norm.weight", ramp(2)]]) };
    const { headPrefix, headParameters, warnings } = attach(renamed, [dense(2)]);
    assert.equal(headPrefix, "head2");
    assert.deepEqual(headParameters, ["head2.0.weight", "head2.0.bias"]);
    assert.match(warnings.join(), /"head2"/);
  });

  it("gives the output a name that is not taken", () => {
    const graph = classifier();
    const nodes = graph.nodes.map((n) => ({
      ...n,
      inputs: n.inputs.map((v) => (v === "features" ? "output" : v)),
      outputs: n.outputs.map((v) => (v === "features" ? "output" : v)),
    }));
    assert.equal(attach({ ...graph, nodes }, [dense(2)], "output").model.graph.outputs[0].name, "logits");
  });

  it("names the layer and both shapes where a layer does not fit", () => {
    const error = thrown(() => attach(convolution(), [dense(3)], "maps"));
    assert.equal(error.code, "recipe/head-layer");
    assert.match(error.message, /head\.layers\[0\] \(dense\): expected \[batch, features\].*got \[N, 5, 4, 4\]/);
    assert.match(error.hint ?? "", /flatten.*|globalAveragePool/);
    const pool = thrown(() => attach(classifier(), [dense(3), { type: "globalAveragePool" }], "features"));
    assert.match(pool.message, /head\.layers\[1\] \(globalAveragePool\).*got \[N, 3\]/);
  });

  it("refuses a cut that does not exist or holds no features", () => {
    const error = thrown(() => attach(classifier(), [dense(3)], "featurs"));
    assert.equal(error.code, "recipe/unknown-value");
    assert.match(error.hint ?? "", /"features"/);
    const shape = graphOf({ inputs: [info("x", ["N", 4])], outputs: ["s"], nodes: [node("Shape", ["x"], ["s"])] });
    assert.equal(thrown(() => attach(shape, [dense(3)], "s")).code, "recipe/cut");
    const turned = graphOf({ inputs: [info("x", ["N", 4])], outputs: ["t"], nodes: [node("Transpose", ["x"], ["t"], { perm: [1, 0] })] });
    assert.match(thrown(() => attach(turned, [dense(3)], "t")).message, /axis 1/);
  });

  it("warns where outputs and inputs fall away", () => {
    const graph = classifier();
    const two = {
      ...graph,
      inputs: [...graph.inputs, info("mask", ["N", 3])],
      nodes: [...graph.nodes, node("Add", ["scores", "mask"], ["masked"])],
      outputs: [...graph.outputs, info("masked", ["N", 3])],
    };
    const { warnings, model } = attach(two, [dense(2)], "features");
    assert.match(warnings.join("\n"), /"probabilities", "masked"/);
    assert.match(warnings.join("\n"), /"mask"/);
    assert.deepEqual(
      model.graph.inputs.map((i) => i.name),
      ["x"],
    );
  });
});

describe("head layers in every opset", () => {
  const erf = (x: number): number => {
    let sum = 0;
    let term = x;
    for (let n = 0; n < 60; n++) {
      sum += term / (2 * n + 1);
      term *= (-x * x) / (n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  };
  const activations = {
    relu: (x: number) => Math.max(0, x),
    gelu: (x: number) => (x / 2) * (1 + erf(x / Math.SQRT2)),
    tanh: Math.tanh,
    sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
    hardSwish: (x: number) => x * Math.min(1, Math.max(0, x / 6 + 0.5)),
    leakyRelu: (x: number) => (x < 0 ? 0.01 * x : x),
  } as const;
  const x = { dtype: "float32", shape: [2, 6], data: Float32Array.from({ length: 12 }, (_, i) => ((i * 5) % 12) / 4 - 1.2) } as const;

  for (const opset of [7, 8, 9, 11, 12, 13, 14, 19, 20, 21, 22, 23]) {
    it(`computes what it should in opset ${opset}`, async () => {
      for (const [name, f] of Object.entries(activations) as [keyof typeof activations, (x: number) => number][]) {
        if (name === "gelu" && opset < 9) {
          assert.match(thrown(() => attach(classifier(opset), [{ type: "activation", function: "gelu" }], "stem")).message, /opset 9/);
          continue;
        }
        const layers: readonly Layer[] = [{ type: "activation", function: name }, { type: "dropout", rate: 0.5 }, dense(3), dense(2, false)];
        const { graph } = attach(classifier(opset), layers, "stem").model;
        const stem = numbers((await runGraph(attach(classifier(opset), [{ type: "flatten" }], "stem").model.graph, { x }))["output"]);
        const [w0, w1] = ["head.0.weight", "head.1.weight"].map((n) => graph.initializers.get(n)!); // prettier-ignore
        assert.deepEqual([w0.shape, w1.shape], [[3, 4], [3, 2]]); // prettier-ignore
        const [v0, v1] = [numbersOf(w0), numbersOf(w1)];
        const got = numbers((await runGraph(graph, { x }))["output"]);
        for (let row = 0; row < 2; row++) {
          const active = stem.slice(row * 4, row * 4 + 4).map(f);
          const hidden = [0, 1, 2].map((u) => active.reduce((sum, a, i) => sum + a * v0[u * 4 + i], 0));
          const expected = [0, 1].map((u) => hidden.reduce((sum, h, i) => sum + h * v1[i * 2 + u], 0));
          for (const [u, e] of expected.entries()) assert.ok(Math.abs(got[row * 2 + u] - e) < 1e-5, `${name}: ${got[row * 2 + u]} for ${e}`);
        }
      }
    });
  }

  it("pools maps to one value per channel, and applies dense along the last of three axes", async () => {
    const maps = { dtype: "float32", shape: [1, 2, 4, 4], data: Float32Array.from({ length: 32 }, (_, i) => i / 16) } as const;
    const pooled = attach(convolution(), [{ type: "globalAveragePool" }], "maps").model.graph;
    assert.deepEqual(pooled.outputs, [info("output", ["N", 5])]);
    const weights = numbersOf(pooled.initializers.get("conv.weight")!); // prettier-ignore
    const means = [7.5 / 16, 23.5 / 16];
    const got = numbers((await runGraph(pooled, { x: maps }))["output"]);
    for (const [c, value] of got.entries()) assert.ok(Math.abs(value - (weights[2 * c] * means[0] + weights[2 * c + 1] * means[1])) < 1e-5);
    const steps = graphOf({ inputs: [info("x", ["N", "T", 3])], outputs: ["y"], nodes: [node("Tanh", ["x"], ["y"])] });
    const head = attach(steps, [dense(2)], "y").model.graph;
    assert.deepEqual(head.nodes.map((n) => n.name), ["", "/head/0/MatMul", "/head/0/Add"]); // prettier-ignore
    assert.deepEqual(head.outputs, [info("output", ["N", "T", 2])]);
    const sequence = { dtype: "float32", shape: [2, 4, 3], data: new Float32Array(24).fill(0.5) } as const;
    assert.deepEqual((await runGraph(head, { x: sequence }))["output"].shape, [2, 4, 2]);
  });

  it("makes the head in the features' own type", async () => {
    const half = graphOf({
      inputs: [info("x", ["N", 3])],
      outputs: [info("y", ["N", 3], "float16")],
      nodes: [node("Cast", ["x"], ["y"], { to: 10 })],
    });
    const { graph } = attach(half, [dense(2)], "y").model;
    assert.equal(graph.initializers.get("head.0.weight")?.dtype, "float16");
    assert.equal(graph.initializers.get("head.0.bias")?.dtype, "float16");
    const { output } = await runGraph(graph, { x: { dtype: "float32", shape: [1, 3], data: new Float32Array(3) } });
    assert.equal(output.dtype, "float16");
  });
});
