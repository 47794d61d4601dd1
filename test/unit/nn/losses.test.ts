import assert from "node:assert/strict";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { DType, Graph, Node, Shape } from "../../../core/graph/types.js";
import { attachLoss, lossInput, lossOutput, type Loss } from "../../../core/nn/losses.js";
import { internalOpset } from "../../../core/ops/index.js";
import { inferGraph } from "../../../core/ops/infer.js";
import { upgradeOpset } from "../../../core/passes/upgrade-opset.js";
import { graphOf, info, node, thrown } from "../../support/graphs.js";
import { fed, numbers, runGraph } from "../../support/run-graph.js";

const crossEntropy: Loss = { type: "crossEntropy" };
const meanSquaredError: Loss = { type: "meanSquaredError" };

function model(nodes: readonly Node[], shape: Shape = ["N", 3], opset = internalOpset, dtype: DType = "float32"): Graph {
  return graphOf({ opset, inputs: [info("x", shape, dtype)], outputs: [info(nodes.at(-1)?.outputs[0] ?? "x", shape, dtype)], nodes });
}

const attach = (graph: Graph, output: string, loss: Loss) => attachLoss(graph, output, loss, inferGraph(graph));

const logits = [1, -2, 0.5, 3, 3, -1];
const expectedPerSample = [
  [1, -2, 0.5],
  [3, 3, -1],
].map((row, i) => Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0)) - row[[2, 0][i]]);

