// Training on augmented samples: the same bytes however a run was cut, held-out rows untouched, and what the frozen part costs.

import assert from "node:assert/strict";
import type { TrainEvent } from "../../../core/train/events.js";
import type { Graph } from "../../../core/graph/types.js";
import { failure } from "../../support/failure.js";
import { graphOf, info, node } from "../../support/graphs.js";
import { blobs, classifier, noise, weightBytes, Workspace, type Finished } from "../../support/training.js";

/** x [N, 1, 4, 4] → conv (3 channels) → Relu → fc (3) → logits. */
function imageClassifier(): Graph {
  return graphOf({
    inputs: [info("x", ["N", 1, 4, 4])],
    outputs: [info("logits", ["N", 3])],
    nodes: [
      node("Conv", ["x", "conv.weight", "conv.bias"], ["c"], { pads: [1, 1, 1, 1] }, "/conv/Conv"),
      node("Relu", ["c"], ["r"], {}, "/conv/Relu"),
      node("Flatten", ["r"], ["f"], {}, "/Flatten"),
      node("Gemm", ["f", "fc.weight", "fc.bias"], ["logits"], { transB: 1 }, "/fc/Gemm"),
    ],
    tensors: { "conv.weight": noise([3, 1, 3, 3], 1), "conv.bias": noise([3], 2), "fc.weight": noise([3, 48], 3), "fc.bias": noise([3], 4) },
  });
}

const augment = [
  { flip: "horizontal" },
  { shift: [0.25, 0.25] },
  { rotate: 20, fill: 0.5 },
  { resizedCrop: { area: [0.5, 1] } },
  { colorJitter: { brightness: 0.2, contrast: 0.2, range: [-4, 4] } },
  { mixup: 0.3 },
];
const none = [{ flip: "horizontal", probability: 0 }, { shift: [0, 0] }, { rotate: 0 }, { resizedCrop: { area: [1, 1], ratio: [1, 1] } }];

const plain = { transform: [{ reshape: [1, 4, 4] }], split: { validation: 0.25, test: 0.2 } };
const data = { ...plain, augment };
const recipe = { data, freeze: ["conv.*"], epochs: 3, batchSize: 7, seed: 5 };

const stepsOf = (events: readonly TrainEvent[]): number => events.filter((e) => e.event === "step").length;

