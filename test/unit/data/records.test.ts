import assert from "node:assert/strict";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, it } from "mocha";
import { dataFolder } from "../../support/datasets.js";

describe("JSON lines", () => {
  const folder = dataFolder();
  const jsonl = (features: string | readonly string[] = "x", label: string | readonly string[] = "y"): { jsonl: string; features: string | readonly string[]; label: string | readonly string[] } =>
    ({ jsonl: folder.path("d.jsonl"), features, label }); // prettier-ignore
  const write = (...records: readonly unknown[]): Promise<void> =>
    folder.write({ "d.jsonl": records.map((record) => (typeof record === "string" ? record : JSON.stringify(record))).join("\n") });

  it("give samples of number fields in the first record's order, or of one list in its own shape", async () => {
    await write({ b: 1, y: "cat", a: -0.5, note: "n" }, { note: null, a: 4, b: 3, y: "dog" });
    const { dataset, values } = await folder.open(jsonl(["a", "b"]));
    assert.deepEqual([...values], [1, -0.5, 3, 4]);
    assert.deepEqual([dataset.source.sampleShape, dataset.labels.columns.get("y")], [[2], ["cat", "dog"]]);
    await write({ x: [[1, 2, 3], [4, 5, 6]], y: 7 }, { x: [[6, 5, 4], [3, 2, 1]], y: 8 }); // prettier-ignore
    const nested = await folder.open(jsonl());
    assert.deepEqual(
      [nested.dataset.source.sampleShape, [...nested.values]],
      [
        [2, 3],
        [1, 2, 3, 4, 5, 6, 6, 5, 4, 3, 2, 1],
      ],
    );
    assert.deepEqual(nested.dataset.labels.columns.get("y"), Float64Array.of(7, 8));
    await write({ x: [1, 2], z: 3, y: 1 }, { x: [4, 5], z: 6, y: 0 });
    const joined = await folder.open(jsonl(["x", "z"]));
    assert.deepEqual([joined.dataset.source.sampleShape, [...joined.values]], [[3], [1, 2, 3, 4, 5, 6]]);
  });

  it("give a label column for each of several fields, and for each entry of a list", async () => {
    await write({ x: 1, y: [0, 1], z: true }, { x: 2, y: [1, 1], z: false });
    const { dataset } = await folder.open(jsonl("x", ["y", "z"]));
    assert.deepEqual([...dataset.labels.columns], [["y[0]", Float64Array.of(0, 1)], ["y[1]", Float64Array.of(1, 1)], ["z", Float64Array.of(1, 0)]]); // prettier-ignore
  });

  it("are read as they were written, whatever the numbers, texts and line ends", async () => {
    const text = fc.string({ unit: "grapheme" }).filter((t) => t.trim() !== "");
    const record = fc.record({ x: fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 2, maxLength: 2 }), y: text });
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { minLength: 1 }),
        fc.constantFrom("\n", "\r\n", "\n\n"),
        fc.constantFrom("", "\ufeff"),
        async (records, end, mark) => {
          await folder.write({ "d.jsonl": mark + records.map((r) => JSON.stringify(r)).join(end) });
          const { dataset, values } = await folder.open(jsonl());
          assert.deepEqual(values, Float32Array.from(records.flatMap((r) => r.x.map((v) => (Object.is(v, -0) ? 0 : v)))));
          assert.deepEqual(dataset.labels.columns.get("y"), records.map((r) => r.y.trim())); // prettier-ignore
        },
      ),
      { numRuns: 60 },
    );
  });

  it("are refused by line where a record does not look like the first one, and skipped where that is wished", async () => {
    const good = { x: [1, 2], y: "a" };
    await write(
      good,
      { x: [1], y: "a" },
      { x: [1, "2"], y: "a" },
      { x: [1, 2] },
      { x: [1, 2], y: null },
      "[1, 2]",
      '{"x": [1,',
      { x: [1e39, 2], y: "a" },
      good,
    );
    assert.deepEqual(await folder.failure(jsonl()), {
      code: "data/rows",
      message: [
        "d.jsonl: 7 rows cannot be used",
        '  d.jsonl:2: field "x": expected a list of 2, got a list of 1',
        '  d.jsonl:3: field "x": expected a number, got "2"',
        '  d.jsonl:4: field "y": expected a label, got nothing',
        '  d.jsonl:5: field "y": expected a label, got null',
        "  d.jsonl:6: expected a JSON object, got [1, 2]",
        "  and 2 more",
      ].join("\n"),
      hint: 'Mend or remove these rows, or train without them: "data": { "onBadSample": "skip" }.',
    });
    const { dataset, values, bad } = await folder.open(jsonl(), "skip");
    assert.deepEqual([[...values], [...dataset.numbers], bad.count], [[1, 2, 1, 2], [1, 9], 7]);
    assert.equal(dataset.source.describe(1), `${folder.path("d.jsonl")}:9`);
  });

  it("take their looks from the first record that can be used", async () => {
    await write({ x: "none", y: "a" }, "", { x: [1, 2], y: "a" });
    assert.match((await folder.failure(jsonl())).message, /d\.jsonl:1: field "x": expected a number or a list of numbers, got "none"$/);
    assert.deepEqual([...(await folder.open(jsonl(), "skip")).values], [1, 2]);
  });

  it("are refused where there are none, or a field is not there", async () => {
    await write("");
    assert.deepEqual((await folder.failure(jsonl())).message, "d.jsonl: expected at least one record, got none");
    await write("nothing", "like this");
    assert.equal((await folder.failure(jsonl())).code, "data/rows");
    await write({ pixels: [1], label: 1 });
    assert.deepEqual(await folder.failure(jsonl("pixel", "label")), {
      code: "recipe/unknown-column",
      message: 'data.features: "pixel" matches no column of d.jsonl',
      hint: 'Did you mean "pixels"?',
    });
    assert.equal((await folder.failure(jsonl("pixels", "lable"))).code, "recipe/unknown-column");
  });
});

