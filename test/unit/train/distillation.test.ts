// Distillation over whole runs: the teacher joins the graph without being seen by plans, proofs and exports.

import assert from "node:assert/strict";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { Graph } from "../../../core/graph/types.js";
import type { EpochEvent, TrainEvent } from "../../../core/train/events.js";
import { failure } from "../../support/failure.js";
import { graphOf, info, node } from "../../support/graphs.js";
import { blobs, classifier, noise, weightBytes, Workspace } from "../../support/training.js";

const loss = { type: "distillation", temperature: 3, alpha: 1 } as const;
const epochs = (events: readonly TrainEvent[]): readonly EpochEvent[] => events.filter((e) => e.event === "epoch");

describe("distillation", () => {
  let space: Workspace;
  beforeEach(async () => {
    space = await Workspace.create();
    await space.writeGraph(classifier());
    await space.writeTable(blobs(60, 4, 3));
  });
  afterEach(() => space.remove());

  it("starts without any loss where the student is the teacher, and leaves it there", async () => {
    const before = await space.tensors("model.onnx");
    const { events } = await space.train({ loss, freeze: ["fc1.*"], data: { split: { validation: 0.2 } } });
    for (const { train, validation } of epochs(events)) {
      assert.ok(Math.abs(train.loss) < 1e-7 && Math.abs(validation?.loss ?? 1) < 1e-7);
      assert.ok(train.accuracy !== undefined);
    }
    const after = await space.tensors();
    for (const [name, tensor] of before)
      for (const [i, value] of new Float32Array((tensor.data as Uint8Array).slice().buffer).entries()) {
        const moved = new Float32Array((after.get(name)?.data as Uint8Array).slice().buffer)[i];
        assert.ok(Math.abs(moved - value) < 1e-6, `${name}[${i}]`);
      }
  });

  it("stays closer to the base model than labels alone do", async () => {
    const data = { split: { validation: 0.2 } };
    const settings = { data, freeze: ["fc1.*"], epochs: 6, optimizer: { type: "sgd", learningRate: 0.5 } };
    const driftOf = async (objective: object): Promise<number> => {
      await space.train({ ...settings, loss: objective });
      // The divergence from the base model, of the exported one as it stands: nothing moves.
      const still = { ...settings, epochs: 1, optimizer: { type: "sgd", learningRate: 0 } };
      return stillLoss(still);
    };
    const stillLoss = async (recipe: Readonly<Record<string, unknown>>): Promise<number> => {
      const { result } = await space.train({ ...recipe, model: "out.onnx", loss: { type: "crossEntropy" }, output: "still.onnx" });
      return result.metrics.validation?.loss ?? Number.NaN;
    };
    const labels = await driftOf({ type: "crossEntropy" });
    const mixed = await driftOf({ ...loss, alpha: 0.5 });
    const base = await (async () => {
      await space.train({ ...settings, epochs: 1, optimizer: { type: "sgd", learningRate: 0 }, loss: { type: "crossEntropy" } });
      return stillLoss({ ...settings, epochs: 1, optimizer: { type: "sgd", learningRate: 0 } });
    })();
    assert.ok(labels < mixed && mixed < base, `${labels}, ${mixed}, ${base}`);
  });

  it("computes the teacher once for each sample, and shares with it what no phase changes", async () => {
    const recipe = { loss, freeze: ["fc1.*"], epochs: 3, data: { split: { test: 0.2 } } };
    const { record, events } = await space.train(recipe);
    // 60 samples in batches of 16
    assert.equal(record.prefix.executions, 4);
    const [plan] = events.flatMap((e) => (e.event === "plan" ? [e] : []));
    assert.equal(plan.prefix, "a1");
    assert.equal((await space.train(recipe)).record.prefix.executions, 0);
  });

  it("leaves the teacher out of marks, proof and exported model", async () => {
    const plain = await space.train({ freeze: ["fc1.*"] });
    const { record, result } = await space.train({ loss, freeze: ["fc1.*"] });
    assert.deepEqual(record.plan[0].marks, plain.record.plan[0].marks);
    assert.deepEqual(result.proof, plain.result.proof);
    assert.deepEqual(Object.keys(record.proof.spans[0].before), ["fc1.weight", "fc1.bias"]);
    assert.deepEqual([...(await space.tensors()).keys()], [...(await space.tensors("model.onnx")).keys()]);
  });

  it("keeps the teacher as it was over phases that train other layers", async () => {
    const phases = [{ freeze: ["*", "!fc3.*"] }, { freeze: ["fc1.*"] }, { freeze: ["*", "!fc2.*"] }].map((phase) => ({ ...phase, epochs: 2 }));
    const recipe = { loss: { ...loss, alpha: 0.5 }, phases, data: { split: { validation: 0.2, test: 0.2 } } };
    const whole = await space.train(recipe);
    const weights = weightBytes(await space.tensors());
    const seen = (events: readonly TrainEvent[]): number => events.filter((e) => e.event === "step").length;
    const { result } = await space.train(recipe, { stop: (events) => seen(events) >= 13 });
    assert.equal(result.reason, "stopped");
    const resumed = await space.train(recipe, { resume: result.run });
    assert.deepEqual(weightBytes(await space.tensors()), weights);
    assert.deepEqual(resumed.result.metrics, whole.result.metrics);
    assert.deepEqual(resumed.result.proof, { frozen: 6, unchanged: 6, changed: [] });
  });

  it("looks through a final softmax on both sides", async () => {
    const recipe = { loss: { ...loss, alpha: 0.7 }, freeze: ["fc1.*"], epochs: 3 };
    await space.train(recipe);
    const logits = weightBytes(await space.tensors());
    await space.writeGraph(classifier({ softmax: true }));
    await space.train(recipe);
    assert.deepEqual(weightBytes(await space.tensors()), logits);
  });

  it("teaches a new head with as many classes, and refuses another", async () => {
    const head = (units: number) => ({ after: "a1", layers: [{ type: "dense", units }] });
    const { result, events } = await space.train({ loss, head: head(3), epochs: 30, optimizer: { type: "adam", learningRate: 0.05 } });
    const losses = epochs(events).map(({ train }) => train.loss);
    assert.ok(losses[29] < losses[0] / 5, `${losses[0]} to ${losses[29]}`);
    assert.equal(result.proof.changed.length, 0);
    assert.deepEqual([...(await space.tensors()).keys()], ["fc1.weight", "fc1.bias", "head.0.weight", "head.0.bias"]);
    const { message, hint } = await failure("recipe/loss", () => space.train({ loss, head: head(4) }));
    assert.match(message, /it has 4 classes, the base model 3/);
    assert.match(hint ?? "", /no teacher in the base model/);
  });

  it("never drops anything of the teacher, and keeps its statistics", async () => {
    await space.writeGraph(noisy());
    const recipe = { loss, dropout: "active", batchNorm: "update", optimizer: { type: "sgd", learningRate: 0 }, epochs: 1 };
    const { events } = await space.train({ ...recipe, data: { split: { validation: 0.3 } } });
    const [{ train }] = epochs(events);
    // With dropout and the batch's statistics the student differs from its teacher, although no weight moves.
    assert.ok(train.loss > 1e-4);
    const { events: still } = await space.train({ ...recipe, dropout: "inactive", batchNorm: "fixed" });
    assert.ok(Math.abs(epochs(still)[0].train.loss) < 1e-7);
  });

  it("has its settings checked", async () => {
    await failure("recipe/invalid", () => space.train({ loss: { ...loss, alpha: 1.5 } }));
    await failure("recipe/invalid", () => space.train({ loss: { ...loss, labelSmoothing: 0.1 } }));
    await failure("recipe/invalid", () => space.train({ loss: { type: "crossEntropy", temperature: 2 } }));
  });
});