describe("training on augmented samples", () => {
  let space: Workspace;

  beforeEach(async () => {
    space = await Workspace.create();
    await space.writeGraph(imageClassifier());
    await space.writeTable(blobs(60, 16, 3));
  });
  afterEach(() => space.remove());

  async function weights(settings: object): Promise<Readonly<Record<string, string>>> {
    await space.train({ ...recipe, ...settings });
    return weightBytes(await space.tensors());
  }

  for (const freeze of [["conv.*"], []]) {
    it(`gives the same bytes whether a run was stopped or not, with ${freeze.length === 0 ? "nothing" : "a part"} frozen`, async () => {
      const whole = await weights({ freeze });
      for (const at of [2, 7]) {
        const { result } = await space.train({ ...recipe, freeze }, { stop: (events) => stepsOf(events) >= at });
        assert.equal(result.reason, "stopped");
        await space.train({ ...recipe, freeze }, { resume: result.run });
        assert.deepEqual(weightBytes(await space.tensors()), whole);
      }
      assert.notDeepEqual(await weights({ freeze, seed: 6 }), whole);
      assert.notDeepEqual(await weights({ freeze, data: { ...data, augment: none } }), whole);
    });
  }

  it("gives the bytes of a run without augmentation where no step has any strength", async () => {
    for (const freeze of [["conv.*"], []]) {
      assert.deepEqual(await weights({ freeze, data: { ...data, augment: none } }), await weights({ freeze, data: plain }));
    }
  });

  it("leaves held-out rows as they are", async () => {
    const still = { ...recipe, optimizer: { type: "sgd", learningRate: 0 }, epochs: 2 };
    const [changed, same] = [await space.train(still), await space.train({ ...still, data: plain })];
    const losses = (finished: Finished, part: "train" | "validation"): readonly number[] =>
      finished.events.flatMap((e) => (e.event === "epoch" ? [e[part]?.loss ?? NaN] : []));
    assert.deepEqual(losses(changed, "validation"), losses(same, "validation"));
    assert.deepEqual(changed.result.metrics.test, same.result.metrics.test);
    const trained = losses(changed, "train");
    assert.notEqual(trained[0], trained[1]);
    assert.equal(new Set(losses(same, "train").map((loss) => loss.toFixed(5))).size, 1);
  });

  it("runs the frozen part for each training sample of each epoch, says so once a phase, and keeps what held-out rows give", async () => {
    const phases = [{ name: "one" }, { name: "two", freeze: [] }];
    const settings = { ...recipe, phases };
    const cold = await space.train(settings);
    const warnings = cold.events.flatMap((e) => (e.event === "warning" ? [e.message] : []));
    assert.deepEqual(warnings, [
      'Phase "one": data.augment makes new training samples in every epoch, so the frozen part runs for each of them: 99 samples in 3 epochs, where without it 33 would do once.',
    ]);
    // 33 training rows in 5 batches of at most 7, each a run of its own; 27 held-out rows in 2 runs of 16.
    assert.deepEqual(cold.record.prefix.byPhase, { one: 3 * 5 + 2, two: 0 });
    const cache = cold.events.filter((e) => e.event === "cache").at(-1);
    assert.deepEqual([cache?.done, cache?.samples], [27, 27]);
    const bytes = weightBytes(await space.tensors());
    const warm = await space.train(settings);
    assert.deepEqual(warm.record.prefix.byPhase, { one: 3 * 5, two: 0 });
    assert.deepEqual(weightBytes(await space.tensors()), bytes);
  });

  it("mixes samples of any shape, and targets under every loss", async () => {
    await space.writeGraph(classifier(), "plain.onnx");
    await space.writeTable(
      blobs(40, 6, 3).map((row, i) => [...row, i % 2, Number(row[1] > 0), 1]),
      "plain.csv",
    );
    const base = { model: "plain.onnx", freeze: [], batchSize: 6, epochs: 12 };
    const source = { csv: "plain.csv", features: ["f0", "f1", "f2", "f3"], augment: [{ mixup: 1 }] };
    for (const [loss, label] of [
      [{ type: "crossEntropy", labelSmoothing: 0.1, classWeights: "balanced" }, "label"],
      [{ type: "distillation", alpha: 0.3 }, "label"],
      [{ type: "binaryCrossEntropy" }, ["f6", "f7", "f8"]],
      [{ type: "meanSquaredError" }, ["f4", "f5", "f8"]],
      [{ type: "huber" }, ["f4", "f5", "f8"]],
    ]) {
      const { events } = await space.train({ ...base, data: { ...source, label }, loss });
      const losses = events.flatMap((e) => (e.event === "epoch" ? [e.train.loss] : []));
      assert.ok(losses[11] < losses[0], JSON.stringify({ loss, losses }));
    }
  });

  it("refuses to change whole numbers, such as tokens", async () => {
    await space.writeGraph(
      graphOf({
        inputs: [info("ids", ["N", 16], "int64")],
        outputs: [info("logits", ["N", 3])],
        nodes: [
          node("Gather", ["table", "ids"], ["e"], {}, "/embed/Gather"),
          node("Flatten", ["e"], ["f"], {}, "/Flatten"),
          node("Gemm", ["f", "w"], ["logits"], {}, "/fc/Gemm"),
        ],
        tensors: { table: noise([9, 2], 1), w: noise([32, 3], 2) },
      }),
      "tokens.onnx",
    );
    await space.writeTable(Array.from({ length: 20 }, (_, i) => [i % 3, ...Array.from({ length: 16 }, (_, j) => (i + j) % 9)]), "tokens.csv"); // prettier-ignore
    const tokens = { model: "tokens.onnx", freeze: [], data: { csv: "tokens.csv", augment: [{ mixup: 1 }] } };
    const { message } = await failure("recipe/augment", () => space.train(tokens));
    assert.match(message, /input "ids" takes int64/);
  });
});
