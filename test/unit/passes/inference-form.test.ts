import assert from "node:assert/strict";
import { inferenceForm } from "../../../core/passes/inference-form.js";
import { attribute } from "../../../core/graph/attributes.js";
import { tensorOf } from "../../../core/graph/tensor.js";
import { graphOf, info, node } from "../../support/graphs.js";

const channels = (value: number): ReturnType<typeof tensorOf> => tensorOf("float32", [value, value]);
const statistics = { scale: channels(2), bias: channels(1), mean: channels(0.5), var: channels(4) };
const image = [1, 2, 1, 1];

describe("the inference form of a graph", () => {
  it("lets batch normalisation that was exported in training form use its stored statistics", () => {
    const trained = node("BatchNormalization", ["x", "scale", "bias", "mean", "var"], ["y", "newMean", "newVar"], { training_mode: attribute(1) });
    const graph = graphOf({ opset: 15, inputs: [info("x", image)], outputs: [info("y", image)], nodes: [trained], tensors: statistics });
    const [rewritten] = inferenceForm(graph).nodes;
    assert.deepEqual(rewritten.outputs, ["y"]);
    assert.equal(rewritten.attributes.has("training_mode"), false);
  });

  it("knows the older sign of training, more than one output", () => {
    const trained = node("BatchNormalization", ["x", "scale", "bias", "mean", "var"], ["y", "m", "v", "sm", "sv"]);
    const graph = graphOf({ opset: 9, inputs: [info("x", image)], outputs: [info("y", image)], nodes: [trained], tensors: statistics });
    assert.deepEqual(inferenceForm(graph).nodes[0].outputs, ["y"]);
  });

  it("takes dropout out of training", () => {
    const flags = { ratio: tensorOf("float32", [0.5], []), training: tensorOf("bool", [1], []) };
    const graph = graphOf({
      opset: 13,
      inputs: [info("x", [2, 3])],
      outputs: [info("y", [2, 3])],
      nodes: [node("Dropout", ["x", "ratio", "training"], ["y"])],
      tensors: flags,
    });
    assert.deepEqual(inferenceForm(graph).nodes[0].inputs, ["x", "ratio"]);
  });

  it("keeps a node whose training results are read, and the very graph where nothing trains", () => {
    const trained = node("BatchNormalization", ["x", "scale", "bias", "mean", "var"], ["y", "newMean", "newVar"], { training_mode: attribute(1) });
    const read = {
      opset: 15,
      inputs: [info("x", image)],
      outputs: [info("y", image), info("newMean", [2])],
      nodes: [trained],
      tensors: statistics,
    };
    assert.equal(inferenceForm(graphOf(read)).nodes[0].outputs.length, 3);
    const plain = graphOf({ opset: 15, inputs: [info("x", image)], outputs: [info("y", image)], nodes: [node("Relu", ["x"], ["y"])] });
    assert.equal(inferenceForm(plain), plain);
  });
});
