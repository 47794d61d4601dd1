import assert from "node:assert/strict";
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import * as ort from "onnxruntime-node";
import { exitCodeOf } from "../../../core/errors.js";
import { float32Of, tensorOf } from "../../../core/graph/tensor.js";
import type { Model, Tensor } from "../../../core/graph/types.js";
import { decodeModel } from "../../../core/onnx/decode.js";
import { encodeModel } from "../../../core/onnx/encode.js";
import { readModel, writeModel } from "../../../core/onnx/file.js";
import { TensorProtoSchema } from "../../../core/onnx/generated/onnx_pb.js";
import { failure } from "../../support/failure.js";
import { floatValue, messageOf, modelBytes, node } from "../../support/onnx-messages.js";

const entriesOf = (fields: Readonly<Record<string, string>>) => Object.entries(fields).map(([key, value]) => ({ key, value }));

/** y = x + w, with w [4] in another file. */
function externalModel(fields: Readonly<Record<string, string>>): Uint8Array {
  const w = create(TensorProtoSchema, { name: "w", dims: [4n], dataType: 1, dataLocation: 1, externalData: entriesOf(fields) });
  return modelBytes({
    name: "g",
    node: [node("Add", ["x", "w"], ["y"])],
    input: [floatValue("x", [4])],
    output: [floatValue("y", [4])],
    initializer: [w],
  });
}

/** y = x + w, with w of `count` elements inside. */
function internalModel(count: number): Model {
  const w = tensorOf(
    "float32",
    Float32Array.from({ length: count }, (_, i) => i),
  );
  const bytes = modelBytes({
    name: "g",
    node: [node("Add", ["x", "w"], ["y"])],
    input: [floatValue("x", [count])],
    output: [floatValue("y", [count])],
    initializer: [create(TensorProtoSchema, { name: "w", dims: [BigInt(count)], dataType: 1, rawData: w.data as Uint8Array })],
  });
  return decodeModel(bytes);
}

const weight = (model: Model): readonly number[] => [...float32Of(model.graph.initializers.get("w") as Tensor)];

describe("tensors in other files", () => {
  let root: string;
  let folder: string;
  let path: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "frostline-"));
    folder = join(root, "models");
    path = join(folder, "m.onnx");
    await mkdir(folder);
    await writeFile(join(folder, "w.bin"), new Uint8Array(Float32Array.of(9, 1, 2, 3, 4, 9).buffer));
    await writeFile(join(root, "outside.bin"), new Uint8Array(16));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it("are read from their range", async () => {
    await writeFile(path, externalModel({ location: "w.bin", offset: "4", length: "16" }));
    assert.deepEqual(weight(await readModel(path)), [1, 2, 3, 4]);
  });

  it("are read without a length, and from a folder inside", async () => {
    await mkdir(join(folder, "data"));
    await writeFile(join(folder, "data", "w.bin"), new Uint8Array(Float32Array.of(5, 6, 7, 8).buffer));
    await writeFile(path, externalModel({ location: "data/w.bin" }));
    assert.deepEqual(weight(await readModel(path)), [5, 6, 7, 8]);
  });

  it("are read from beyond 2 GiB, each by its own range", async () => {
    const offset = 2 ** 31 + 4096;
    const file = await open(join(folder, "big.bin"), "w");
    await file.write(new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer), 0, 16, offset);
    await file.close();
    await writeFile(path, externalModel({ location: "big.bin", offset: String(offset), length: "16" }));
    assert.deepEqual(weight(await readModel(path)), [1, 2, 3, 4]);
  });

  const refused: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
    ["a path upwards", { location: "../outside.bin" }, /the path leaves the model's folder/],
    ["a path upwards in disguise", { location: "data/../../outside.bin" }, /the path leaves the model's folder/],
    ["an absolute path", { location: "/etc/hostname" }, /the path is absolute/],
    ["an absolute Windows path", { location: "C:\\data.bin" }, /the path is absolute/],
    ["a symbolic link that leads out", { location: "link.bin" }, /a symbolic link leads out/],
    ["a linked folder that leads out", { location: "linked/outside.bin" }, /a symbolic link leads out/],
    ["the folder itself", { location: "." }, /leaves the model's folder/],
    ["a folder", { location: "sub" }, /not a regular file/],
    ["no path", {}, /no file is named/],
    ["a file that is not there", { location: "none.bin" }, /no such file/],
    ["a range beyond the end", { location: "w.bin", offset: "12" }, /expected bytes 12 to 28, the file has 24/],
    ["an offset that is no number", { location: "w.bin", offset: "-4" }, /offset is "-4"/],
  ];
  for (const [what, fields, message] of refused) {
    it(`are refused by name: ${what}`, async () => {
      await symlink(join(root, "outside.bin"), join(folder, "link.bin"));
      await symlink(root, join(folder, "linked"));
      await mkdir(join(folder, "sub"));
      await writeFile(path, externalModel(fields));
      const error = await failure("model/external-data", () => readModel(path));
      assert.match(error.message, /tensor "w"/);
      assert.match(error.message, message);
      assert.equal(exitCodeOf(error), 3);
    });
  }

  it("are refused where their length does not fit their shape", async () => {
    await writeFile(path, externalModel({ location: "w.bin", length: "12" }));
    assert.match((await failure("model/tensor-size", () => readModel(path))).message, /expected 16 bytes, got 12/);
  });

  it("are refused in bytes without a folder", () =>
    failure("model/external-data", () => decodeModel(externalModel({ location: "w.bin" }))).then(() => undefined));

  it("are taken into the model when it is written to bytes", async () => {
    await writeFile(path, externalModel({ location: "w.bin", offset: "4" }));
    const [w] = messageOf(encodeModel(await readModel(path))).graph?.initializer ?? [];
    assert.deepEqual([w.rawData.length, w.dataLocation, w.externalData], [16, 0, []]);
  });
});