/** x [N, 4] → fc1 → BatchNormalization → Dropout → fc2 → logits [N, 3]. */
function noisy(): Graph {
  return graphOf({
    opset: 17,
    inputs: [info("x", ["N", 4])],
    outputs: [info("logits", ["N", 3])],
    nodes: [
      node("Gemm", ["x", "fc1.weight", "fc1.bias"], ["h1"], { transB: 1 }, "/fc1/Gemm"),
      node("BatchNormalization", ["h1", "bn.scale", "bn.bias", "bn.mean", "bn.var"], ["h2"], {}, "/bn/BatchNormalization"),
      node("Dropout", ["h2", "ratio"], ["h3"], {}, "/drop/Dropout"),
      node("Gemm", ["h3", "fc2.weight", "fc2.bias"], ["logits"], { transB: 1 }, "/fc2/Gemm"),
    ],
    tensors: {
      "fc1.weight": noise([6, 4], 11),
      "fc1.bias": noise([6], 12),
      "bn.scale": noise([6], 13),
      "bn.bias": noise([6], 14),
      "bn.mean": noise([6], 15),
      "bn.var": tensorOf("float32", [1, 0.5, 2, 1.5, 0.7, 1.2]),
      ratio: tensorOf("float32", [0.5], []),
      "fc2.weight": noise([3, 6], 17),
      "fc2.bias": noise([3], 18),
    },
  });
}
