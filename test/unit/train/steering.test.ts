// How a recipe steers the updates of weights, over whole runs: groups, limits, accumulation, averages, and what validation losses decide.

import assert from "node:assert/strict";
import type { EpochEvent, StepEvent, TrainEvent } from "../../../core/train/events.js";
import { failure } from "../../support/failure.js";
import { blobs, classifier, weightBytes, Workspace } from "../../support/training.js";

const stepsOf = (events: readonly TrainEvent[]): readonly StepEvent[] => events.filter((e) => e.event === "step");
const epochsOf = (events: readonly TrainEvent[]): readonly EpochEvent[] => events.filter((e) => e.event === "epoch");

type Recipe = Readonly<Record<string, unknown>>;

describe("steering updates", () => {
  let space: Workspace;
  beforeEach(async () => {
    space = await Workspace.create();
    await space.writeGraph(classifier());
    await space.writeTable(blobs(50, 4, 3));
  });
  afterEach(() => space.remove());

  /** Trained weights by name. */
  async function weightsOf(recipe: Recipe): Promise<Readonly<Record<string, readonly number[]>>> {
    await space.train(recipe);
    return values("out.onnx");
  }

  async function values(file: string): Promise<Readonly<Record<string, readonly number[]>>> {
    const tensors = await space.tensors(file);
    return Object.fromEntries([...tensors].map(([name, { data }]) => [name, [...new Float32Array((data as Uint8Array).slice().buffer)]]));
  }

  function assertClose(actual: Readonly<Record<string, readonly number[]>>, expected: Readonly<Record<string, readonly number[]>>): void {
    for (const [name, numbers] of Object.entries(expected))
      for (const [i, value] of numbers.entries())
        assert.ok(Math.abs(actual[name][i] - value) < 2e-6, `${name}[${i}]: ${actual[name][i]}, not ${value}`);
  }

  it("gathers batches to the step of one large batch, the last one with what is left", async () => {
    for (const loss of [{ type: "crossEntropy" }, { type: "crossEntropy", classWeights: [0.2, 1, 3] }]) {
      const common = { loss, epochs: 3, optimizer: { type: "sgd", learningRate: 0.3, momentum: 0.9 } };
      const whole = await space.train({ ...common, batchSize: 32 });
      const expected = await values("out.onnx");
      // 50 rows: steps of 32 and 18, the last one in batches of 8, 8 and 2
      const gathered = await space.train({ ...common, batchSize: 8, accumulate: 4 });
      assert.equal(stepsOf(gathered.events).length, 6);
      assert.deepEqual(
        gathered.events.flatMap((e) => (e.event === "plan" ? [[e.stepsPerEpoch, e.totalSteps]] : [])),
        [[2, 6]],
      );
      assertClose(await values("out.onnx"), expected);
      for (const [i, { loss: own }] of stepsOf(gathered.events).entries()) assert.ok(Math.abs(own - stepsOf(whole.events)[i].loss) < 1e-5);
      for (const [i, { train }] of epochsOf(gathered.events).entries()) assert.ok(Math.abs(train.loss - epochsOf(whole.events)[i].train.loss) < 1e-5);
    }
  });

  it("draws dropout masks of its own for each batch of a step", async () => {
    const head = { after: "a2", layers: [{ type: "dropout", rate: 0.5 }, { type: "dense", units: 3 }] }; // prettier-ignore
    await space.writeTable(Array.from({ length: 16 }, () => [0, 1, 1, 1, 1]).concat([[1, 0, 0, 0, 0], [2, 0, 0, 0, 0]])); // prettier-ignore
    const lossOf = async (accumulate: number): Promise<number> => {
      const { events } = await space.train({
        head,
        batchSize: 1,
        accumulate,
        epochs: 1,
        shuffle: false,
        optimizer: { type: "sgd", learningRate: 0 },
      });
      return stepsOf(events)[0].loss;
    };
    // Sixteen equal samples: with one mask for all of them, their mean loss would be that of the first.
    assert.notEqual((await lossOf(16)).toFixed(6), (await lossOf(1)).toFixed(6));
  });

  it("gives groups learning rates of their own, on which the schedule acts too, and reports them", async () => {
    const groups = [{ match: ["fc1.*"], learningRate: 0 }, { match: ["*.bias"], learningRate: 0.01 }]; // prettier-ignore
    const { events } = await space.train({ optimizer: { type: "sgd", learningRate: 0.1, groups }, schedule: { type: "linear" } });
    const [before, after] = [await values("model.onnx"), await values("out.onnx")];
    assert.deepEqual(after["fc1.weight"], before["fc1.weight"]);
    for (const name of ["fc1.bias", "fc2.weight", "fc3.bias"]) assert.notDeepEqual(after[name], before[name]);
    // 14 steps
    const seventh = stepsOf(events)[7];
    assert.ok(Math.abs(seventh.learningRate - 0.05) < 1e-12);
    assert.deepEqual(seventh.groupLearningRates, [0, 0.005]);
    const { events: plain } = await space.train();
    assert.ok(stepsOf(plain).every((step) => !("groupLearningRates" in step) && !("gradientNorm" in step)));
  });

  it("decays only what it is told to", async () => {
    const recipe = { optimizer: { type: "adamw", learningRate: 0.01, weightDecay: 0.5, decay: ["*", "!*.bias"] } };
    const some = await weightsOf(recipe);
    const groups = [{ match: ["*.bias"], weightDecay: 0 }];
    assert.deepEqual(some, await weightsOf({ optimizer: { type: "adamw", learningRate: 0.01, weightDecay: 0.5, groups } }));
    assert.notDeepEqual(some, await weightsOf({ optimizer: { type: "adamw", learningRate: 0.01, weightDecay: 0.5 } }));
  });

  it("limits the gradients' length, which frozen tensors have no part in, and reports it", async () => {
    const optimizer = { type: "sgd", learningRate: 1, clip: { norm: 0.01 } };
    const before = await values("model.onnx");
    const { events } = await space.train({ freeze: ["*", "!fc3.bias"], batchSize: 50, epochs: 1, optimizer });
    const after = await values("out.onnx");
    const moved = Math.hypot(...after["fc3.bias"].map((v, i) => v - before["fc3.bias"][i]));
    assert.ok(Math.abs(moved - 0.01) < 1e-6, String(moved));
    const [{ gradientNorm = 0 }] = stepsOf(events);
    await space.train({ freeze: ["*", "!fc3.bias"], batchSize: 50, epochs: 1, optimizer: { type: "sgd", learningRate: 1 } });
    const free = await values("out.onnx");
    assert.ok(Math.abs(gradientNorm - Math.hypot(...free["fc3.bias"].map((v, i) => v - before["fc3.bias"][i]))) < 1e-6);
  });

  it("exports and validates the weights' average", async () => {
    const recipe = { batchSize: 50, optimizer: { type: "sgd", learningRate: 0.5 } };
    const w0 = await values("model.onnx");
    const [w1, w2] = [await weightsOf({ ...recipe, epochs: 1 }), await weightsOf({ ...recipe, epochs: 2 })];
    const averaged = await weightsOf({ ...recipe, epochs: 2, ema: { decay: 0.25 } });
    const mix = (a: readonly number[], b: readonly number[]): readonly number[] => a.map((v, i) => Math.fround(0.25 * v + 0.75 * b[i]));
    const expected = Object.fromEntries(Object.keys(w0).map((name) => [name, mix(mix(w0[name], w1[name]), w2[name])]));
    assertClose(averaged, expected);
    const held = { ...recipe, data: { split: { validation: 0.2 } }, epochs: 1, batchSize: 40 };
    const validated = await space.train({ ...held, ema: { decay: 0.9 } });
    const still = { model: "out.onnx", output: "still.onnx", optimizer: { type: "sgd", learningRate: 0 } };
    const again = await space.train({ ...held, ...still });
    assert.ok(Math.abs((epochsOf(validated.events)[0].validation?.loss ?? 0) - (epochsOf(again.events)[0].validation?.loss ?? 1)) < 1e-6);
    assert.deepEqual(validated.result.proof, again.result.proof);
  });

  it("ends a phase after epochs without improvement, and goes on with the next", async () => {
    // Nothing improves where nothing moves.
    const recipe = { epochs: 9, optimizer: { type: "sgd", learningRate: 0 }, data: { split: { validation: 0.2 } }, earlyStopping: { patience: 2 } };
    const { result, events, record } = await space.train(recipe);
    assert.equal(result.reason, "earlyStop");
    assert.deepEqual(
      epochsOf(events).map(({ epoch, endsEarly }) => [epoch, endsEarly]),
      [[1, undefined], [2, undefined], [3, true]], // prettier-ignore
    );
    assert.equal(record.status, "earlyStop");
    assert.equal(result.output, space.path("out.onnx"));
    assert.deepEqual(result.metrics.phases.map(({ epoch }) => epoch), [1]); // prettier-ignore
    const phases = [{ name: "first" }, { name: "second", earlyStopping: false, epochs: 4 }];
    const two = await space.train({ ...recipe, phases });
    assert.equal(two.result.reason, "completed");
    assert.deepEqual(two.record.history.map(({ phase }) => phase), [...Array<string>(3).fill("first"), ...Array<string>(4).fill("second")]); // prettier-ignore
  });

  it("lowers the learning rate when the validation loss stops falling", async () => {
    const schedule = { type: "reduceOnPlateau", factor: 0.5, patience: 1, threshold: 0.9 };
    const { events } = await space.train({
      epochs: 6,
      batchSize: 40,
      optimizer: { type: "sgd", learningRate: 1e-4 },
      schedule,
      data: { split: { validation: 0.2 } },
    });
    assert.deepEqual(
      stepsOf(events).map(({ learningRate }) => learningRate),
      [1e-4, 1e-4, 1e-4, 5e-5, 5e-5, 2.5e-5],
    );
  });

  it("refuses what follows the validation loss where nothing is held out", async () => {
    const early = await failure("recipe/no-validation", () => space.train({ earlyStopping: { patience: 2 } }));
    assert.match(early.message, /earlyStopping follows the validation loss/);
    await failure("recipe/no-validation", () => space.train({ phases: [{}, { schedule: { type: "reduceOnPlateau" } }] }));
  });

  it("refuses groups that match nothing before any data is read", async () => {
    const optimizer = { groups: [{ match: ["fc9.*"], learningRate: 1 }] };
    const { hint } = await failure("recipe/no-match", () => space.train({ optimizer, data: { csv: "missing.csv" } }));
    assert.match(hint ?? "", /fc/);
  });

  it("goes on from a stop to the bytes of the run that never stopped", async () => {
    const recipe = {
      data: { split: { validation: 0.2, test: 0.1 } },
      batchSize: 3,
      accumulate: 2,
      ema: { decay: 0.9 },
      schedule: { type: "reduceOnPlateau", patience: 0, threshold: 0.05, factor: 0.5 },
      optimizer: {
        type: "adamw",
        learningRate: 0.02,
        decay: ["*", "!*.bias"],
        groups: [{ match: ["fc1.*"], learningRate: 0.001 }],
        clip: { norm: 0.5, value: 0.3 },
      },
      phases: [
        { name: "a", epochs: 8, freeze: ["fc1.*"], earlyStopping: { patience: 2, minDelta: 0.02 } },
        { name: "b", epochs: 2, accumulate: 3, ema: { decay: 0.5 }, optimizer: { clip: {} } },
        { name: "c", epochs: 1, ema: false, optimizer: { type: "lion", learningRate: 0.001 } },
      ],
    };
    const whole = await space.train(recipe);
    const weights = weightBytes(await space.tensors());
    const total = stepsOf(whole.events).length;
    assert.ok(total > 20 && new Set(stepsOf(whole.events).map(({ learningRate }) => learningRate)).size > 3);
    for (const at of [1, 9, 14, total - 9, total - 2]) {
      const { result } = await space.train(recipe, { stop: (events) => stepsOf(events).length >= at });
      assert.equal(result.reason, "stopped");
      const resumed = await space.train(recipe, { resume: result.run });
      assert.deepEqual(weightBytes(await space.tensors()), weights, `stopped after ${at} of ${total} steps`);
      assert.deepEqual(resumed.result.metrics, whole.result.metrics);
      assert.deepEqual(resumed.record.history, whole.record.history);
      assert.deepEqual(resumed.record.proof, whole.record.proof);
    }
  });
});