describe("writing a model file", () => {
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "frostline-"))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("makes one file where it fits", async () => {
    const path = join(folder, "m.onnx");
    const model = internalModel(1000);
    await writeModel(model, path);
    assert.deepEqual(await readdir(folder), ["m.onnx"]);
    assert.deepEqual(new Uint8Array(await readFile(path)), encodeModel(model));
  });

  it("moves tensors of 1 KiB and more into a data file where it does not", async () => {
    const path = join(folder, "m.onnx");
    await writeModel(internalModel(1000), path, { limit: 2000 });
    assert.deepEqual((await readdir(folder)).sort(), ["m.onnx", "m.onnx.data"]);
    assert.equal((await stat(`${path}.data`)).size, 4000);
    assert.deepEqual(weight(await readModel(path)), weight(internalModel(1000)));
    const session = await ort.InferenceSession.create(path);
    const { y } = await session.run({ x: new ort.Tensor("float32", new Float32Array(1000).fill(1), [1000]) });
    await session.release();
    assert.deepEqual([...(y.data as Float32Array)].slice(0, 3), [1, 2, 3]);
  });

  it("keeps a data file for a model that came with one, and small tensors out of it", async () => {
    const path = join(folder, "m.onnx");
    await writeModel(internalModel(1000), path, { limit: 2000 });
    const copy = join(folder, "copy.onnx");
    await writeModel(await readModel(path), copy);
    assert.deepEqual(new Uint8Array(await readFile(`${copy}.data`)), new Uint8Array(await readFile(`${path}.data`)));
    const small = messageOf(externalModel({ location: "none" }));
    assert.equal(small.graph?.initializer[0].dataLocation, 1);
    await writeFile(join(folder, "w.bin"), new Uint8Array(16));
    await writeFile(join(folder, "small.onnx"), externalModel({ location: "w.bin" }));
    const out = join(folder, "out.onnx");
    await writeModel(await readModel(join(folder, "small.onnx")), out);
    assert.equal(messageOf(new Uint8Array(await readFile(out))).graph?.initializer[0].rawData.length, 16);
  });

  it("can replace the files that it was read from", async () => {
    const path = join(folder, "m.onnx");
    await writeModel(internalModel(1000), path, { limit: 2000 });
    await writeModel(await readModel(path), path);
    assert.deepEqual(weight(await readModel(path)), weight(internalModel(1000)));
  });

  it("says what hinders it, and leaves earlier files as they were", async () => {
    const error = await failure("run/not-writable", () => writeModel(internalModel(4), join(folder, "none", "m.onnx")));
    assert.match(error.message, /no such file or folder/);
    assert.equal(exitCodeOf(error), 4);
    await mkdir(join(folder, "m.onnx"));
    await writeFile(join(folder, "m.onnx.data"), "earlier");
    await failure("run/not-writable", () => writeModel(internalModel(1000), join(folder, "m.onnx"), { limit: 2000 }));
    assert.deepEqual((await readdir(folder)).sort(), ["m.onnx", "m.onnx.data"]);
    assert.equal(await readFile(join(folder, "m.onnx.data"), "utf8"), "earlier");
  });

  it("refuses what no file can hold", async () => {
    const error = await failure("model/too-large", () => writeModel(internalModel(100), join(folder, "m.onnx"), { limit: 100 }));
    assert.match(error.message, /which ends at 100/);
  });
});
