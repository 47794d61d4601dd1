// `frostline data`, as a process of its own.

import assert from "node:assert/strict";
import type { DataReport } from "../../core/train/data-report.js";
import { frostline } from "../support/cli.js";
import { blobs, classifier, recipeOf, Workspace } from "../support/training.js";

describe("frostline data", () => {
  let space: Workspace;
  before(async () => {
    space = await Workspace.create();
    await space.writeGraph(classifier());
    await space.writeTable(blobs(60, 4, 3));
    await space.writeFile("r.finetune.json", JSON.stringify(recipeOf({ data: { split: { validation: 0.2, test: 0.2 } } })));
  });
  after(() => space.remove());

  it("shows people counts, classes, values, samples and findings", async () => {
    const { status, stdout, stderr } = await frostline(["data", "r.finetune.json"], { cwd: space.folder });
    assert.deepEqual([status, stderr], [0, ""]);
    for (const text of [
      /samples {2}60: 36 to train on, 12 for validation, 12 for the test/,
      /3 classes\n +class +train +share +validation +test\n +0 +12 +33\.3 % +4 +4/,
      /channel +least +greatest +mean +deviation/,
      /data\.csv:\d+ +[012] +-?\d/,
      /No problems found\./,
    ])
      assert.match(stdout, text);
  });

  it("prints one object with --json, and fails where train would refuse to start", async () => {
    await space.writeFile("bad.finetune.json", JSON.stringify(recipeOf({ data: { features: ["f0"] } })));
    const { status, stdout } = await frostline(["data", "bad.finetune.json", "--json"], { cwd: space.folder });
    assert.equal(status, 1);
    const report = JSON.parse(stdout) as DataReport;
    assert.equal(report.samples.all, 60);
    assert.deepEqual(report.problems.map(({ severity, code }) => [severity, code]), [["error", "recipe/sample-shape"], ["hint", "data/no-validation"]]); // prettier-ignore
    const people = await frostline(["data", "bad.finetune.json"], { cwd: space.folder });
    assert.match(people.stdout, /2 findings\n {2}error: samples do not fit the model's input "x"/);
  });

  it("fails as train does where the data cannot be read", async () => {
    await space.writeFile("none.finetune.json", JSON.stringify(recipeOf({ data: { csv: "none.csv" } })));
    const { status, stderr } = await frostline(["data", "none.finetune.json"], { cwd: space.folder });
    assert.equal(status, 3);
    assert.match(stderr, /none\.csv" does not exist\nhint: Check the path; it is taken relative to the recipe's folder\./);
  });
});
