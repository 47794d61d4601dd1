import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import {
  accuracyOf,
  addMean,
  addToConfusion,
  argmax,
  countCorrect,
  emptyConfusion,
  emptySum,
  labelAccuracy,
  meanAbsoluteError,
  meanOf,
  predictedClasses,
} from "../../../core/nn/metrics.js";

describe("metrics", () => {
  it("take the first of equal scores, and a number before NaN", () => {
    assert.equal(argmax([1, 3, 3, 2]), 1);
    assert.equal(argmax([5, 5]), 0);
    assert.equal(argmax([Number.NaN, -1, Number.NaN]), 1);
    assert.equal(argmax([9, 1, 2, 0], 1, 3), 1);
    assert.deepEqual(predictedClasses(Float32Array.of(0, 1, 2, 2, 1, 0, -1, -1, -2), 3), Int32Array.of(2, 0, 0));
  });

  it("count what is right", () => {
    assert.equal(countCorrect([2, 0, 0, 1], [2, 0, 1, 1]), 3);
  });

  it("keep a confusion matrix of actual against predicted classes, batch by batch", () => {
    const empty = emptyConfusion(3);
    const first = addToConfusion(empty, [0, 1, 1], [0, 1, 2]);
    const both = addToConfusion(first, [2], [2]);
    assert.deepEqual(both.counts, [
      [1, 0, 0],
      [0, 1, 0],
      [0, 1, 1],
    ]);
    assert.equal(accuracyOf(both), 0.75);
    assert.deepEqual(empty, emptyConfusion(3));
    assert.ok(Number.isNaN(accuracyOf(empty)));
  });

  it("weigh each batch by its samples, so that cutting differently changes nothing", () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 2, maxLength: 50 }),
        fc.integer({ min: 1, max: 10 }),
        (values, size) => {
          let sum = emptySum;
          for (let at = 0; at < values.length; at += size) {
            const batch = values.slice(at, at + size);
            sum = addMean(sum, batch.reduce((a, b) => a + b, 0) / batch.length, batch.length);
          }
          const expected = values.reduce((a, b) => a + b, 0) / values.length;
          assert.equal(sum.weight, values.length);
          assert.ok(Math.abs(meanOf(sum) - expected) < 1e-9);
        },
      ),
    );
    assert.ok(Number.isNaN(meanOf(emptySum)));
  });

  it("count labels that are told rightly, each for itself", () => {
    assert.equal(labelAccuracy(Float32Array.of(1, -1, 0, 0.1), Float32Array.of(1, 0, 1, 0), 0), 0.5);
    assert.equal(labelAccuracy(Float32Array.of(0.6, 0.4), Float32Array.of(1, 0), 0.5), 1);
  });

  it("give the mean absolute error over all elements", () => {
    assert.equal(meanAbsoluteError(Float32Array.of(1, -2, 3, 0), Float32Array.of(0, 2, 3, 1)), 1.5);
  });
});