describe("Parquet files", () => {
  const folder = dataFolder();
  const parquet = (features: string | readonly string[] = "p*", label = "label"): { parquet: string; features: string | readonly string[]; label: string } =>
    ({ parquet: folder.path("d.parquet"), features, label }); // prettier-ignore
  const write = (...args: Parameters<typeof parquetWriteBuffer>): Promise<void> =>
    folder.write({ "d.parquet": new Uint8Array(parquetWriteBuffer(...args)) });

  it("give samples and labels of columns of any type, over several row groups", async () => {
    const rows = Array.from({ length: 100 }, (_, i) => i);
    await write({
      rowGroupSize: 30,
      columnData: [
        { name: "label", data: rows.map((i) => ["cat", "dog"][i % 2]), type: "STRING" },
        { name: "p0", data: Int32Array.from(rows), type: "INT32" },
        { name: "p1", data: rows.map(BigInt), type: "INT64" },
        { name: "p2", data: rows.map((i) => i / 8), type: "FLOAT" },
        { name: "p3", data: rows.map((i) => -i / 3), type: "DOUBLE" },
        { name: "p4", data: rows.map((i) => i % 3 === 0), type: "BOOLEAN" },
        { name: "p5", data: rows.map((i) => i / 4), type: "FLOAT16" },
      ],
    });
    const { dataset, values } = await folder.open(parquet());
    assert.deepEqual(values, Float32Array.from(rows.flatMap((i) => [i, i, i / 8, -i / 3, Number(i % 3 === 0), i / 4])));
    assert.deepEqual(dataset.labels.columns.get("label"), rows.map((i) => ["cat", "dog"][i % 2])); // prettier-ignore
    assert.equal(dataset.source.describe(99), `${folder.path("d.parquet")}:100`);
  });

  it("take lists as samples of their own shape", async () => {
    await write({
      columnData: [
        { name: "x", data: [[1, 2, 3], [4, 5, 6]] }, // prettier-ignore
        { name: "label", data: Int32Array.of(3, 4) },
      ],
      schema: [
        { name: "root", num_children: 2 },
        { name: "x", repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
        { name: "list", repetition_type: "REPEATED", num_children: 1 },
        { name: "element", repetition_type: "OPTIONAL", type: "DOUBLE" },
        { name: "label", repetition_type: "REQUIRED", type: "INT32" },
      ],
    });
    const { dataset, values } = await folder.open(parquet("x"));
    assert.deepEqual([dataset.source.sampleShape, [...values]], [[3], [1, 2, 3, 4, 5, 6]]);
    assert.deepEqual(dataset.labels.columns.get("label"), Float64Array.of(3, 4));
  });

  it("are read as they were written", async () => {
    const row = fc.record({ value: fc.double({ noNaN: true, min: -3e38, max: 3e38 }), label: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 20 }), async (rows, rowGroupSize) => {
        const columnData = [
          { name: "p0", data: rows.map((r) => r.value), type: "DOUBLE" as const },
          { name: "label", data: rows.map((r) => r.label), type: "INT32" as const },
        ];
        await write({ columnData, rowGroupSize });
        const { dataset, values } = await folder.open(parquet());
        assert.deepEqual(values, Float32Array.from(rows, (r) => r.value)); // prettier-ignore
        assert.deepEqual(dataset.labels.columns.get("label"), Float64Array.from(rows, (r) => r.label)); // prettier-ignore
      }),
      { numRuns: 40 },
    );
  });

  it("are refused by row where a value is missing, and as a whole where they are harmed", async () => {
    await write({ columnData: [{ name: "p0", data: [1, null, 3], type: "DOUBLE" }, { name: "label", data: ["a", "b", ""], type: "STRING" }] }); // prettier-ignore
    assert.deepEqual((await folder.failure(parquet())).message, [
      "d.parquet: 2 rows cannot be used",
      '  d.parquet:2: field "p0": expected a number, got null',
      '  d.parquet:3: field "label": expected a label, got ""',
    ].join("\n")); // prettier-ignore
    const { values, bad } = await folder.open(parquet(), "skip");
    assert.deepEqual([[...values], bad.count], [[1], 2]);
    const whole = new Uint8Array(parquetWriteBuffer({ columnData: [{ name: "p0", data: [1, 2, 3], type: "DOUBLE" }] }));
    for (const [bytes, expected] of [
      [whole.subarray(0, -8), /^d\.parquet: expected a Parquet file, got a file that cannot be read as one: /],
      [Buffer.from("p0,label\n1,2\n"), /^d\.parquet: expected a Parquet file, /],
      [new Uint8Array(0), /^d\.parquet: expected a Parquet file, /],
    ] as const) {
      await folder.write({ "d.parquet": bytes });
      const { code, message } = await folder.failure(parquet());
      assert.deepEqual(code, "data/format");
      assert.match(message, expected);
    }
  });
});
