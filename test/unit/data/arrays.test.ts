import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { zipSync } from "fflate";
import { describe, it } from "mocha";
import { float16ToFloat } from "../../../core/graph/half.js";
import { encodeIdx, encodeNpy, encodeNpyBytes, encodeTexts, encodeZip64, idxTypes, npyTypes } from "../../support/array-files.js";
import { dataFolder } from "../../support/datasets.js";

const bits = (type: string): number => 8 * Number(type[1]);

/** Numbers that an element type holds, whatever it is. */
function elementsOf(type: string): fc.Arbitrary<number> {
  if (type === "b1") return fc.constantFrom(0, 1);
  if (type === "f2") return fc.integer({ min: 0, max: 0xffff }).map(float16ToFloat).filter(Number.isFinite);
  if (type.startsWith("f")) return fc.float({ noNaN: true, noDefaultInfinity: true });
  const size = Math.min(bits(type), 53);
  const least = type.startsWith("u") ? 0 : -(2 ** (size - 1));
  return fc.integer({
    min: Math.max(least, Number.MIN_SAFE_INTEGER),
    max: Math.min(2 ** (type.startsWith("u") ? size : size - 1) - 1, Number.MAX_SAFE_INTEGER),
  });
}

/** A shape, and as many values of a type. */
function arrayOf<T extends string>(
  types: readonly T[],
): fc.Arbitrary<{ readonly type: T; readonly shape: readonly number[]; readonly values: readonly number[] }> {
  return fc.tuple(fc.constantFrom(...types), fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })).chain(([type, shape]) => {
    const total = shape.reduce((product, size) => product * size, 1);
    return fc.record({
      type: fc.constant(type),
      shape: fc.constant(shape),
      values: fc.array(elementsOf(type), { minLength: total, maxLength: total }),
    });
  });
}

const labels = (count: number): Uint8Array => encodeNpy({ type: "i8", shape: [count], values: Array.from({ length: count }, (_, i) => i % 3) });
const sampleShape = (shape: readonly number[]): readonly number[] => (shape.length === 1 ? [1] : shape.slice(1));

