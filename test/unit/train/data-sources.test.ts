// What a run makes of its data: bad samples, held-out sources, columns of parts, balanced classes.

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { failure } from "../../support/failure.js";
import { encodeNpy } from "../../support/array-files.js";
import { blobs, classifier, weightBytes, Workspace } from "../../support/training.js";

let space: Workspace;
beforeEach(async () => {
  space = await Workspace.create();
  await space.writeGraph(classifier());
});
afterEach(() => space.remove());

/** What tests read of `run.json` about data. */
async function dataRecord(run: string): Promise<{
  readonly heldOut: { readonly validation: readonly number[]; readonly test: readonly number[] };
  readonly skippedSamples?: { readonly count: number; readonly examples: readonly string[] };
}> {
  return JSON.parse(await readFile(space.path(join(".frostline", "runs", run, "run.json")), "utf8")) as Awaited<ReturnType<typeof dataRecord>>;
}

describe("bad samples", () => {
  beforeEach(async () => {
    const rows = blobs(40, 4, 3).map((row) => [...row] as (number | string)[]);
    rows[3][2] = "x";
    rows[10][0] = "";
    rows[20][0] = "3";
    await space.writeTable(rows);
  });

  it("end the run by default, named by file and line", async () => {
    const error = await failure("data/rows", () => space.train({}));
    assert.match(error.message, /2 rows cannot be used\n.*data\.csv:5: column "f1": expected a number, got "x"\n.*data\.csv:12: column "label"/);
  });

  it("are left out where the recipe says so: counted in a warning and in the record", async () => {
    const { events, result } = await space.train({ data: { onBadSample: "skip", split: { test: 0.2 } } });
    const warning = events.find((event) => event.event === "warning" && event.code === "data/skipped");
    assert.ok(warning?.event === "warning");
    assert.match(
      warning.message,
      /^3 samples are left out:\n.*data\.csv:5: .*\n.*data\.csv:12: .*\n.*data\.csv:22: column "label": expected a class from 0 to 2, got 3$/,
    );
    const { skippedSamples, heldOut } = await dataRecord(result.run);
    assert.equal(skippedSamples?.count, 3);
    assert.equal(skippedSamples.examples.length, 3);
    // Rows are called by their numbers in the file.
    assert.equal(heldOut.test.length, 7);
    assert.ok(heldOut.test.every((row) => ![4, 11, 21].includes(row)));
  });

  it("leave the run as it is without them", async () => {
    await space.train({ data: { onBadSample: "skip" }, shuffle: false });
    const skipped = weightBytes(await space.tensors());
    await space.writeTable(blobs(40, 4, 3).filter((_, i) => ![3, 10, 20].includes(i)));
    await space.train({ shuffle: false });
    assert.deepEqual(weightBytes(await space.tensors()), skipped);
  });

  it("that are all of them end the run in any case", async () => {
    await space.writeTable([["0", "x", 0, 0, 0], ["1", "y", 0, 0, 0]]); // prettier-ignore
    const error = await failure("data/empty", () => space.train({ data: { onBadSample: "skip" } }));
    assert.match(error.message, /got none that can be used/);
  });
});

