import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { exportRun } from "../../../core/train/export-run.js";
import { train } from "../../../core/train/train.js";
import { failure } from "../../support/failure.js";
import { blobs, classifier, recipeOf, weightBytes, Workspace } from "../../support/training.js";

describe("exporting a run", () => {
  let space: Workspace;
  const recipe = { freeze: ["fc1.*"], epochs: 4, data: { split: { validation: 0.25 } } };
  const exportOf = (run: string) => exportRun({ recipePath: space.path("test.finetune.json"), run, output: space.path("exported.onnx") });

  beforeEach(async () => {
    space = await Workspace.create();
    await space.writeGraph(classifier());
    await space.writeTable(blobs(40, 4, 3));
    await writeFile(space.path("test.finetune.json"), JSON.stringify(recipeOf(recipe)));
  });
  afterEach(() => space.remove());

  it("gives a stopped run's best weights so far, with the proof of what was frozen", async () => {
    const stop = (events: readonly { readonly event: string }[]): boolean => events.filter(({ event }) => event === "epoch").length >= 2;
    const { result } = await space.train(recipe, { stop });
    assert.equal(result.reason, "stopped");
    const report = await exportOf(result.run);
    assert.equal(report.phase, "train");
    assert.ok(report.epoch === 1 || report.epoch === 2);
    assert.deepEqual(report.proof, { frozen: 2, unchanged: 2, changed: [] });
    const [before, after] = [weightBytes(await space.tensors("model.onnx")), weightBytes(await space.tensors("exported.onnx"))];
    assert.equal(after["fc1.weight"], before["fc1.weight"]);
    assert.notEqual(after["fc2.weight"], before["fc2.weight"]);
  });

  it("gives what a run that ended has exported itself", async () => {
    const { result } = await space.train(recipe);
    await exportOf(result.folder);
    assert.deepEqual(weightBytes(await space.tensors("exported.onnx")), weightBytes(await space.tensors("out.onnx")));
  });

  it("refuses a run that is not there, one without an epoch, and one of another recipe", async () => {
    await failure("usage/run", () => exportOf("nothing"));
    const { result } = await space.train(recipe, { stop: (events) => events.some(({ event }) => event === "step") });
    assert.match((await failure("usage/run", () => exportOf(result.run))).message, /has no weights to export yet/);
    await writeFile(space.path("test.finetune.json"), JSON.stringify(recipeOf({ ...recipe, seed: 7 })));
    await failure("recipe/resume-mismatch", () => exportOf(result.run));
  });
});

describe("what holds where a recipe says nothing", () => {
  it("is what the request says: threads, provider, and folders for runs and features", async () => {
    const space = await Workspace.create();
    await space.writeGraph(classifier());
    await space.writeTable(blobs(16, 4, 3));
    const recipe = { ...recipeOf({ freeze: ["fc1.*"] }), threads: undefined };
    const providers: unknown[] = [];
    const run = (recipeText: string) =>
      train(
        {
          recipePath: space.path("r.finetune.json"),
          recipeText,
          defaults: { threads: 2, provider: "wasm" },
          runsFolder: "runs",
          cacheFolder: "kept",
          spinning: false,
        },
        { emit: (event) => event.event === "plan" && providers.push([event.provider.name, event.provider.threads]), stopRequested: () => false },
      );
    const done = await run(JSON.stringify({ ...recipe, provider: "cpu" }));
    assert.equal(done.folder, space.path(`runs/${done.run}`));
    await run(JSON.stringify({ ...recipe, threads: 1, provider: "cpu" }));
    assert.deepEqual(providers, [["cpu", 2], ["cpu", 1]]); // prettier-ignore
    assert.ok((await readdir(space.path("kept"))).some((name) => name.endsWith(".features")));
    await space.remove();
  });
});