describe("arrays in .npy files", () => {
  const folder = dataFolder();
  const npy = (): { npy: { samples: string; labels: string } } => ({ npy: { samples: folder.path("x.npy"), labels: folder.path("y.npy") } });

  it("are read as they were written: every type, shape, byte order, axis order and version", async () => {
    const options = fc.record({ bigEndian: fc.boolean(), fortran: fc.boolean(), version: fc.constantFrom(1, 2, 3) });
    await fc.assert(
      fc.asyncProperty(arrayOf(npyTypes), options, async (array, how) => {
        await folder.write({ "x.npy": encodeNpy({ ...array, ...how }), "y.npy": labels(array.shape[0]) });
        const { dataset, values } = await folder.open(npy());
        assert.deepEqual(dataset.source.sampleShape, sampleShape(array.shape));
        assert.deepEqual(values, Float32Array.from(array.values));
        const { minimum, maximum } = dataset.source.range;
        assert.ok(values.every((value) => value >= minimum && value <= maximum));
      }),
      { numRuns: 150 },
    );
  });

  it("turn labels of two axes into a column each, and take text for names", async () => {
    const x = encodeNpy({ type: "f4", shape: [3, 2], values: [1, 2, 3, 4, 5, 6] });
    for (const fortran of [false, true]) {
      await folder.write({ "x.npy": x, "y.npy": encodeNpy({ type: "f8", shape: [3, 2], values: [1, 2, 3, 4, 5, 6], fortran }) });
      assert.deepEqual([...(await folder.open(npy())).dataset.labels.columns], [["labels[0]", Float64Array.of(1, 3, 5)], ["labels[1]", Float64Array.of(2, 4, 6)]]); // prettier-ignore
    }
    await folder.write({ "y.npy": encodeTexts(["cat", "Häuser", "𝒳"]) });
    assert.deepEqual([...(await folder.open(npy())).dataset.labels.columns], [["labels", ["cat", "Häuser", "𝒳"]]]);
    await folder.write({ "y.npy": encodeNpyBytes({ descr: "'|S3'", shape: [3], bytes: Buffer.from("a\0\0bcdx\0\0") }) });
    assert.deepEqual([...(await folder.open(npy())).dataset.labels.columns], [["labels", ["a", "bcd", "x"]]]);
  });

  it("take labels however long their text is, and refuse those that hold nothing, whatever size they claim", async () => {
    const samples = encodeNpy({ type: "f4", shape: [2], values: [1, 2] });
    const long = "a".repeat(200_000);
    await folder.write({ "x.npy": samples, "y.npy": encodeTexts([long, "b"]) });
    assert.deepEqual([...(await folder.open(npy())).dataset.labels.columns.values()], [[long, "b"]]);
    const refused: readonly (readonly [string, readonly number[], RegExp])[] = [
      ["'<U0'", [2], /expected a label for each sample, got text without characters/],
      ["'|S0'", [2, 999_999_999], /expected a label for each sample, got text without characters/],
      ["'<i8'", [2, 0], /expected labels of one or two axes, .* got the shape \[2, 0\]/],
    ];
    for (const [descr, shape, message] of refused) {
      await folder.write({ "x.npy": samples, "y.npy": encodeNpyBytes({ descr, shape, bytes: new Uint8Array(0) }) });
      await assert.rejects(folder.open(npy()), { code: "data/array", message });
    }
  });

  it("name a sample by its index, and make another identity of any other byte", async () => {
    const identities = new Set<string>();
    const contents = new Set<string>();
    for (const [x, y] of [
      [
        [1, 2],
        [0, 1],
      ],
      [
        [1, 3],
        [0, 1],
      ],
      [
        [1, 2],
        [1, 1],
      ],
    ]) {
      await folder.write({ "x.npy": encodeNpy({ type: "u1", shape: [2], values: x }), "y.npy": encodeNpy({ type: "u1", shape: [2], values: y }) });
      const { dataset } = await folder.open(npy());
      identities.add(dataset.identity);
      contents.add(dataset.source.contentHash);
      assert.equal(dataset.source.describe(1), `${folder.path("x.npy")}[1]`);
    }
    // Labels do not decide what samples are.
    assert.deepEqual([identities.size, contents.size], [3, 2]);
  });

  it("leave samples out that are not finite, or refuse them by name", async () => {
    const values = [1, 2, NaN, 4, Infinity, 6, 7, 1e39];
    for (const fortran of [false, true]) {
      await folder.write({ "x.npy": encodeNpy({ type: "f8", shape: [4, 2], values, fortran }), "y.npy": labels(4) });
      const { code, message } = await folder.failure(npy());
      assert.equal(code, "data/rows");
      const problem = "expected finite numbers in the range of float32, got another";
      assert.equal(message, ["x.npy: 3 rows cannot be used", ...[1, 2, 3].map((i) => `  x.npy[${i}]: ${problem}`)].join("\n"));
      const { dataset, values: left, bad } = await folder.open(npy(), "skip");
      assert.deepEqual([[...left], [...dataset.numbers], bad.count], [[1, 2], [1], 3]);
      assert.deepEqual(dataset.labels.columns.get("labels"), Float64Array.of(0));
    }
  });

  it("are refused where they are cut off, too long, no arrays, or of a type without numbers", async () => {
    const x = encodeNpy({ type: "f4", shape: [3, 2], values: [1, 2, 3, 4, 5, 6] });
    const messages: Readonly<Record<string, readonly [Uint8Array, RegExp]>> = {
      empty: [new Uint8Array(0), /^x\.npy: expected a NumPy array file \(\.npy\), got an empty file$/],
      other: [Buffer.from("p0,label\n1,2\n"), /got a file that begins with 70 30 2c 6c 61 62$/],
      pickle: [Uint8Array.of(0x80, 4, 0x95, 1), /got a pickle, which is never read$/],
      zip: [zipSync({ "x.npy": x }), /got a zip archive \(write it as npz\)$/],
      "cut off": [x.subarray(0, -4), /^x\.npy: the file is cut off: float32 \[3, 2\] takes 24 bytes, got 20$/],
      "cut in its header": [x.subarray(0, 40), /^x\.npy: the file is cut off within its header$/],
      "too long": [Buffer.concat([x, Buffer.from("abc")]), /^x\.npy: the file goes on behind the array: .* takes 24 bytes, got 27$/],
      version: [encodeNpyBytes({ descr: "'<f4'", shape: [1], version: 4, bytes: new Uint8Array(4) }), /version 1, 2 or 3, got 4$/],
      objects: [encodeNpyBytes({ descr: "'|O'", shape: [1], bytes: new Uint8Array(8) }), /got Python objects \(a pickle, which is never read\)$/],
      complex: [encodeNpyBytes({ descr: "'<c8'", shape: [1], bytes: new Uint8Array(8) }), /got complex numbers$/],
      dates: [encodeNpyBytes({ descr: "'<M8[s]'", shape: [1], bytes: new Uint8Array(8) }), /got dates$/],
      records: [encodeNpyBytes({ descr: "[('a', '<f4')]", shape: [1], bytes: new Uint8Array(4) }), /got a structured type/],
      text: [encodeTexts(["a"]), /^x\.npy: expected numbers, got text$/],
      scalar: [
        encodeNpyBytes({ descr: "'<f4'", shape: [], bytes: new Uint8Array(4) }),
        /at least one sample along the first axis, got the shape \[\]$/,
      ],
      none: [
        encodeNpyBytes({ descr: "'<f4'", shape: [0, 2], bytes: new Uint8Array(0) }),
        /at least one sample along the first axis, got the shape \[0, 2\]$/,
      ],
      header: [encodeNpyBytes({ descr: "<f4", shape: [1], bytes: new Uint8Array(4) }), /its header does not say type, order and shape$/],
    };
    await folder.write({ "y.npy": labels(3) });
    for (const [what, [bytes, expected]] of Object.entries(messages)) {
      await folder.write({ "x.npy": bytes });
      const { code, message } = await folder.failure(npy());
      assert.equal(code, "data/array", what);
      assert.match(message, expected, what);
    }
    await folder.write({ "x.npy": x, "y.npy": labels(4) });
    assert.deepEqual(await folder.failure(npy()), {
      code: "data/labels",
      message: "y.npy: expected 3 labels, one for each sample of x.npy [3, 2], got the shape [4]",
      hint: undefined,
    });
    assert.equal((await folder.failure({ npy: { samples: folder.path("xx.npy"), labels: folder.path("y.npy") } })).code, "data/no-file");
  });
});