describe("held-out rows", () => {
  it("come from sources of their own, beside fractions of the training rows", async () => {
    const rows = blobs(60, 4, 3);
    await space.writeTable(rows.slice(0, 40));
    await space.writeTable(rows.slice(40), "test.csv");
    const { events, result } = await space.train({ data: { test: { csv: "test.csv" }, split: { validation: 0.25 } } });
    const plan = events.find((event) => event.event === "plan");
    assert.deepEqual(plan?.samples, { train: 30, validation: 10, test: 20 });
    assert.deepEqual(
      (await dataRecord(result.run)).heldOut.test,
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
  });

  it("are told apart by a column, and give the bytes that the same rows in files of their own give", async () => {
    const rows = blobs(60, 4, 3);
    const parts = rows.map((_, i) => (i < 40 ? "train" : i < 50 ? "validation" : "test"));
    await space.writeTable(rows.map((row, i) => [...row, parts[i]]));
    const byColumn = await space.train({ data: { features: ["f*"], split: { column: "f4" } } });
    const weights = weightBytes(await space.tensors());
    for (const [name, from, to] of [["data.csv", 0, 40], ["v.csv", 40, 50], ["t.csv", 50, 60]] as const) await space.writeTable(rows.slice(from, to), name); // prettier-ignore
    const bySource = await space.train({ data: { validation: { csv: "v.csv" }, test: { csv: "t.csv" } } });
    assert.deepEqual(weightBytes(await space.tensors()), weights);
    assert.deepEqual(bySource.result.metrics, byColumn.result.metrics);
  });

  it("with a class that no training row has are warned of", async () => {
    const rows = blobs(30, 4, 3);
    await space.writeTable(rows.filter(([label]) => label !== 2));
    await space.writeTable(rows, "t.csv");
    const { events } = await space.train({ data: { test: { csv: "t.csv" } } });
    const warning = events.find((event) => event.event === "warning");
    assert.ok(warning?.event === "warning");
    assert.equal(warning.message, "No training row has the class 2, but 10 held-out rows have it.");
  });

  it("belong to the run: a resume with another test file is refused", async () => {
    await space.writeTable(blobs(40, 4, 3));
    await space.writeTable(blobs(10, 4, 3, 2), "t.csv");
    const recipe = { data: { test: { csv: "t.csv" } } };
    const { result } = await space.train(recipe, { stop: (events) => events.filter((e) => e.event === "step").length >= 2 });
    assert.equal(result.reason, "stopped");
    await space.writeTable(blobs(10, 4, 3, 3), "t.csv");
    await failure("recipe/resume-mismatch", () => space.train(recipe, { resume: result.run }));
  });
});

describe("balanced sampling", () => {
  it("resumes to the same bytes, and draws rare classes more often", async () => {
    await space.writeTable(blobs(90, 4, 3).filter(([label], i) => label !== 2 || i < 12));
    const recipe = { sampling: "balanced", epochs: 4, seed: 5 };
    await space.train(recipe);
    const whole = weightBytes(await space.tensors());
    const { result } = await space.train(recipe, { stop: (events) => events.filter((e) => e.event === "step").length >= 11 });
    assert.equal(result.reason, "stopped");
    await space.train(recipe, { resume: result.run });
    assert.deepEqual(weightBytes(await space.tensors()), whole);
    await space.train({ ...recipe, sampling: "all" });
    assert.notDeepEqual(weightBytes(await space.tensors()), whole);
  });

  it("is refused without classes, and beside balanced weights", async () => {
    await space.writeTable(blobs(20, 4, 3));
    const message = async (settings: object): Promise<string> =>
      (await failure("recipe/invalid", () => space.train({ sampling: "balanced", ...settings }))).message;
    assert.match(await message({ loss: { type: "meanSquaredError" } }), /sampling: "balanced" goes with classes, meanSquaredError has none$/);
    assert.match(await message({ loss: { type: "crossEntropy", classWeights: "balanced" } }), /sampling: .* do the same: take one of them$/);
  });
});

describe("labels of several columns", () => {
  it("are the columns of an array, as numbers and as labels that hold or not", async () => {
    const rows = blobs(30, 4, 3);
    const y = rows.flatMap(([label]) => [0, 1, 2].map((c) => Number(c === label)));
    await writeFile(space.path("x.npy"), encodeNpy({ type: "f4", shape: [30, 4], values: rows.flatMap((row) => row.slice(1)) }));
    await writeFile(space.path("y.npy"), encodeNpy({ type: "f8", shape: [30, 3], values: y }));
    const data = { csv: undefined, features: undefined, label: undefined, npy: { samples: "x.npy", labels: "y.npy" } };
    for (const type of ["meanSquaredError", "binaryCrossEntropy"]) {
      const { record } = await space.train({ data, loss: { type }, epochs: 30 });
      const losses = record.history.map((epoch) => (epoch as unknown as { train: { loss: number } }).train.loss);
      assert.ok(losses[29] < 0.8 * losses[0], `${type}: ${losses[0]} → ${losses[29]}`);
    }
    const error = await failure("recipe/label-columns", () => space.train({ data }));
    assert.equal(error.message, "crossEntropy takes one label column, got 3: labels[0], labels[1], labels[2]");
  });
});

describe("the settings of data", () => {
  it("name exactly one kind of source, and what goes with it", async () => {
    await mkdir(space.path("d"));
    const message = async (data: object): Promise<string> => (await failure("recipe/invalid", () => space.train({ data }))).message;
    assert.match(await message({ jsonl: "d.jsonl" }), /data: expected exactly one of csv, .*, got csv and jsonl$/);
    assert.match(await message({ csv: undefined }), /data: expected exactly one of csv, .*, got none$/);
    assert.match(
      await message({ csv: undefined, npy: { samples: "x.npy", labels: "y.npy" }, label: undefined }),
      /data\.features: npy has no use for it/,
    );
    assert.match(await message({ label: undefined }), /data\.label: missing: csv needs it$/);
    assert.match(await message({ test: { csv: "t.csv" }, split: { test: 0.1 } }), /data\.split\.test: the test rows come from `test` already/);
    assert.match(await message({ split: { names: { train: "t" } } }), /data\.split\.names: names go with a `column`$/);
  });
});
