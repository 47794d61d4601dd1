import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { byteSize, bytesOf, tensorOf } from "../../../core/graph/tensor.js";
import type { DType, Tensor } from "../../../core/graph/types.js";
import { decodeSafetensors, encodeSafetensors, readSafetensors, writeSafetensors, type Safetensors } from "../../../core/train/safetensors.js";
import { failure } from "../../support/failure.js";
import { thrown } from "../../support/graphs.js";

const dtypes: readonly DType[] = [
  "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool", "complex64",
  "float8e4m3fn", "float8e5m2",
]; // prettier-ignore

const tensorArbitrary: fc.Arbitrary<Tensor> = fc
  .record({ dtype: fc.constantFrom(...dtypes), shape: fc.array(fc.nat(4), { maxLength: 4 }) })
  .chain(({ dtype, shape }) => {
    const size = byteSize(dtype, shape.reduce((n, d) => n * d, 1)); // prettier-ignore
    return fc.uint8Array({ minLength: size, maxLength: size }).map((data): Tensor => ({ dtype, shape, data }));
  });

const contentArbitrary: fc.Arbitrary<Safetensors> = fc.record({
  tensors: fc.array(fc.tuple(fc.string({ unit: "binary" }), tensorArbitrary), { maxLength: 8 }).map((list) => new Map(list.filter(([n]) => n !== "__metadata__"))), // prettier-ignore
  metadata: fc.dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" })).map((entries) => new Map(Object.entries(entries))),
});

function plain({ tensors, metadata }: Safetensors): unknown {
  const list = [...tensors].map(([name, { dtype, shape, data }]) => ({
    name,
    dtype,
    shape: [...shape],
    bytes: Buffer.from(data as Uint8Array).toString("hex"),
  }));
  return { tensors: list.sort((a, b) => (a.name < b.name ? -1 : 1)), metadata: [...metadata].sort() };
}

/** A file with this header over `data` bytes. */
function fileOf(header: unknown, data = 0): Uint8Array {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(data)]);
}

const refused = (bytes: Uint8Array): string => {
  const error = thrown(() => decodeSafetensors(bytes, "x.safetensors"));
  assert.equal(error.code, "data/safetensors");
  return error.message;
};

describe("safetensors", () => {
  it("come back as they were written", () => {
    fc.assert(
      fc.property(contentArbitrary, (content) => {
        assert.deepEqual(plain(decodeSafetensors(encodeSafetensors(content), "x")), plain(content));
      }),
    );
  });

  it("take any name", () => {
    const tensors = new Map(["__proto__", "constructor", "", "ü/. "].map((name, i) => [name, tensorOf("int8", [i])]));
    const content = { tensors, metadata: new Map([["__proto__", "x"]]) };
    assert.deepEqual(plain(decodeSafetensors(encodeSafetensors(content), "x")), plain(content));
  });

  it("are laid out as the format says", () => {
    const tensors = new Map([
      ["b", tensorOf("uint8", [7], [1])],
      ["a", tensorOf("float32", [1, 2])],
    ]);
    const file = encodeSafetensors({ tensors, metadata: new Map([["k", "v"]]) });
    const length = Number(Buffer.from(file).readBigUInt64LE());
    assert.equal(length % 8, 0);
    const header: unknown = JSON.parse(Buffer.from(file.subarray(8, 8 + length)).toString());
    assert.deepEqual(header, {
      __metadata__: { k: "v" },
      a: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
      b: { dtype: "U8", shape: [1], data_offsets: [8, 9] },
    });
    assert.deepEqual([...file.subarray(8 + length)], [0, 0, 128, 63, 0, 0, 0, 64, 7]);
  });

  it("align every tensor to its element size", () => {
    fc.assert(
      fc.property(contentArbitrary, (content) => {
        for (const tensor of decodeSafetensors(encodeSafetensors(content), "x").tensors.values())
          assert.equal(bytesOf(tensor).byteOffset % Math.max(1, byteSize(tensor.dtype, 1)), 0);
      }),
    );
  });

  it("refuse element types that the format does not have", () => {
    const tensors = new Map([["t", tensorOf("float32", [1])], ["s", { dtype: "string", shape: [0], data: [] }]]); // prettier-ignore
    assert.equal(thrown(() => encodeSafetensors({ tensors, metadata: new Map() })).code, "model/dtype");
  });

  it("are refused with the reason where they are not sound", () => {
    const entry = (more: object): object => ({ t: { dtype: "F32", shape: [2], data_offsets: [0, 8], ...more } });
    assert.match(refused(new Uint8Array(3)), /expected at least 8 bytes, got 3/);
    assert.match(refused(fileOf({}).subarray(0, 9)), /header is said to be 2 bytes long, but the file ends after 9/);
    assert.match(refused(Buffer.alloc(8, 0xff)), /header is said to be 18446744073709551615 bytes/);
    assert.match(refused(fileOf("[]")), /not a JSON object/);
    assert.match(refused(fileOf("{")), /not a JSON object/);
    assert.match(refused(fileOf(entry({ dtype: "F33" }), 8)), /"t" has the unknown element type "F33"/);
    assert.match(refused(fileOf(entry({ shape: [-2] }), 8)), /expected a shape of whole numbers/);
    assert.match(refused(fileOf(entry({ data_offsets: [0] }), 8)), /expected two offsets/);
    assert.match(refused(fileOf(entry({ data_offsets: [0, 7] }), 7)), /float32 \[2\]\): expected 8 bytes, got 7/);
    assert.match(refused(fileOf(entry({}), 4)), /ends at byte 8, but the file has 4/);
    assert.match(refused(fileOf(entry({ data_offsets: [4, 12] }), 12)), /starts at byte 4 of the data, expected 0/);
    assert.match(refused(fileOf(entry({}), 9)), /end at byte 8 of the data, but there are 9/);
    assert.match(refused(fileOf({ __metadata__: { a: 1 } })), /__metadata__\.a is not a text/);
  });

  it("never fail otherwise, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), contentArbitrary, fc.nat(), (noise, content, at) => {
        const file = encodeSafetensors(content);
        file.set(noise.subarray(0, file.length), at % file.length > file.length - noise.length ? 0 : at % file.length);
        try {
          decodeSafetensors(file, "x");
        } catch (error) {
          assert.equal((error as { code?: string }).code, "data/safetensors", String(error));
        }
      }),
    );
  });
});

describe("safetensors files", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "frostline-safetensors-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("are written in one step, leaving nothing else behind", async () => {
    const path = join(folder, "sub", "c.safetensors");
    const content = { tensors: new Map([["w", tensorOf("float32", [1, 2, 3])]]), metadata: new Map([["a", "ü"]]) };
    await writeSafetensors(path, content);
    assert.deepEqual(plain(await readSafetensors(path)), plain(content));
    assert.deepEqual(await readdir(join(folder, "sub")), ["c.safetensors"]);
  });

  it("stay as they were where writing fails, and the error names the path", async () => {
    const path = join(folder, "c.safetensors");
    await writeFile(path, "before");
    const error = await failure("run/write", () => writeSafetensors(join(path, "d.safetensors"), { tensors: new Map(), metadata: new Map() }));
    assert.match(error.message, /cannot write ".*c\.safetensors.d\.safetensors": a part of the path is a file/);
    assert.equal(await readFile(path, "utf8"), "before");
  });

  it("tell of one that cannot be read", async () => {
    assert.match((await failure("data/safetensors", () => readSafetensors(join(folder, "none")))).message, /does not exist/);
  });
});