describe("losses", () => {
  it("computes cross-entropy at class indices, as a mean over the batch", async () => {
    const attached = attach(model([node("Add", ["x", "x"], ["y"])]), "y", crossEntropy);
    assert.deepEqual(attached.target, { name: "labels", dtype: "int64", shape: ["N"] });
    assert.deepEqual([attached.input, attached.prediction], ["y", "y"]);
    const x = fed(tensorOf("float32", logits.map((v) => v / 2), [2, 3])); // prettier-ignore
    const outputs = await runGraph(withOutput(attached.graph, attached.perSample), { x, labels: fed(tensorOf("int64", [2, 0])) });
    const perSample = numbers(outputs[attached.perSample]);
    for (const [i, expected] of expectedPerSample.entries()) assert.ok(Math.abs(perSample[i] - expected) < 1e-6);
    const loss = outputs[attached.loss];
    assert.deepEqual(loss.shape, []);
    assert.ok(Math.abs(numbers(loss)[0] - (expectedPerSample[0] + expectedPerSample[1]) / 2) < 1e-6);
  });

  it("stays finite where a class is out of reach", async () => {
    const attached = attach(model([node("Identity", ["x"], ["y"])]), "y", crossEntropy);
    const x = fed(tensorOf("float32", [1000, -1000, 0], [1, 3]));
    assert.deepEqual(numbers((await runGraph(attached.graph, { x, labels: fed(tensorOf("int64", [1])) }))[attached.loss]), [2000]);
  });

  it("attaches before a final softmax, whose output stays the prediction", async () => {
    for (const [op, opset] of [
      ["Softmax", internalOpset],
      ["LogSoftmax", internalOpset],
      ["Softmax", 9],
      ["LogSoftmax", 11],
    ] as const) {
      const nodes = [node(op, ["x"], ["p"], opset < 13 ? {} : { axis: 1 }), node("Identity", ["p"], ["y"])];
      const graph = upgradeOpset(model(nodes, ["N", 3], opset));
      assert.equal(lossInput(graph, "y", crossEntropy), "x");
      const attached = attach(graph, "y", crossEntropy);
      assert.deepEqual([attached.input, attached.prediction], ["x", "y"]);
      const outputs = await runGraph(attached.graph, { x: fed(tensorOf("float32", logits, [2, 3])), labels: fed(tensorOf("int64", [2, 0])) });
      assert.ok(Math.abs(numbers(outputs[attached.loss])[0] - (expectedPerSample[0] + expectedPerSample[1]) / 2) < 1e-6);
      assert.ok("y" in outputs);
    }
    assert.equal(lossInput(model([node("Softmax", ["x"], ["y"])]), "y", meanSquaredError), "y");
  });

  it("looks past whatever hands the probabilities on", () => {
    const shape = tensorOf("int64", [0, 3]);
    for (const hand of [node("Cast", ["p"], ["y"], { to: 1 }), node("Flatten", ["p"], ["y"]), node("Reshape", ["p", "shape"], ["y"])]) {
      const graph = { ...model([node("Softmax", ["x"], ["p"], { axis: 1 }), hand]), initializers: new Map([["shape", shape]]) };
      assert.equal(lossInput(graph, "y", crossEntropy), "x", hand.opType);
      const sigmoid = { ...graph, nodes: [node("Sigmoid", ["x"], ["p"]), hand] };
      assert.equal(thrown(() => lossInput(sigmoid, "y", crossEntropy)).code, "recipe/loss");
    }
  });

  const weights = [0.5, 2, 3];
  const logProbabilities = [logits.slice(0, 3), logits.slice(3)].map((row) => row.map((v) => v - Math.log(row.reduce((s, x) => s + Math.exp(x), 0))));
  const [smoothing, picked] = [0.1, [2, 0]];
  for (const [settings, expected] of [
    // −(1 − ε)·log p_y − ε ⁄ C·Σ log p_c, as a mean over the batch
    [
      { labelSmoothing: smoothing },
      logProbabilities.reduce((sum, row, i) => sum - (1 - smoothing) * row[picked[i]] - (smoothing / 3) * (row[0] + row[1] + row[2]), 0) / 2,
    ],
    // Σ −w_y·log p_y ⁄ Σ w_y
    [{ classWeights: weights }, logProbabilities.reduce((sum, row, i) => sum - weights[picked[i]] * row[picked[i]], 0) / (3 + 0.5)],
    [
      { labelSmoothing: smoothing, classWeights: weights },
      logProbabilities.reduce(
        (sum, row, i) =>
          sum - (1 - smoothing) * weights[picked[i]] * row[picked[i]] - (smoothing / 3) * row.reduce((s, value, c) => s + weights[c] * value, 0),
        0,
      ) /
        (3 + 0.5),
    ],
  ] as const) {
    it(`smooths labels and weighs classes: ${JSON.stringify(settings)}`, async () => {
      const attached = attach(model([node("Identity", ["x"], ["y"])]), "y", { type: "crossEntropy", ...settings });
      const x = fed(tensorOf("float32", logits, [2, 3]));
      const [loss] = numbers((await runGraph(attached.graph, { x, labels: fed(tensorOf("int64", picked)) }))[attached.loss]);
      assert.ok(Math.abs(loss - expected) < 1e-6, `${loss}, expected ${expected}`);
    });
  }

  for (const settings of [{}, { labelSmoothing: 0.2 }, { classWeights: [0.5, 2, 3] }, { labelSmoothing: 0.2, classWeights: [0.5, 2, 3] }]) {
    it(`takes each class in its share where targets are mixed: ${JSON.stringify(settings)}`, async () => {
      const graph = model([node("Identity", ["x"], ["y"])]);
      const mixed = attach(graph, "y", { type: "crossEntropy", ...settings, mixedTargets: true });
      assert.deepEqual(mixed.target, { name: "labels", dtype: "float32", shape: ["N", 3] });
      const plain = attach(graph, "y", { type: "crossEntropy", ...settings });
      const x = fed(tensorOf("float32", [1, -2, 0.5, 3, 0, -1], [2, 3]));
      const lossOf = async (labels: readonly number[]): Promise<readonly number[]> =>
        numbers((await runGraph(withOutput(plain.graph, plain.perSample), { x, labels: fed(tensorOf("int64", labels)) }))[plain.perSample]);
      const run = async (targets: readonly number[]): Promise<{ loss: number; each: readonly number[] }> => {
        const outputs = await runGraph(withOutput(mixed.graph, mixed.perSample), { x, labels: fed(tensorOf("float32", targets, [2, 3])) });
        return { loss: numbers(outputs[mixed.loss])[0], each: numbers(outputs[mixed.perSample]) };
      };
      // Samples of classes 2 and 0 that are mixed with classes 0 and 1, in shares of 0.75 and 0.6.
      const [own, other] = [await lossOf([2, 0]), await lossOf([0, 1])];
      const expected = [0.75 * own[0] + 0.25 * other[0], 0.6 * own[1] + 0.4 * other[1]];
      const { loss, each } = await run([0.25, 0, 0.75, 0.6, 0.4, 0]);
      expected.forEach((value, i) => assert.ok(Math.abs(each[i] - value) < 1e-6, `${each[i]}, expected ${value}`));
      const weights = "classWeights" in settings ? (settings.classWeights ?? []) : [1, 1, 1];
      const total = 0.75 * weights[2] + 0.25 * weights[0] + 0.6 * weights[0] + 0.4 * weights[1];
      assert.ok(Math.abs(loss - (expected[0] + expected[1]) / total) < 1e-6);
    });
  }

  it("takes both losses of a label in their shares where targets are mixed", async () => {
    const attached = attach(model([node("Identity", ["x"], ["y"])]), "y", { type: "binaryCrossEntropy", mixedTargets: true });
    const x = fed(tensorOf("float32", [0, 2, -3, 50, -50, 1], [2, 3]));
    const shares = [0.5, 0.25, 1, 1, 0, 0.8];
    const outputs = await runGraph(attached.graph, { x, targets: fed(tensorOf("float32", shares, [2, 3])) });
    const softplus = (v: number): number => Math.log1p(Math.exp(-Math.abs(v))) + Math.max(v, 0);
    const expected = [0, 2, -3, 50, -50, 1].reduce((sum, v, i) => sum + shares[i] * softplus(-v) + (1 - shares[i]) * softplus(v), 0) / 6;
    assert.ok(Math.abs(numbers(outputs[attached.loss])[0] - expected) < 1e-6);
  });

  it("wants a weight for each class", () => {
    const error = thrown(() => attach(model([node("Identity", ["x"], ["y"])]), "y", { type: "crossEntropy", classWeights: [1, 2] }));
    assert.equal(error.code, "recipe/loss");
    assert.match(error.message, /expected 3 weights.*got 2/);
  });

  it("computes binary cross-entropy of labels, finite however far a logit is off", async () => {
    const attached = attach(model([node("Identity", ["x"], ["y"])]), "y", { type: "binaryCrossEntropy" });
    assert.deepEqual(attached.target, { name: "targets", dtype: "float32", shape: ["N", 3] });
    const values = [0, 2, -3, 100, -1000, 1000];
    const held = [1, 0, 1, 1, 1, 1];
    const x = fed(tensorOf("float32", values, [2, 3]));
    const outputs = await runGraph(withOutput(attached.graph, attached.perSample), { x, targets: fed(tensorOf("float32", held, [2, 3])) });
    const first = Math.log(2) + Math.log1p(Math.exp(2)) + Math.log1p(Math.exp(3));
    const perSample = numbers(outputs[attached.perSample]);
    assert.ok(Math.abs(perSample[0] - first / 3) < 1e-6);
    assert.ok(Math.abs(perSample[1] - 1000 / 3) < 1e-3);
    assert.ok(Math.abs(numbers(outputs[attached.loss])[0] - (first + 1000) / 6) < 1e-3);
  });

  it("attaches binary cross-entropy before a final sigmoid, and refuses it of classes that exclude each other", () => {
    const binary: Loss = { type: "binaryCrossEntropy" };
    const sigmoid = attach(model([node("Sigmoid", ["x"], ["p"]), node("Identity", ["p"], ["y"])]), "y", binary);
    assert.deepEqual([sigmoid.input, sigmoid.prediction], ["x", "y"]);
    const error = thrown(() => attach(model([node("Softmax", ["x"], ["y"], { axis: 1 }, "/Softmax")]), "y", binary));
    assert.match(error.message, /binaryCrossEntropy takes logits.*Softmax "\/Softmax".*exclude/);
    assert.match(thrown(() => attach(model([node("Identity", ["x"], ["y"])], ["N", 3, 2]), "y", binary)).message, /\[batch, labels\]/);
  });

  it("computes the mean absolute error and Huber's loss over all elements", async () => {
    const differences = [0.5, -0.5, 1, -3, 0, 10];
    const x = fed(tensorOf("float32", differences, [2, 3]));
    const targets = fed(tensorOf("float32", [0, 0, 0, 0, 0, 0], [2, 3]));
    for (const [loss, of] of [
      [{ type: "meanAbsoluteError" }, Math.abs],
      [{ type: "huber" }, (d: number) => (Math.abs(d) <= 1 ? (d * d) / 2 : Math.abs(d) - 0.5)],
      [{ type: "huber", delta: 4 }, (d: number) => (Math.abs(d) <= 4 ? (d * d) / 2 : 4 * (Math.abs(d) - 2))],
    ] as const) {
      const attached = attach(model([node("Identity", ["x"], ["y"])]), "y", loss);
      const [value] = numbers((await runGraph(attached.graph, { x, targets }))[attached.loss]);
      assert.ok(Math.abs(value - differences.reduce((sum, d) => sum + of(d), 0) / 6) < 1e-6, JSON.stringify(loss));
    }
  });

  it("refuses cross-entropy of independent probabilities, with the reason", () => {
    const error = thrown(() => attach(model([node("Sigmoid", ["x"], ["y"], {}, "/act/Sigmoid")]), "y", crossEntropy));
    assert.equal(error.code, "recipe/loss");
    assert.match(error.message, /takes logits.*Sigmoid "\/act\/Sigmoid".*independent/);
    assert.equal(thrown(() => attach(model([node("Softmax", ["x"], ["y"], { axis: 0 })]), "y", crossEntropy)).code, "recipe/loss");
  });

  it("needs [batch, classes] for classes", () => {
    const error = thrown(() => attach(model([node("Identity", ["x"], ["y"])], ["N", 5, 3]), "y", crossEntropy));
    assert.match(error.message, /"y": expected \[batch, classes\], got \[N, 5, 3\]/);
    assert.throws(() => attach(model([node("Identity", ["x"], ["y"])], ["N", "C"]), "y", crossEntropy));
  });

  it("computes the mean of squared errors over all elements", async () => {
    const attached = attach(model([node("Identity", ["x"], ["y"])], [2, 2, 2]), "y", meanSquaredError);
    assert.deepEqual(attached.target, { name: "targets", dtype: "float32", shape: [2, 2, 2] });
    const x = fed(tensorOf("float32", [1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]));
    const targets = fed(tensorOf("float32", [1, 2, 3, 4, 4, 4, 4, 4], [2, 2, 2]));
    const outputs = await runGraph(withOutput(attached.graph, attached.perSample), { x, targets });
    assert.deepEqual(numbers(outputs[attached.loss]), [(1 + 4 + 9 + 16) / 8]);
    assert.deepEqual(numbers(outputs[attached.perSample]), [0, 7.5]);
  });

  it("compares half floats in float32", () => {
    const attached = attach(model([node("Identity", ["x"], ["y"])], ["N", 3], internalOpset, "float16"), "y", meanSquaredError);
    assert.equal(attached.target.dtype, "float32");
  });

  it("takes names that are not used yet", () => {
    const graph = graphOf({ inputs: [info("labels", ["N", 3])], outputs: ["y"], nodes: [node("Identity", ["labels"], ["y"])] });
    assert.equal(attach(graph, "y", crossEntropy).target.name, "labels.1");
  });

  it("asks which of several outputs is meant", () => {
    const two = graphOf({ inputs: [info("x", [1])], outputs: ["a", "b"], nodes: [node("Identity", ["x"], ["a"]), node("Identity", ["x"], ["b"])] });
    const error = thrown(() => lossOutput(two, {}));
    assert.equal(error.code, "recipe/loss-output");
    assert.match(error.message, /"a", "b"/);
    assert.equal(lossOutput(two, { output: "b" }), "b");
    assert.match(thrown(() => lossOutput(two, { output: "c" })).message, /no output "c"/);
    assert.equal(lossOutput(model([node("Identity", ["x"], ["y"])]), {}), "y");
  });

  describe("distillation", () => {
    const teacherLogits = [2, 0, -1, -1, 0.5, 2];
    const softmax = (row: readonly number[], temperature: number): readonly number[] => {
      const powers = row.map((v) => Math.exp(v / temperature));
      return powers.map((p) => p / powers.reduce((sum, v) => sum + v, 0));
    };
    const rows = (values: readonly number[]): readonly (readonly number[])[] => [values.slice(0, 3), values.slice(3)];
    const divergence = (row: number, temperature: number): number => {
      const [p, q] = [teacherLogits, logits].map((values) => softmax(rows(values)[row], temperature));
      return p.reduce((sum, v, c) => sum + v * Math.log(v / q[c]), 0);
    };

    async function lossesOf(settings: Partial<Loss>): Promise<readonly number[]> {
      const inputs = [info("x", ["N", 3]), info("t", ["N", 3])];
      const graph = graphOf({ opset: internalOpset, inputs, outputs: [info("y", ["N", 3])], nodes: [node("Identity", ["x"], ["y"])] });
      const attached = attach(graph, "y", { type: "distillation", teacher: "t", ...settings });
      assert.deepEqual(attached.target, { name: "labels", dtype: "int64", shape: ["N"] });
      const tensors = { x: tensorOf("float32", logits, [2, 3]), t: tensorOf("float32", teacherLogits, [2, 3]), labels: tensorOf("int64", [2, 0]) };
      const feeds = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, fed(tensor)]));
      const outputs = await runGraph(withOutput(attached.graph, attached.perSample), feeds);
      return [...numbers(outputs[attached.loss]), ...numbers(outputs[attached.perSample])];
    }

    it("is the teacher's divergence times T², mixed with the labels' cross-entropy", async () => {
      for (const [temperature, alpha] of [
        [1, 1],
        [4, 1],
        [2, 0.5],
        [3, 0.2],
        [2, 0],
      ] as const) {
        // prettier-ignore
        const expected = [0, 1].map((row) => alpha * temperature ** 2 * divergence(row, temperature) + (1 - alpha) * expectedPerSample[row]);
        const actual = await lossesOf({ temperature, alpha });
        for (const [i, value] of [(expected[0] + expected[1]) / 2, ...expected].entries())
          assert.ok(Math.abs(actual[i] - value) < 1e-5 * Math.max(1, value), `${actual[i]} instead of ${value} at T ${temperature}, α ${alpha}`);
      }
      assert.deepEqual(await lossesOf({}), await lossesOf({ temperature: 2, alpha: 0.5 }));
    });

    it("refuses a teacher with other classes, and none", () => {
      const inputs = [info("x", ["N", 3]), info("t", ["N", 5])];
      const graph = graphOf({ opset: internalOpset, inputs, outputs: [info("y", ["N", 3])], nodes: [node("Identity", ["x"], ["y"])] });
      const { code, message } = thrown(() => attach(graph, "y", { type: "distillation", teacher: "t" }));
      assert.equal(code, "recipe/loss");
      assert.match(message, /"y" .* it has 3 classes, the base model 5/);
      assert.equal(thrown(() => attach(graph, "y", { type: "distillation" })).code, "recipe/loss");
    });
  });
});

function withOutput(graph: Graph, name: string): Graph {
  return { ...graph, outputs: [...graph.outputs, { name, type: undefined }] };
}
