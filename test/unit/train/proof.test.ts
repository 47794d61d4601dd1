import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { Tensor } from "../../../core/graph/types.js";
import { changedTensors, hashTensor, hashTensors, summariseProofs, type SpanProof } from "../../../core/train/proof.js";

describe("the hash of a tensor", () => {
  it("is SHA-256 over type, shape and little-endian bytes", () => {
    // printf 'float32[2,1]\n\x00\x00\x80\x3f\x00\x00\x00\xc0' | sha256sum
    assert.equal(hashTensor(tensorOf("float32", [1, -2], [2, 1])), "d10492e7839926f21827e52ddd806b494a13c769ceef448a32b37239ef7cf9fd");
    // printf 'int64[]\n\x05\x00\x00\x00\x00\x00\x00\x00' | sha256sum
    assert.equal(hashTensor(tensorOf("int64", [5], [])), "9d13cc24d80e50bb6e8bee34bb4fecab6f16174e113c95ac0d782104a4919b39");
  });

  it("tells strings apart by where they end", () => {
    const strings = (...texts: readonly string[]): Tensor => ({ dtype: "string", shape: [texts.length], data: texts.map((t) => Buffer.from(t)) });
    const length = (n: number): Buffer => Buffer.from([n, 0, 0, 0, 0, 0, 0, 0]);
    const expected = createHash("sha256").update("string[2]\n").update(length(2)).update("ab").update(length(1)).update("c").digest("hex");
    assert.equal(hashTensor(strings("ab", "c")), expected);
    assert.notEqual(hashTensor(strings("a", "bc")), expected);
  });

  it("differs for another type, shape or bit", () => {
    const base = tensorOf("float32", [0, 1, 2, 3], [2, 2]);
    const others = [
      { ...base, dtype: "int32" as const },
      { ...base, shape: [4] },
      { ...base, shape: [4, 1] },
      tensorOf("float32", [-0, 1, 2, 3], [2, 2]),
    ];
    assert.equal(new Set([base, ...others].map(hashTensor)).size, 5);
  });

  it("does not depend on where the bytes lie", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.nat(7), (bytes, offset) => {
        const moved = new Uint8Array(32);
        moved.set(bytes, offset);
        const tensor: Tensor = { dtype: "float32", shape: [2], data: bytes };
        assert.equal(hashTensor({ ...tensor, data: moved.subarray(offset, offset + 8) }), hashTensor(tensor));
      }),
    );
  });
});

describe("a proof", () => {
  const tensors: readonly (readonly [string, Tensor])[] = [
    ["a", tensorOf("float32", [1])],
    ["b", tensorOf("float32", [2])],
    ["__proto__", tensorOf("float32", [3])],
  ];
  const before = hashTensors(tensors);

  it("names what changed and what is gone", () => {
    assert.deepEqual(changedTensors(before, before), []);
    const after = hashTensors([tensors[0], ["b", tensorOf("float32", [2.5])]]);
    assert.deepEqual(changedTensors(before, after), ["b", "__proto__"]);
  });

  it("counts a tensor once over all spans, and as changed where one span saw that", () => {
    const span = (names: readonly string[], changed: readonly string[]): SpanProof => ({
      phase: "p",
      steps: [0, 1],
      before: Object.fromEntries(names.map((n) => [n, ""])),
      changed,
      readBack: false,
    });
    assert.deepEqual(summariseProofs([span(["a", "b", "c"], ["b"]), span(["a", "b"], [])]), { frozen: 3, unchanged: 2, changed: ["b"] });
    assert.deepEqual(summariseProofs([]), { frozen: 0, unchanged: 0, changed: [] });
  });
});
