// Losses and metrics as a recipe asks for them, over whole runs.

import assert from "node:assert/strict";
import type { Graph } from "../../../core/graph/types.js";
import type { EpochEvent, TrainEvent } from "../../../core/train/events.js";
import { failure } from "../../support/failure.js";
import { graphOf, info, node } from "../../support/graphs.js";
import { blobs, classifier, noise, Workspace } from "../../support/training.js";

/** x [N, 4] → y [N, outputs], behind a sigmoid where wanted. */
function linear(outputs: number, sigmoid = false): Graph {
  return graphOf({
    inputs: [info("x", ["N", 4])],
    outputs: [info("y", ["N", outputs])],
    nodes: [
      node("Gemm", ["x", "fc.weight", "fc.bias"], [sigmoid ? "logits" : "y"], { transB: 1 }, "/fc/Gemm"),
      ...(sigmoid ? [node("Sigmoid", ["logits"], ["y"], {}, "/Sigmoid")] : []),
    ],
    tensors: { "fc.weight": noise([outputs, 4], 3), "fc.bias": noise([outputs], 4) },
  });
}

const epochs = (events: readonly TrainEvent[]): readonly EpochEvent[] => events.filter((e) => e.event === "epoch");

/** Rows `a,b,f0…f3`: two labels or numbers that follow from the features. */
function pairs(of: (features: readonly number[]) => readonly number[]): string {
  const rows = blobs(48, 4, 3).map(([, ...features]) => [...of(features), ...features]);
  return [["a", "b", "f0", "f1", "f2", "f3"], ...rows].map((row) => row.join(",")).join("\n");
}

