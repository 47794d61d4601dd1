import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { after, before, describe, it } from "mocha";
import { BadSamples } from "../../../core/data/bad-samples.js";
import type { Rows } from "../../../core/data/dataset.js";
import { parseDecimal } from "../../../core/data/decimal.js";
import { openTable } from "../../../core/data/table.js";
import { EngineError } from "../../../core/errors.js";

/** All samples, one after the other. */
async function valuesOf({ source }: Rows): Promise<Float32Array> {
  const [width] = source.sampleShape;
  const values = new Float32Array(source.count * width);
  for (let row = 0; row < source.count; row += 1) await source.read(row, values, row * width);
  return values;
}

function linesOf({ source }: Rows): readonly number[] {
  return Array.from({ length: source.count }, (_, row) => Number(source.describe(row).split(":").at(-1)));
}

describe("table reader", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "table-"));
  });
  after(() => rm(folder, { recursive: true }));

  async function read(
    text: string | Uint8Array,
    features: readonly string[] = ["p*"],
    labels: readonly string[] = ["label"],
    name = "t.csv",
  ): Promise<Rows> {
    const path = join(folder, name);
    await writeFile(path, text);
    return await openTable(path, { features, labels }, { bad: new BadSamples(), folder });
  }

  const open = (path: string): Promise<Rows> => openTable(path, { features: ["*"], labels: [] }, { bad: new BadSamples(), folder });

  /** The error that reading gives, its paths shortened. */
  async function failure(...request: Parameters<typeof read>): Promise<{ code: string; message: string; hint: string | undefined }> {
    const error: unknown = await read(...request).then(
      () => assert.fail("expected an error"),
      (e: unknown) => e,
    );
    assert.ok(error instanceof EngineError, String(error));
    return { code: error.code, message: error.message.replaceAll(join(folder, "/"), ""), hint: error.hint };
  }

  it("reads features in the header's order and labels as text", async () => {
    const text = "p1,name,label,p0\n1,a,x,2\n-0.5,b,y,1e2\n";
    const table = await read(text, ["p0", "p1"], ["label"]);
    assert.deepEqual(await valuesOf(table), Float32Array.of(1, 2, -0.5, 100));
    assert.deepEqual(table.labels.get("label"), ["x", "y"]);
    assert.deepEqual(linesOf(table), [2, 3]);
    assert.deepEqual([table.source.count, table.source.sampleShape, table.source.range], [2, [2], { minimum: -0.5, maximum: 100, whole: false }]);
    assert.equal(table.sha256, createHash("sha256").update(text).digest("hex"));
  });

  it("names the separator of a header that has another one", async () => {
    for (const [text, name, expected, got] of [
      ["p0;label\n1;2\n", "t.csv", "commas", "semicolons"],
      ["p0\tlabel\n1\t2\n", "t.csv", "commas", "tabs"],
      ["p0,label\n1,2\n", "t.tsv", "tabs", "commas"],
    ])
      assert.deepEqual(await failure(text, ["p*"], ["label"], name), {
        code: "data/table",
        message: `${name}:1: expected columns that are separated by ${expected}, as the file's name says, got ${got}`,
        hint: undefined,
      });
  });

  it("reads a byte order mark, any line ends, quoted fields and empty lines at the end", async () => {
    for (const end of ["\n", "\r\n", "\r"]) {
      const text = `\ufeff"p0",label${end}"1","a, ""b"""${end} 2 ,"c${end}d"${end}3, e ${end}${end}${end}`;
      const table = await read(text);
      assert.deepEqual(await valuesOf(table), Float32Array.of(1, 2, 3));
      assert.deepEqual(table.labels.get("label"), ['a, "b"', `c${end}d`, "e"]);
      assert.deepEqual(linesOf(table), [2, 3, 5]);
    }
    assert.deepEqual(await valuesOf(await read("p0,label\r\n1,2\n3,4")), Float32Array.of(1, 3));
  });

  it("reads tab-separated files by their names", async () => {
    const table = await read("p0\tp1\tlabel\n1\t2\ta,b\n", ["p*"], ["label"], "t.TSV");
    assert.deepEqual(await valuesOf(table), Float32Array.of(1, 2));
    assert.deepEqual(table.labels.get("label"), ["a,b"]);
  });

  it("chooses columns by globs, in order, ! taking out, never a label", async () => {
    const text = "a.x,a.y,b.x,label,a[1],\n1,2,3,4,5,6\n";
    const chosen = async (...features: string[]): Promise<readonly number[]> => [...(await valuesOf(await read(text, features)))];
    assert.deepEqual(await chosen("*"), [1, 2, 3, 5]);
    assert.deepEqual(await chosen("*", "!a.*"), [3, 5]);
    assert.deepEqual(await chosen("*", "!a.*", "a.y"), [2, 3, 5]);
    assert.deepEqual(await chosen("a[1]", "b.x"), [3, 5]);
    assert.deepEqual(await chosen("l*", "b.x"), [3]);
  });

  it("reports every bad row, the first five in words, and skips none", async () => {
    const rows = ["1,2,a", "x,2,b", "1,,c", "1,NaN,d", "1,2, ", "1,2", "1,2,a,b", "-Infinity,0,e", "1,2,f"];
    assert.deepEqual(await failure(`p0,p1,label\n${rows.join("\n")}\n`), {
      code: "data/rows",
      message: [
        "t.csv: 7 rows cannot be used",
        '  t.csv:3: column "p0": expected a number, got "x"',
        '  t.csv:4: column "p1": expected a number, got an empty cell',
        '  t.csv:5: column "p1": expected a number, got "NaN"',
        '  t.csv:6: column "label": expected a label, got an empty cell',
        '  t.csv:7: expected 3 cells as in the header, got 2, so column "label" has none',
        "  and 2 more",
      ].join("\n"),
      hint: 'Mend or remove these rows, or train without them: "data": { "onBadSample": "skip" }.',
    });
    assert.match((await failure("p0,label\n1,2\n\n3,4\n")).message, /1 row cannot be used\n {2}t\.csv:3: the line is empty$/);
    assert.match(
      (await failure("p0,label\n1e39,2\n")).message,
      /t\.csv:2: column "p0": expected a number, got 1e39, which is too large for float32$/,
    );
  });

  it("does not mind what columns hold that nobody asked for", async () => {
    assert.deepEqual(await valuesOf(await read("p0,note,label\n1,,a\n2,NaN,b\n")), Float32Array.of(1, 2));
  });

  it("names the line of a broken quote, also behind a quoted line end", async () => {
    assert.deepEqual(await failure('p0,label\n1,"a\nb"\n"2,c\n3,d\n'), {
      code: "data/table",
      message: "t.csv:4: a cell of this row starts with a quote that never closes",
      hint: undefined,
    });
    assert.match((await failure('p0,label\n1,a"b\n')).message, /^t\.csv:2: a cell of this row has a quote inside/);
    assert.match((await failure('p0,label\n1,"a"b\n')).message, /^t\.csv:2: a cell of this row goes on after its closing quote/);
  });

  it("refuses columns that are not there, with the nearest names", async () => {
    const text = "pixel0,label\n1,2\n";
    assert.deepEqual(await failure(text, ["pixel*"], ["lable"]), {
      code: "recipe/unknown-column",
      message: 'data.label: "lable" matches no column of t.csv',
      hint: 'Did you mean "label"?',
    });
    assert.deepEqual(await failure(text, ["pixel*", "!pixl0"]), {
      code: "recipe/unknown-column",
      message: 'data.features: "!pixl0" matches no column of t.csv',
      hint: 'Did you mean "pixel0"?',
    });
  });

  it("refuses a label among the features, an empty choice and a header with a name twice", async () => {
    assert.equal((await failure("p0,label\n1,2\n", ["*", "label"])).code, "recipe/label-feature");
    assert.equal((await failure("p0,label\n1,2\n", ["*", "!p0"])).code, "recipe/no-features");
    const twice = await failure("p0,label,p0\n1,2,3\n");
    assert.deepEqual([twice.code, twice.message], ["data/table", 't.csv:1: columns 1 and 3 are both named "p0"']);
  });

  it("refuses a missing file with the nearest names, a folder, and a table without rows", async () => {
    await read("p0,label\n1,2\n", ["p*"], ["label"], "digits.csv");
    const missing = await open(join(folder, "digit.csv")).catch((e: unknown) => e as EngineError);
    assert.ok(missing instanceof EngineError);
    assert.deepEqual([missing.code, missing.hint], ["data/no-file", 'Did you mean "digits.csv"?']);
    await assert.rejects(open(folder), { code: "data/unreadable", message: /it is a folder$/ });
    assert.deepEqual((await failure("")).message, "t.csv: expected a header and at least one row, got an empty file");
    assert.deepEqual((await failure("p0,label\n\n")).message, "t.csv: expected a header and at least one row, got only a header");
  });

  it("reads what was written, whatever the numbers, quotes and line ends", async () => {
    const cell = fc.string().filter((text) => text.trim() !== "");
    const row = fc.record({ number: fc.float({ noNaN: true, noDefaultInfinity: true }), label: cell });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1 }), fc.constantFrom("\n", "\r\n"), async (rows, end) => {
        const lines = rows.map(({ number, label }) => `${number},"${label.replaceAll('"', '""')}"`);
        const table = await read(["p0,label", ...lines].join(end));
        assert.deepEqual(
          await valuesOf(table),
          Float32Array.from(rows, (r) => Number(`${r.number}`)),
        );
        assert.deepEqual(
          table.labels.get("label"),
          rows.map((r) => r.label.trim()),
        );
      }),
      { numRuns: 50 },
    );
  });

  it("gives samples by index, and another content hash for other samples only", async () => {
    const table = await read("p0,p1,label\n1,2,a\n3,4,b\n");
    const { source } = table;
    const into = new Float32Array(5);
    await source.read(1, into, 2);
    assert.deepEqual(into, Float32Array.of(0, 0, 3, 4, 0));
    assert.deepEqual([source.count, source.sampleShape], [2, [2]]);
    assert.equal(source.describe(1), `${table.path}:3`);
    assert.equal((await read("p0,p1,label\n1,2,x\n3,4,y\n")).source.contentHash, source.contentHash);
    assert.notEqual((await read("p0,p1,label\n1,2,a\n3,5,b\n")).source.contentHash, source.contentHash);
    assert.notEqual((await read("p0,label\n1,a\n2,a\n3,b\n4,b\n")).source.contentHash, source.contentHash);
  });
});

describe("decimal numbers", () => {
  it("are read as people write them, and nothing else is", () => {
    const read = ["1", "-1.5", "+.5", "1.", "1e3", " 2E-2 ", "007"].map(parseDecimal);
    assert.deepEqual(read, [1, -1.5, 0.5, 1, 1000, 0.02, 7]);
    for (const text of ["", " ", "0x10", "1,5", "1 2", "NaN", "Infinity", "1e39", "--1", ".", "e5", "1_000", "1n"])
      assert.equal(parseDecimal(text), undefined, text);
  });
});
