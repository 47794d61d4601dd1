import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { EngineError } from "../../../core/errors.js";
import { fillNormal, fillUniform, integer, normal, permutation, philox, stream, uniform } from "../../../core/nn/random.js";

const hex = (block: Uint32Array): string => Array.from(block, (word) => word.toString(16).padStart(8, "0")).join(" ");

describe("random numbers", () => {
  it("gives the published test vectors of Philox4x32-10", () => {
    const block = new Uint32Array(4);
    philox(block, 0, 0, 0, 0, 0, 0);
    assert.equal(hex(block), "6627e8d5 e169c58d bc57ac4c 9b00dbd8");
    const ones = 0xffffffff;
    philox(block, ones, ones, ones, ones, ones, ones);
    assert.equal(hex(block), "408f276d 41c83b0e a20bc7c6 6d5451fd");
    philox(block, 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0);
    assert.equal(hex(block), "d16cfe09 94fdcceb 5001e420 24126ea1");
  });

  it("gives other numbers for another seed, purpose, counter or number of counters", () => {
    const streams = [
      stream(0, "shuffle"),
      stream(1, "shuffle"),
      stream(2 ** 32, "shuffle"),
      stream(2 ** 53 - 1, "shuffle"),
      stream(0, "shuffle\0"),
      stream(0, "dropout"),
      stream(0, ""),
      stream(0, "shuffle", 0),
      stream(0, "shuffle", 1),
      stream(0, "shuffle", 0, 0),
      stream(0, "shuffle", 0, 1),
      stream(0, "shuffle", 2 ** 32),
      stream(0, "a purpose longer than eight bytes"),
      stream(0, "a purpose longer than eight bits"),
    ];
    assert.equal(new Set(streams.map((s) => uniform(s, 0))).size, streams.length);
    assert.deepEqual(stream(7, "shuffle", 3), stream(7, "shuffle", 3));
  });

  it("refuses a seed that is not a safe non-negative integer", () => {
    for (const seed of [-1, 0.5, 2 ** 53, Number.NaN]) {
      assert.throws(
        () => stream(seed, "shuffle"),
        (error) => error instanceof EngineError && error.code === "recipe/seed" && error.message.includes(String(seed)),
      );
    }
  });

  it("fills arrays with the numbers of the same indices, wherever the fill starts", () => {
    const s = stream(5, "fill");
    const flat = new Float32Array(11);
    fillUniform(s, flat);
    assert.deepEqual(
      [...flat],
      Array.from(flat, (_, i) => uniform(s, i)),
    );
    const tail = new Float32Array(3);
    fillUniform(s, tail, 0, 1, 8);
    assert.deepEqual(tail, flat.subarray(8));
    const bell = new Float64Array(6);
    fillNormal(s, bell, 0, 1, 4);
    assert.deepEqual(
      [...bell],
      Array.from(bell, (_, i) => normal(s, 4 + i)),
    );
  });

  it("draws uniform numbers in [low, high) with the right mean and variance", () => {
    const drawn = new Float64Array(40_000);
    fillUniform(stream(1, "moments"), drawn, -2, 4);
    assert.ok(drawn.every((x) => x >= -2 && x < 4));
    const { mean, variance } = moments(drawn);
    assert.ok(Math.abs(mean - 1) < 0.05, String(mean));
    assert.ok(Math.abs(variance - 3) < 0.1, String(variance));
  });

  it("draws normal numbers with the right moments", () => {
    const drawn = new Float64Array(40_000);
    fillNormal(stream(1, "moments"), drawn, 3, 2);
    const { mean, variance, kurtosis } = moments(drawn);
    assert.ok(Math.abs(mean - 3) < 0.05, String(mean));
    assert.ok(Math.abs(variance - 4) < 0.15, String(variance));
    assert.ok(Math.abs(kurtosis - 3) < 0.15, String(kurtosis));
  });

  it("draws integers below any bound, evenly", () => {
    const s = stream(2, "integers");
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 30_000; i += 1) counts[integer(s, i, 6)] += 1;
    for (const count of counts) assert.ok(Math.abs(count - 5000) < 300, counts.join(" "));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 32 }), fc.maxSafeNat(), (below, index) => {
        const drawn = integer(s, index, below);
        return Number.isInteger(drawn) && drawn >= 0 && drawn < below;
      }),
    );
  });

  it("permutes: every number once, every order about equally often", () => {
    fc.assert(
      fc.property(fc.nat({ max: 200 }), fc.maxSafeNat(), (n, seed) => {
        const order = permutation(stream(seed, "order"), n);
        assert.deepEqual(
          order.slice().sort(),
          Uint32Array.from({ length: n }, (_, i) => i),
        );
      }),
      { numRuns: 50 },
    );
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i += 1) {
      const order = permutation(stream(3, "order", i), 3).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    assert.equal(counts.size, 6);
    for (const count of counts.values()) assert.ok(Math.abs(count - 1000) < 150, String(count));
  });

  it("keeps its numbers from version to version", () => {
    const s = stream(42, "golden", 7);
    assert.deepEqual(golden(s), {
      uniform: [3546866, 8818478, 14493806],
      integers: [842, 535, 335, 892],
      permutation: [7, 2, 1, 0, 4, 3, 5, 6],
    });
  });
});

function golden(s: ReturnType<typeof stream>): unknown {
  return {
    uniform: [0, 1, 5].map((i) => Math.round(uniform(s, i) * 2 ** 24)),
    integers: [0, 1, 2, 3].map((i) => integer(s, i, 1000)),
    permutation: [...permutation(s, 8)],
  };
}

function moments(values: Float64Array): { readonly mean: number; readonly variance: number; readonly kurtosis: number } {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const central = (power: number): number => values.reduce((sum, x) => sum + (x - mean) ** power, 0) / values.length;
  return { mean, variance: central(2), kurtosis: central(4) / central(2) ** 2 };
}
