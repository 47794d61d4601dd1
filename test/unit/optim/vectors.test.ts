import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { fillNormal, stream } from "../../../core/nn/random.js";
import { Arena, kernelsFor } from "../../../core/optim/arena.js";
import { clamp, mix, scale, sumOfSquares } from "../../../core/optim/vectors.js";

const lengths = [1, 2, 3, 4, 5, 37, 1024];

function normals(length: number, purpose: string): Float32Array {
  const values = new Float32Array(length);
  fillNormal(stream(11, purpose), values, 0, 3);
  return values;
}

/** The same numbers in memory that the kernels work on, and in memory that only the loops do. */
function both(...vectors: readonly Float32Array[]): { readonly kernel: readonly Float32Array[]; readonly loop: readonly Float32Array[] } {
  const arena = new Arena(vectors.map((v) => v.length));
  const kernel = vectors.map((v) => {
    const copy = arena.floats(v.length);
    copy.set(v);
    return copy;
  });
  assert.ok(kernelsFor(...kernel) !== undefined, "no kernel is used");
  return { kernel, loop: vectors.map((v) => v.slice()) };
}

describe("arithmetic on whole vectors", () => {
  for (const length of lengths) {
    it(`has the same bits in kernels and loops: ${length} elements`, () => {
      const { kernel, loop } = both(normals(length, "x"), normals(length, "y"));
      assert.equal(sumOfSquares(kernel[0]), sumOfSquares(loop[0]));
      const steps: readonly ((x: Float32Array, y: Float32Array) => void)[] = [
        (x) => void scale(x, 0.37),
        (x) => void clamp(x, 0.8),
        (x, y) => void mix(x, y, 0.9, 0.1),
        (x, y) => void mix(x, y, 1, 1 / 3),
      ];
      for (const step of steps) {
        const before = loop[0].slice();
        step(kernel[0], kernel[1]);
        step(loop[0], loop[1]);
        assert.deepEqual(kernel[0], loop[0]);
        if (length > 4) assert.notDeepEqual(loop[0], before);
      }
    });
  }

  it("gives what it says", () => {
    const x = Float32Array.of(1, -2, 3, -4, 5);
    assert.equal(sumOfSquares(x), 55);
    scale(x, 0.5);
    assert.deepEqual([...x], [0.5, -1, 1.5, -2, 2.5]);
    clamp(x, 1.25);
    assert.deepEqual([...x], [0.5, -1, 1.25, -1.25, 1.25]);
    mix(x, Float32Array.of(8, 8, 8, 8, 8), 0.5, 0.25);
    assert.deepEqual([...x], [2.25, 1.5, 2.625, 1.375, 2.625]);
  });

  it("leaves what lies behind a vector out of sums", () => {
    const arena = new Arena([5]);
    const x = arena.floats(5);
    x.set([1, 2, 3, 4, 5]);
    new Float32Array(x.buffer, x.byteOffset, 8).fill(Number.NaN, 5);
    assert.equal(sumOfSquares(x), 55);
  });

  it("does not lose numbers that are none", () => {
    const { kernel, loop } = both(Float32Array.of(1, Number.NaN, 3, 4));
    for (const [x] of [kernel, loop]) {
      clamp(x, 2);
      assert.deepEqual([...x], [1, Number.NaN, 2, 2]);
      assert.ok(Number.isNaN(sumOfSquares(x)));
    }
  });

  it("adds squares in float64", () => {
    const { kernel, loop } = both(Float32Array.from({ length: 4 }, (_, i) => (i === 0 ? 4096 : 2 ** -12)));
    for (const [x] of [kernel, loop]) assert.equal(sumOfSquares(x), 2 ** 24 + 3 * 2 ** -24);
  });
});