describe("objectives of a run", () => {
  let workspace: Workspace;
  beforeEach(async () => {
    workspace = await Workspace.create();
  });
  afterEach(() => workspace.remove());

  it("weigh classes so that batches of different weight add up to the whole", async () => {
    const rows = [...blobs(30, 4, 3), ...blobs(60, 4, 3).filter(([label]) => label === 0)];
    await workspace.writeGraph(classifier());
    await workspace.writeTable(rows);
    // Nothing moves, so that the loss of an epoch does not depend on how it is cut into batches.
    const recipe = { optimizer: { type: "sgd", learningRate: 0 }, epochs: 1 };
    const lossOf = async (classWeights: unknown, batchSize: number): Promise<number> => {
      const { events } = await workspace.train({ ...recipe, batchSize, loss: { type: "crossEntropy", labelSmoothing: 0.1, classWeights } });
      return epochs(events)[0].train.loss;
    };
    const balanced = await lossOf("balanced", 50);
    // 30 rows of class 0, 10 of each other
    assert.ok(Math.abs((await lossOf("balanced", 7)) - balanced) < 1e-6);
    assert.ok(Math.abs((await lossOf([50 / 90, 50 / 30, 50 / 30], 50)) - balanced) < 1e-6);
    assert.ok(Math.abs((await lossOf([1, 1, 1], 50)) - balanced) > 1e-4);
    await failure("recipe/loss", () => lossOf([1, 2], 50));
  });

  for (const sigmoid of [false, true]) {
    it(`learn several labels at once${sigmoid ? ", before a final sigmoid" : ""}`, async () => {
      await workspace.writeGraph(linear(2, sigmoid));
      await workspace.writeFile(
        "data.csv",
        pairs(([p, q, r]) => [Number(p > q), Number(r > 0)]),
      );
      const data = { label: ["a", "b"], split: { validation: 0.25 } };
      const optimizer = { type: "adam", learningRate: 0.1 };
      const { events, result } = await workspace.train({ data, optimizer, loss: { type: "binaryCrossEntropy" }, epochs: 30 });
      const history = epochs(events);
      assert.ok(history[0].train.loss > 2 * (history.at(-1)?.train.loss ?? 1));
      assert.ok((history.at(-1)?.train.accuracy ?? 0) > 0.9);
      assert.ok((result.metrics.validation?.accuracy ?? 0) > 0.7);
      assert.equal(result.confusionMatrix, undefined);
    });
  }

  it("refuse labels that are neither 0 nor 1, and a number of columns that the output does not have", async () => {
    await workspace.writeGraph(linear(2));
    await workspace.writeFile(
      "data.csv",
      pairs(([p, q]) => [p, q]),
    );
    const train = (label: readonly string[]) => workspace.train({ data: { label }, loss: { type: "binaryCrossEntropy" } });
    await failure("data/rows", () => train(["a", "b"]));
    const { message } = await failure("recipe/target-columns", () => train(["a"]));
    assert.match(message, /binaryCrossEntropy compares data\.label.*got 1 label column/);
  });

  for (const softmax of [false, true]) {
    it(`report the metrics of held-out rows that are asked for${softmax ? ", of probabilities" : ""}`, async () => {
      await workspace.writeGraph(classifier({ softmax }));
      await workspace.writeTable(blobs(90, 4, 3));
      const metrics = ["precision", "recall", "f1", "auc", { topKAccuracy: 2 }];
      const data = { split: { validation: 0.2, test: 0.2 } };
      const { events, result } = await workspace.train({ data, metrics, optimizer: { type: "adam", learningRate: 0.05 }, epochs: 30 });
      const names = ["auc", "f1", "loss", "precision", "recall", "topKAccuracy"];
      const [first] = epochs(events);
      assert.deepEqual(Object.keys(first.train), ["loss"]);
      assert.deepEqual(Object.keys(first.validation ?? {}).sort(), names);
      const test = result.metrics.test;
      assert.deepEqual(Object.keys(test ?? {}).sort(), names);
      assert.equal(result.confusionMatrix, undefined);
      for (const key of ["precision", "recall", "f1", "auc", "topKAccuracy"] as const) assert.ok((test?.[key] ?? 0) > 0.85, `${key} ${test?.[key]}`);
    });
  }

  it("report the metrics of labels and of numbers, and go on from a checkpoint that holds them", async () => {
    const data = { label: ["a", "b"], split: { validation: 0.25 } };
    await workspace.writeGraph(linear(2));
    await workspace.writeFile(
      "data.csv",
      pairs(([p, q, r]) => [Number(p > q), Number(r > 0)]),
    );
    const recipe = { data, optimizer: { type: "adam", learningRate: 0.1 }, loss: { type: "binaryCrossEntropy" }, metrics: ["auc", "f1"], epochs: 12 };
    const stopped = await workspace.train(recipe, { stop: (events) => epochs(events).length === 6 });
    const { result } = await workspace.train(recipe, { resume: stopped.result.run });
    assert.ok((result.metrics.validation?.auc ?? 0) > 0.85);
    assert.ok((result.metrics.validation?.f1 ?? 0) > 0.6);
    await workspace.writeFile(
      "data.csv",
      pairs(([p, q, r]) => [p + q, r - 1]),
    );
    const numbers = await workspace.train({ ...recipe, loss: { type: "huber" }, metrics: ["rSquared"], epochs: 60 });
    assert.deepEqual(Object.keys(numbers.result.metrics.validation ?? {}).sort(), ["loss", "rSquared"]);
    assert.ok((numbers.result.metrics.validation?.rSquared ?? 0) > 0.9);
  });

  for (const type of ["meanAbsoluteError", "huber"]) {
    it(`learn numbers under ${type}`, async () => {
      await workspace.writeGraph(linear(2));
      await workspace.writeFile(
        "data.csv",
        pairs(([p, q, r]) => [p + q, r - 1]),
      );
      const optimizer = { type: "adam", learningRate: 0.1 };
      const { events } = await workspace.train({ data: { label: ["a", "b"] }, optimizer, loss: { type }, epochs: 40 });
      const last = epochs(events).at(-1)?.train;
      assert.ok((last?.meanAbsoluteError ?? 1) < 0.2, JSON.stringify(last));
      if (type === "meanAbsoluteError") assert.ok(Math.abs((last?.loss ?? 0) - (last?.meanAbsoluteError ?? 1)) < 1e-5);
    });
  }
});
