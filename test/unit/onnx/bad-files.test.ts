import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { EngineError, exitCodeOf } from "../../../core/errors.js";
import { decodeModel } from "../../../core/onnx/decode.js";
import { readModel } from "../../../core/onnx/file.js";
import { bytesOfFile, floatValue, modelBytes, node, realModels } from "../../support/onnx-messages.js";
import { failure } from "../../support/failure.js";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => () => decodeModel(bytes, { path: "m.onnx" });

describe("files that are no model", () => {
  const kinds: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["JSON", encode('{"format": "graph-model"}'), /got JSON/],
    ["a web page", encode("<!DOCTYPE html><html></html>"), /got an HTML/],
    ["a Git LFS pointer", encode("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), /got a Git LFS pointer/],
    ["text", encode("x,y\n1,2\n"), /got text/],
    ["a zip archive", Uint8Array.of(0x50, 0x4b, 3, 4, 20, 0), /got a zip archive/],
    ["a pickle", Uint8Array.of(0x80, 2, 0x8a), /got a Python pickle/],
    ["other binary data", Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0), /got binary data/],
  ];
  for (const [what, bytes, message] of kinds) {
    it(`are told apart: ${what}`, async () => {
      const error = await failure("model/not-onnx", decode(bytes));
      assert.match(error.message, /model "m\.onnx": expected an ONNX model/);
      assert.match(error.message, message);
      assert.ok(error.hint);
      assert.equal(exitCodeOf(error), 3);
    });
  }

  it("are told apart: an empty file", async () => {
    const error = await failure("model/empty", decode(new Uint8Array(0)));
    assert.match(error.message, /"m\.onnx".*empty/);
  });

  it("are told apart: a model whose end is missing", async () => {
    const whole = bytesOfFile(realModels[4]);
    const error = await failure("model/cut-off", decode(whole.subarray(0, 100_000)));
    assert.match(error.message, /cut off: expected at least \d+ bytes, got 100000/);
  });

  it("give one error of the model wherever a file is cut", () => {
    const whole = modelBytes(
      { name: "g", node: [node("Relu", ["x"], ["y"])], input: [floatValue("x", [2])], output: [floatValue("y", [2])] },
      { producerName: "test" },
    );
    for (let end = 0; end < whole.length; end++) {
      assert.throws(
        decode(whole.subarray(0, end)),
        (error) => error instanceof EngineError && /^model\/(empty|cut-off|incomplete|not-onnx)$/.test(error.code),
      );
    }
    assert.equal(decodeModel(whole).graph.nodes.length, 1);
  });

  it("give one error of the model for any bytes", () => {
    const isClear = (error: unknown): boolean => error instanceof EngineError && error.code.startsWith("model/");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => assert.throws(decode(bytes), isClear)),
      { numRuns: 2000, seed: 3 },
    );
  });

  it("give one error, or a model, for a model with damaged bytes", () => {
    const whole = bytesOfFile(realModels[4]).subarray();
    fc.assert(
      fc.property(fc.nat(6000), fc.nat(255), (at, byte) => {
        const damaged = whole.slice();
        damaged[at < 3000 ? at : whole.length - at + 2999] = byte;
        try {
          decodeModel(damaged);
        } catch (error) {
          assert.ok(error instanceof EngineError && error.code.startsWith("model/"), String(error));
        }
      }),
      { numRuns: 300, seed: 4 },
    );
  });

  it("lack a graph or an opset", async () => {
    const bytes = modelBytes({ name: "g" });
    assert.match((await failure("model/incomplete", decode(bytes.subarray(0, 2)))).message, /with a graph/);
    assert.match((await failure("model/incomplete", decode(Uint8Array.of(8, 9, 0x3a, 0)))).message, /with an opset/);
  });
});

describe("paths that cannot be read", () => {
  let folder: string;
  before(async () => void (folder = await mkdtemp(join(tmpdir(), "frostline-"))));
  after(() => rm(folder, { recursive: true, force: true }));

  it("are missing", async () => {
    const error = await failure("model/file-missing", () => readModel(join(folder, "none.onnx")));
    assert.match(error.message, /none\.onnx": no such file/);
  });

  it("are folders", () => failure("model/is-folder", () => readModel(folder)).then(() => undefined));

  it("are not allowed", async function () {
    const path = join(folder, "locked.onnx");
    await writeFile(path, modelBytes({ name: "g" }));
    await chmod(path, 0);
    // Root, and Windows, read it all the same.
    if (process.getuid?.() === 0 || process.platform === "win32") return this.skip();
    const error = await failure("model/not-readable", () => readModel(path));
    assert.match(error.message, /no permission/);
  });
});

describe("models outside the opsets that are known", () => {
  const withOpset = (domain: string, version: bigint, opType = "Relu", nodeDomain = "") =>
    modelBytes(
      { name: "g", node: [node(opType, ["x"], ["y"], { domain: nodeDomain })], input: [floatValue("x", [1])], output: [{ name: "y" }] },
      { opsetImport: [{ domain, version }] },
    );

  for (const version of [6n, 24n]) {
    it(`are refused: ai.onnx ${version}`, async () => {
      const error = await failure("model/opset", decode(withOpset("", version)));
      assert.match(error.message, new RegExp(`"ai.onnx": expected 7 to 23, got ${version}`));
    });
  }
  for (const version of [7n, 23n])
    it(`are read: ai.onnx ${version}`, () => void assert.equal(decode(withOpset("ai.onnx", version))().graph.opsets.get(""), Number(version)));

  it("are read where another domain has any version", () => {
    assert.equal(decode(withOpset("test", 99n, "Op", "test"))().graph.opsets.get("test"), 99);
  });

  it("are refused where ai.onnx is used and not imported", async () => {
    assert.match((await failure("model/opset", decode(withOpset("test", 1n)))).message, /got none/);
  });
});
