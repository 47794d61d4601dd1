// A run that was stopped and taken up again gives the bytes of the run that never stopped, wherever the stop came.

import assert from "node:assert/strict";
import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TrainEvent } from "../../../core/train/events.js";
import { failure } from "../../support/failure.js";
import { blobs, classifier, noise, weightBytes, Workspace } from "../../support/training.js";

/** Momentum, Adam, shuffling, dropout in the head, two phases with another batch size, a best epoch chosen by validation. */
const recipe = {
  head: {
    after: "a2",
    layers: [
      { type: "dropout", rate: 0.4 },
      { type: "dense", units: 5 },
      { type: "activation", function: "relu" },
      { type: "dense", units: 3 },
    ],
  },
  data: { split: { validation: 0.25, test: 0.2 } },
  optimizer: { type: "sgd", learningRate: 0.3, momentum: 0.9 },
  seed: 3,
  phases: [
    { name: "head", epochs: 3 },
    { name: "deep", epochs: 3, batchSize: 5, freeze: ["fc1.*"], optimizer: { type: "adamw", learningRate: 0.02 }, schedule: { type: "cosine" } },
  ],
};

const stepsOf = (events: readonly TrainEvent[]): number => events.filter((e) => e.event === "step").length;
const last = <T>(items: readonly T[]): T | undefined => items[items.length - 1];

