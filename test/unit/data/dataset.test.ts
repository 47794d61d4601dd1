import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { describe, it } from "mocha";
import { ByteStore } from "../../../core/data/byte-store.js";
import { SampleStore } from "../../../core/data/sample-store.js";
import { encodeNpy } from "../../support/array-files.js";
import { dataFolder } from "../../support/datasets.js";

describe("a dataset", () => {
  const folder = dataFolder();
  const table = { features: ["p*"], label: "label" };

  it("joins the sources of its parts, of any kind, and takes the names of columns over", async () => {
    await folder.write({
      "train.csv": "p0,p1,label\n1,2,0\n3,4,1\n",
      "validation.jsonl": '{"p0":5,"p1":6,"label":1}\n',
      "x.npy": encodeNpy({ type: "u1", shape: [2, 2], values: [7, 8, 9, 10] }),
      "y.npy": encodeNpy({ type: "u1", shape: [2], values: [1, 0] }),
    });
    const settings = {
      csv: folder.path("train.csv"),
      ...table,
      validation: { jsonl: folder.path("validation.jsonl") },
      test: { npy: { samples: folder.path("x.npy"), labels: folder.path("y.npy") } },
    };
    const { dataset, values } = await folder.open(settings);
    assert.deepEqual([...values], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert.deepEqual(dataset.parts, Uint8Array.of(0, 0, 1, 2, 2));
    assert.deepEqual([...dataset.labels.columns], [["label", ["0", "1", "1", "1", "0"]]]);
    assert.deepEqual([...dataset.numbers], [1, 2, 1, 1, 2]);
    assert.deepEqual(
      [1, 2, 4].map((row) => dataset.labels.describe(row)),
      [`${folder.path("train.csv")}:3`, `${folder.path("validation.jsonl")}:1`, `${folder.path("x.npy")}[1]`],
    );
    assert.deepEqual(dataset.source.range, { minimum: 0, maximum: 255, whole: true });
    await folder.write({ "validation.jsonl": '{"p0":5,"p1":6,"label":0}\n' });
    const other = await folder.open(settings);
    assert.notEqual(other.dataset.identity, dataset.identity);
    assert.equal(other.dataset.source.contentHash, dataset.source.contentHash);
  });

  it("refuses sources whose samples differ in shape", async () => {
    await folder.write({ "a.csv": "p0,p1,label\n1,2,0\n", "b.csv": "p0,label\n1,0\n" });
    const { code, message } = await folder.failure({ csv: folder.path("a.csv"), ...table, test: { csv: folder.path("b.csv") } });
    assert.deepEqual([code, message], ["data/shape", "samples of b.csv have the shape [1], those of a.csv have [2]"]);
    await folder.write({ "c.csv": "p0,p1,a,b\n1,2,0,1\n" });
    assert.equal(
      (await folder.failure({ csv: folder.path("a.csv"), ...table, test: { csv: folder.path("c.csv"), label: ["a", "b"] } })).message,
      "c.csv has 2 label columns (a, b), a.csv has 1 (label)",
    );
  });

  it("takes parts from a column, which is no feature, and refuses names that it does not know", async () => {
    await folder.write({ "a.csv": "p0,part,label\n1,train,0\n2,dev,1\n3,test,0\n" });
    const settings = { csv: folder.path("a.csv"), ...table, split: { column: "part", names: { validation: "dev" } } };
    const { dataset, values } = await folder.open(settings);
    assert.deepEqual([[...values], dataset.parts], [[1, 2, 3], Uint8Array.of(0, 1, 2)]);
    const unnamed = { ...settings, split: { column: "part" } };
    assert.equal(
      (await folder.failure(unnamed)).message,
      'a.csv: 1 row cannot be used\n  a.csv:3: column "part": expected "train" or "validation" or "test", got "dev"',
    );
    const { dataset: left } = await folder.open(unnamed, "skip");
    assert.deepEqual([[...left.numbers], left.parts, left.labels.columns.get("label")], [[1, 3], Uint8Array.of(0, 2), ["0", "0"]]);
    assert.equal(
      (await folder.failure({ ...settings, split: { column: "parts" } })).message,
      'data.split.column: "parts" matches no column of a.csv',
    );
  });

  it("leaves bad rows of a table out where that is wished", async () => {
    await folder.write({ "a.csv": "p0,label\n1,a\nx,b\n2,\n\n4,d\n5\n" });
    const { dataset, values, bad } = await folder.open({ csv: folder.path("a.csv"), ...table }, "skip");
    assert.deepEqual(
      [[...values], dataset.labels.columns.get("label"), [...dataset.numbers]],
      [
        [1, 4],
        ["a", "d"],
        [1, 5],
      ],
    );
    assert.equal(bad.count, 4);
    assert.equal(dataset.source.describe(1), `${folder.path("a.csv")}:6`);
  });
});

describe("samples that were decoded", () => {
  const folder = dataFolder();

  it("are the same from memory and from a file that nobody sees", async () => {
    const sources = [Infinity, 100_000].map((limit) => {
      const store = new SampleStore([3], folder.path("spill"), limit);
      for (let i = 0; i < 100_000; i += 1) {
        store.next().set([i, -i, i / 2]);
        store.keep();
      }
      return store.finish((row) => `#${row}`);
    });
    assert.deepEqual(await readdir(folder.path("spill")), []);
    assert.equal(sources[0].contentHash, sources[1].contentHash);
    assert.deepEqual(sources[1].range, { minimum: -99_999, maximum: 99_999, whole: false });
    for (const source of sources) {
      const into = new Float32Array(5);
      for (const row of [0, 99_999, 21_845, 50_001]) {
        await source.read(row, into, 1);
        assert.deepEqual(into, Float32Array.of(0, row, -row, row / 2, 0));
      }
      source.close();
    }
  });

  it("are bytes that can be read at any place, across pieces", () => {
    const bytes = Uint8Array.from({ length: 2 ** 23 + 77 }, (_, i) => (i * 7919) >> 3);
    for (const limit of [Infinity, 2 ** 22]) {
      const store = new ByteStore(folder.path("spill"), limit);
      for (let at = 0; at < bytes.length; at += 1_000_003) store.append(bytes.subarray(at, at + 1_000_003));
      const into = new Uint8Array(4_900_000);
      store.read(3_456_789, into);
      assert.deepEqual(into, bytes.slice(3_456_789, 8_356_789));
      store.close();
    }
  });

  it("say where there is no room for them", async () => {
    await folder.write({ file: "" });
    const store = new ByteStore(folder.path("file"), 1);
    assert.throws(() => store.append(new Uint8Array(2)), { code: "data/spill", message: /cannot be kept in ".*file": / });
  });
});