describe("arrays in .npz archives", () => {
  const folder = dataFolder();
  const npz = (): { npz: string; features: string; label: string } => ({ npz: folder.path("a.npz"), features: "x", label: "y" });

  it("are read as they were written, compressed, stored and with zip64 fields", async () => {
    await fc.assert(
      fc.asyncProperty(arrayOf(npyTypes), fc.boolean(), fc.constantFrom("deflated", "stored", "zip64"), async (array, fortran, how) => {
        const members = { "other.npy": encodeTexts(["a", "b"]), "x.npy": encodeNpy({ ...array, fortran }), "y.npy": labels(array.shape[0]) };
        await folder.write({ "a.npz": how === "zip64" ? encodeZip64(members) : zipSync(members, { level: how === "stored" ? 0 : 6 }) });
        const { dataset, values } = await folder.open(npz());
        assert.deepEqual(dataset.source.sampleShape, sampleShape(array.shape));
        assert.deepEqual(values, Float32Array.from(array.values));
        assert.equal(dataset.labels.columns.get("y")?.length, array.shape[0]);
      }),
      { numRuns: 60 },
    );
  });

  it("say with one of them which part a sample belongs to", async () => {
    const x = encodeNpy({ type: "u1", shape: [4], values: [1, 2, 3, 4] });
    await folder.write({ "a.npz": zipSync({ "x.npy": x, "y.npy": labels(4), "part.npy": encodeTexts(["train", "test", "train", "val"]) }) });
    const { dataset } = await folder.open({ ...npz(), split: { column: "part", names: { validation: "val" } } });
    assert.deepEqual(dataset.parts, Uint8Array.of(0, 2, 0, 1));
  });

  it("are refused by name where they are not there, and where the archive is harmed", async () => {
    const x = encodeNpy({ type: "f4", shape: [2, 500], values: Array.from({ length: 1000 }, (_, i) => i % 7) });
    const whole = zipSync({ "xs.npy": x, "y.npy": labels(2) });
    await folder.write({ "a.npz": whole });
    assert.deepEqual(await folder.failure(npz()), {
      code: "recipe/unknown-array",
      message: 'data.features: a.npz has no array "x"',
      hint: 'Did you mean "xs" or "y"?',
    });
    assert.match((await folder.failure({ ...npz(), features: ["xs", "y"] })).message, /expected the name of one array of a\.npz, got 2$/);
    await folder.write({ "a.npz": whole.subarray(0, -30) });
    assert.match((await folder.failure(npz())).message, /^a\.npz: the file is cut off: its list of members is missing$/);
    await folder.write({ "a.npz": Buffer.from("no archive at all, but long enough to be one") });
    assert.match((await folder.failure(npz())).message, /^a\.npz: expected a zip archive \(\.npz\), got another file$/);
    const harmed = Uint8Array.from(whole);
    harmed.fill(0x55, 60, 90);
    await folder.write({ "a.npz": harmed });
    const { code, message } = await folder.failure({ ...npz(), features: "xs" });
    assert.equal(code, "data/array");
    assert.match(message, /^a\.npz: member "xs\.npy": its (compressed bytes are damaged|checksum is not what the list of members says)$/);
  });
});