describe("stopping and resuming", () => {
  let space: Workspace;
  let whole: {
    readonly weights: Readonly<Record<string, string>>;
    readonly metrics: unknown;
    readonly history: unknown;
    readonly confusion: unknown;
    readonly proof: unknown;
  };

  beforeEach(async () => {
    space = await Workspace.create();
    await space.writeGraph(classifier());
    await space.writeTable(blobs(90, 4, 3));
    const { result, record } = await space.train(recipe);
    const weights = weightBytes(await space.tensors());
    whole = { weights, metrics: result.metrics, history: record.history, confusion: result.confusionMatrix, proof: record.proof };
  });
  afterEach(() => space.remove());

  async function assertSame(run: string): Promise<void> {
    const { result, record } = await space.train(recipe, { resume: run });
    assert.equal(result.reason, "completed");
    assert.equal(result.run, run);
    assert.deepEqual(weightBytes(await space.tensors()), whole.weights);
    assert.deepEqual(result.metrics, whole.metrics);
    assert.deepEqual(result.confusionMatrix, whole.confusion);
    assert.deepEqual(record.history, whole.history);
    assert.deepEqual(record.proof, whole.proof);
    assert.deepEqual(
      record.plan.map(({ phase }) => phase),
      ["head", "deep"],
    );
  }

  // 50 training rows: 7 steps an epoch in the first phase, 10 in the second.
  for (const [where, steps] of [
    ["before the first step", 0],
    ["in the middle of an epoch", 3],
    ["at the end of an epoch", 14],
    ["at the end of a phase", 21],
    ["in the middle of the second phase", 33],
    ["one step before the end", 50],
  ] as const) {
    it(`gives the uninterrupted run's bytes after a stop ${where}`, async () => {
      const { result, events, record } = await space.train(recipe, { stop: (seen) => stepsOf(seen) >= steps });
      assert.equal(result.reason, "stopped");
      assert.equal(result.output, undefined);
      assert.equal(record.status, "stopped");
      assert.equal(stepsOf(events), steps);
      assert.equal(last(events.filter((e) => e.event === "checkpoint"))?.step, steps);
      await assertSame(result.run);
    });
  }

  it("gives the uninterrupted run's bytes after a stop at every eleventh step", async () => {
    let run: string | undefined;
    for (let stretch = 0; stretch < 4; stretch++) {
      const { result, events } = await space.train(recipe, { ...(run === undefined ? {} : { resume: run }), stop: (seen) => stepsOf(seen) >= 11 });
      assert.equal(result.reason, "stopped");
      assert.equal(stepsOf(events), 11);
      assert.equal(last(events.filter((e) => e.event === "step"))?.step, 11 * (stretch + 1));
      run = result.run;
    }
    await assertSame(run ?? "");
  });

  it("can be stopped while features are computed, in either phase, and uses those that are there", async () => {
    const other = { ...recipe, data: { ...recipe.data, transform: [{ scale: { from: [0, 1], to: [0, 1.5] } }] } };
    const reference = await space.train(other, { cache: false });
    const weights = weightBytes(await space.tensors());
    const computed = (phase: string) => (seen: readonly TrainEvent[]) => seen.some((e) => e.event === "cache" && e.phase === phase && e.done >= 32);
    const first = await space.train(other, { stop: computed("head") });
    assert.equal(first.result.reason, "stopped");
    assert.equal(first.record.prefix.executions, 2);
    const second = await space.train(other, { resume: first.result.run, stop: computed("deep") });
    assert.equal(second.result.reason, "stopped");
    assert.equal(second.events.find((e) => e.event === "cache")?.reused, 32);
    const third = await space.train(other, { resume: first.result.run });
    assert.deepEqual(weightBytes(await space.tensors()), weights);
    assert.deepEqual(third.result.metrics, reference.result.metrics);
    assert.deepEqual(third.record.plan.map((p) => p.phase), ["head", "deep"]); // prettier-ignore
    assert.equal(third.record.prefix.byPhase["head"], 6);
  });

  it("exports nothing when stopped, and leaves an earlier file as it was", async () => {
    await writeFile(space.path("out.onnx"), "earlier");
    const { result } = await space.train(recipe, { stop: (seen) => stepsOf(seen) >= 45 });
    assert.equal(result.reason, "stopped");
    assert.equal(await readFile(space.path("out.onnx"), "utf8"), "earlier");
    assert.deepEqual(Object.keys(result.metrics), ["phases"]);
  });

  it("answers again for a run that is complete already", async () => {
    const { result } = await space.train(recipe);
    const before = await space.bytes();
    await assertSame(result.run);
    assert.deepEqual(await space.bytes(), before);
  });

  it("ends as stopped where the stop comes while a resumed run is tested", async () => {
    const { result } = await space.train(recipe, { cache: false });
    await writeFile(space.path("out.onnx"), "earlier");
    const again = await space.train(recipe, { resume: result.run, cache: false, stop: () => true });
    assert.equal(again.result.reason, "stopped");
    assert.equal(await readFile(space.path("out.onnx"), "utf8"), "earlier");
    await assertSame(result.run);
  });

  it("refuses to go on with another recipe, model or data", async () => {
    const { result } = await space.train(recipe, { stop: (seen) => stepsOf(seen) >= 4 });
    const options = { resume: result.run };
    await failure("recipe/resume-mismatch", () => space.train({ ...recipe, seed: 4 }, options));
    await failure("recipe/resume-mismatch", () => space.train({ ...recipe, batchSize: 9 }, options));
    await space.writeGraph({ ...classifier(), initializers: new Map([...classifier().initializers, ["fc3.bias", noise([3], 99)]]) });
    await failure("recipe/resume-mismatch", () => space.train(recipe, options));
    await space.writeGraph(classifier());
    await appendFile(space.path("data.csv"), "1,0,0,0,0\n");
    await failure("recipe/resume-mismatch", () => space.train(recipe, options));
    await space.writeTable(blobs(90, 4, 3));
    await space.train({ ...recipe, output: "elsewhere.onnx" }, options);
    assert.deepEqual(weightBytes(await space.tensors("elsewhere.onnx")), whole.weights);
  });

  it("names the runs that there are where one is asked for that is not", async () => {
    const { result } = await space.train(recipe, { stop: () => true });
    const error = await failure("usage/run", () => space.train(recipe, { resume: `${result.run}x` }));
    assert.match(error.hint ?? "", new RegExp(result.run));
  });

  it("says so where a run was stopped before its first checkpoint", async () => {
    const { result } = await space.train(recipe, { stop: () => true });
    await rm(join(result.folder, "checkpoint.safetensors"));
    const error = await failure("usage/run", () => space.train(recipe, { resume: result.run }));
    assert.match(error.message, /has no checkpoint yet: it was stopped before the first one/);
  });
});
