import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { reportData, type DataReport } from "../../../core/train/data-report.js";
import { failure } from "../../support/failure.js";
import { blobs, classifier, recipeOf, Workspace } from "../../support/training.js";

let space: Workspace;
beforeEach(async () => {
  space = await Workspace.create();
  await space.writeGraph(classifier());
});
afterEach(() => space.remove());

async function report(recipe: Readonly<Record<string, unknown>> = {}, preview?: string): Promise<DataReport> {
  const path = await space.writeFile("r.finetune.json", JSON.stringify(recipeOf(recipe)));
  return reportData({ recipe: path, ...(preview === undefined ? {} : { preview: space.path(preview) }) });
}

const codes = ({ problems }: DataReport): readonly string[] => problems.map(({ severity, code }) => `${severity} ${code}`);
const find = ({ problems }: DataReport, code: string): DataReport["problems"][number] => {
  const found = problems.find((problem) => problem.code === code);
  assert.ok(found, `no ${code} among ${problems.map((p) => p.code).join(", ")}`);
  return found;
};

describe("a report on data", () => {
  it("counts samples and classes by part, and finds nothing where all is well", async () => {
    await space.writeTable(blobs(60, 4, 3));
    const found = await report({ data: { split: { validation: 0.2, test: 0.3 } } });
    assert.deepEqual(found.samples, { all: 60, train: 30, validation: 12, test: 18, bad: 0 });
    assert.deepEqual(found.shape, { read: [4], transformed: [4] });
    assert.deepEqual(found.classes, ["0", "1", "2"].map((name) => ({ name, train: 10, validation: 4, test: 6 }))); // prettier-ignore
    assert.equal(found.ranges.length, 4);
    assert.deepEqual(found.duplicates, { samples: 0, leaked: 0, conflicting: 0, groups: [] });
    assert.equal(found.preview.length, 6);
    assert.deepEqual(found.problems, []);
  });

  it("measures the training samples after the transforms, channel by channel", async () => {
    await space.writeTable([
      [0, 0, 2, 5, 100],
      [1, 4, 2, 5, 300],
    ]);
    const scaled = await report({ data: { transform: [{ scale: { from: [0, 2], to: [0, 1] } }] } });
    assert.deepEqual(scaled.ranges[0], { minimum: 0, maximum: 2, mean: 1, deviation: 1 });
    assert.deepEqual(scaled.ranges[3], { minimum: 50, maximum: 150, mean: 100, deviation: 50 });
    assert.match(find(scaled, "data/still-channels").message, /^2 of 4 channels have the same value/);
    const far = await report({ data: { features: ["f3"] } });
    assert.match(find(far, "data/range").fix ?? "", /"from": \[100, 300\], "to": \[0, 1\]/);
    await space.writeTable(blobs(20, 4, 2).map(([label, a, b, c, d]) => [label, a, b, c, d * 1000]));
    assert.match(find(await report(), "data/uneven").fix ?? "", /normalize/);
  });

  it("names copies of held-out samples in the training rows, and equal samples with different labels", async () => {
    const rows = blobs(40, 4, 3);
    await space.writeTable(rows);
    await space.writeTable([rows[3], rows[7], [(rows[5][0] + 1) % 3, ...rows[5].slice(1)], [0, 9, 9, 9, 9]], "t.csv");
    const found = await report({ data: { test: { csv: "t.csv" }, split: { validation: 0.1 } } });
    assert.deepEqual([found.duplicates.samples, found.duplicates.leaked, found.duplicates.conflicting], [3, 3, 1]);
    const leak = find(found, "data/leakage");
    assert.equal(leak.severity, "warning");
    assert.match(leak.message, /^3 held-out samples are in the training rows too/);
    assert.match(leak.places?.[0] ?? "", /data\.csv:5 \((train|validation), 0\) = .*t\.csv:2 \(test, 0\)/);
    assert.match(find(found, "data/conflict").places?.[0] ?? "", /data\.csv:7 \(\w+, 2\) = .*t\.csv:4 \(test, 0\)/);
  });

  it("tells of copies within the training rows only where none is leaked", async () => {
    const rows = blobs(20, 4, 2);
    await space.writeTable([...rows, rows[0]]);
    const found = await report();
    assert.deepEqual(codes(found), ["hint data/duplicates", "hint data/no-validation"]);
    assert.match(find(found, "data/duplicates").places?.[0] ?? "", /data\.csv:2 \(train, 0\) = .*data\.csv:22 \(train, 0\)/);
  });

  it("finds classes that are small, missing, or of very unequal size, unless the recipe evens them out", async () => {
    const rows = blobs(60, 4, 3).filter(([label], i) => label === 0 || (label === 2 && i < 9));
    await space.writeTable(rows);
    const found = await report({ data: { split: { validation: 0 } } });
    assert.deepEqual(codes(found), ["warning data/small-class", "hint data/empty-class", "hint data/imbalance", "hint data/no-validation"]);
    assert.equal(find(found, "data/imbalance").message, 'class "0" has 20 training rows, "2" only 3');
    assert.match(find(found, "data/empty-class").message, /^no row has the class "1"/);
    assert.ok(!codes(await report({ sampling: "balanced" })).includes("hint data/imbalance"));
    await space.writeTable([[1, 0, 1, 2, 3]], "t.csv");
    const held = await report({ data: { test: { csv: "t.csv" } } });
    assert.match(find(held, "data/untaught-class").message, /^no training row has the class "1"/);
  });

  it("counts bad samples whatever happens to them, and says what train would refuse", async () => {
    const rows = blobs(30, 4, 3).map((row) => [...row] as (number | string)[]);
    rows[2][1] = "";
    rows[4][0] = "";
    await space.writeTable(rows);
    const stopping = await report({ data: { split: { validation: 0.2 } } });
    assert.equal(stopping.samples.bad, 2);
    const { severity, places } = find(stopping, "data/rows");
    assert.equal(severity, "error");
    assert.match(places?.[0] ?? "", /data\.csv:4: column "f0": expected a number, got an empty cell$/);
    assert.equal(find(await report({ data: { onBadSample: "skip" } }), "data/rows").severity, "warning");
    await space.writeTable(blobs(30, 3, 3));
    const misfit = await report();
    assert.deepEqual(codes(misfit)[0], "error recipe/sample-shape");
    const noModel = await report({ model: "none.onnx" });
    assert.equal(noModel.samples.all, 30);
    assert.match(codes(noModel)[0], /^error model\//);
  });

  it("gives the ranges of numeric labels", async () => {
    await space.writeTable([1, 2, 3, 6].map((y) => [y, 0, y, 1, 0]));
    const { targets, classes } = await report({ loss: { type: "meanSquaredError" } });
    assert.equal(classes, undefined);
    assert.deepEqual(targets, [{ column: "label", minimum: 1, maximum: 6, mean: 3, deviation: Math.sqrt(3.5) }]);
  });

  it("draws samples that are images, and no others", async () => {
    await space.writeTable(blobs(60, 4, 3));
    const error = await failure("usage/preview", () => report({}, "p.png"));
    assert.match(error.message, /expected samples of \[1, height, width\] or \[3, height, width\] after the transforms, got \[4\]$/);
    const { picture } = await report({ data: { transform: [{ reshape: [1, 2, 2] }] } }, "p.png");
    assert.equal(picture, space.path("p.png"));
    const png = await readFile(space.path("p.png"));
    // 48 samples of 96 pixels, 8 in a row, with 4 pixels between them. Source: PNG's IHDR.
    assert.deepEqual([png.subarray(1, 4).toString(), png.readUInt32BE(16), png.readUInt32BE(20)], ["PNG", 804, 604]);
  });
});
