import assert from "node:assert/strict";
import { basename } from "node:path";
import * as ort from "onnxruntime-node";
import { decodeModel } from "../../../core/onnx/decode.js";
import { encodeGraph, encodeModel } from "../../../core/onnx/encode.js";
import { readModel } from "../../../core/onnx/file.js";
import { assertSameFields, bytesOfFile, realModels } from "../../support/onnx-messages.js";
import { seededRandom } from "../../support/random.js";

describe("real models, read and written again", () => {
  for (const path of realModels) {
    it(`${basename(path)} comes back field by field`, async () => {
      const written = encodeModel(await readModel(path));
      assertSameFields(written, bytesOfFile(path));
    });

    it(`${basename(path)} computes the same on the runtime`, async () => {
      const model = await readModel(path);
      const expected = await outputsOf(bytesOfFile(path));
      assert.deepEqual(await outputsOf(encodeModel(model)), expected);
      assert.deepEqual(await outputsOf(encodeGraph(model.graph)), expected);
    });
  }

  it("keeps raw tensors as views on the file's bytes", () => {
    const bytes = bytesOfFile(realModels[4]);
    const { graph } = decodeModel(bytes);
    const tensors = [...graph.initializers.values()];
    assert.equal(tensors.length, 10);
    for (const { data } of tensors) assert.equal((data as Uint8Array).buffer, bytes.buffer);
  });
});

/** Sizes for the free axes of the real models' inputs; others are 1. */
const freeSizes: Readonly<Record<string, readonly number[]>> = { x: [1, 3, 64, 64], input: [1, 576] };

/** Outputs for random inputs. */
async function outputsOf(bytes: Uint8Array): Promise<Readonly<Record<string, unknown>>> {
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  const random = seededRandom(7);
  const feeds: Record<string, ort.Tensor> = {};
  for (const input of session.inputMetadata) {
    assert.ok(input.isTensor);
    const dims = input.shape.map((size, i) => (typeof size === "number" && size > 0 ? size : (freeSizes[input.name]?.[i] ?? 1)));
    const count = dims.reduce((n, d) => n * d, 1);
    feeds[input.name] =
      input.type === "int64"
        ? new ort.Tensor(
            "int64",
            BigInt64Array.from({ length: count }, () => 16000n),
            dims,
          )
        : new ort.Tensor("float32", Float32Array.from({ length: count }, random), dims);
  }
  const results = await session.run(feeds);
  await session.release();
  return Object.fromEntries(Object.entries(results).map(([name, { dims, data }]) => [name, { dims, data }]));
}