describe("IDX files", () => {
  const folder = dataFolder();
  const idx = (): { idx: { samples: string; labels: string } } => ({ idx: { samples: folder.path("x"), labels: folder.path("y") } });

  it("are read as they were written, gzipped or not", async () => {
    const types = Object.keys(idxTypes) as (keyof typeof idxTypes)[];
    await fc.assert(
      fc.asyncProperty(arrayOf(types), fc.boolean(), async ({ type, shape, values: written }, gzipped) => {
        const pack = (bytes: Uint8Array): Uint8Array => (gzipped ? gzipSync(bytes) : bytes);
        const names = written.slice(0, shape[0]).map((_, i) => i % 3);
        await folder.write({ x: pack(encodeIdx(type, shape, written)), y: pack(encodeIdx("u1", [shape[0]], names)) });
        const { dataset, values } = await folder.open(idx());
        assert.deepEqual(dataset.source.sampleShape, sampleShape(shape));
        assert.deepEqual(values, Float32Array.from(written));
        assert.deepEqual(dataset.labels.columns.get("labels"), Float64Array.from(names));
      }),
      { numRuns: 60 },
    );
  });

  it("are refused where they are cut off or something else", async () => {
    const x = encodeIdx("u1", [2, 3], [1, 2, 3, 4, 5, 6]);
    await folder.write({ y: encodeIdx("u1", [2], [0, 1]) });
    const messages: readonly (readonly [Uint8Array, RegExp])[] = [
      [x.subarray(0, -1), /^x: the file is cut off: uint8 \[2, 3\] takes 6 bytes, got 5$/],
      [x.subarray(0, 9), /^x: the file is cut off within its header$/],
      [Buffer.concat([x, x]), /^x: the file goes on behind the array/],
      [Buffer.from("P5 28 28"), /^x: expected an IDX file, .*, got a file that begins with 50 35 20 32$/],
      [new Uint8Array(0), /got an empty file$/],
      [gzipSync(x).subarray(0, -12), /^x: it is cut off, or no gzip file: it cannot be unpacked$/],
    ];
    for (const [bytes, expected] of messages) {
      await folder.write({ x: bytes });
      const { code, message } = await folder.failure(idx());
      assert.equal(code, "data/array");
      assert.match(message, expected);
    }
  });
});
