import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import {
  addMean,
  areaUnderCurve,
  argmax,
  classAuc,
  countCorrect,
  confusionOf,
  emptySum,
  labelAccuracy,
  labelAuc,
  macroScores,
  meanAbsoluteError,
  meanOf,
  predictedClasses,
  rSquared,
  talliesOfClasses,
  talliesOfLabels,
  topKAccuracy,
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

  it("make a confusion matrix of actual against predicted classes", () => {
    assert.deepEqual(confusionOf([0, 1, 1, 2], [0, 1, 2, 2], 3).counts, [
      [1, 0, 0],
      [0, 1, 0],
      [0, 1, 1],
    ]);
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

describe("metrics of a whole set", () => {
  it("count classes among the highest scores, the first of equal ones", () => {
    const scores = [3, 2, 1, 1, 2, 3, 5, 5, 5, Number.NaN, 0, 1];
    const actual = [1, 0, 2, 0];
    assert.equal(topKAccuracy(scores, 3, actual, 1), 0);
    assert.equal(topKAccuracy(scores, 3, actual, 2), 0.25);
    assert.equal(topKAccuracy(scores, 3, actual, 3), 1);
    assert.equal(topKAccuracy(scores, 3, actual, 9), 1);
  });

  it("agree with accuracy where only the highest score counts", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 4, maxLength: 4 })), {
          minLength: 1,
        }),
        (samples) => {
          const scores = samples.flatMap(([, row]) => row);
          const actual = samples.map(([label]) => label);
          assert.equal(topKAccuracy(scores, 4, actual, 1), countCorrect(predictedClasses(scores, 4), actual) / actual.length);
        },
      ),
    );
  });

  it("average precision, recall and F1 over the classes that occur", () => {
    // Class 0: 2 of 3 predicted are right, 2 of 2 actual found. Class 1: 1 of 1, 1 of 3. Class 2: 0 of 1, none actual. Class 3: absent.
    const { precision, recall, f1 } = macroScores(talliesOfClasses([0, 0, 0, 1, 2], [0, 0, 1, 1, 1], 4));
    assert.ok(Math.abs(precision - (2 / 3 + 1 + 0) / 3) < 1e-12);
    assert.ok(Math.abs(recall - (1 + 1 / 3 + 0) / 3) < 1e-12);
    assert.ok(Math.abs(f1 - (4 / 5 + 2 / 4 + 0) / 3) < 1e-12);
    assert.deepEqual(macroScores([]), { precision: 0, recall: 0, f1: 0 });
  });

  it("tally labels each for itself", () => {
    assert.deepEqual(talliesOfLabels([0.9, 0.2, 0.6, 0.7, 0.1, 0.5], [1, 1, 0, 1, 0, 0], 2, 0.5), [
      { predicted: 2, actual: 1, both: 1 },
      { predicted: 1, actual: 2, both: 1 },
    ]);
  });

  it("give the area under the curve as the share of pairs in the right order", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: -3, max: 3 }), fc.boolean()), { minLength: 1, maxLength: 30 }), (samples) => {
        let [pairs, right] = [0, 0];
        for (const [a, isPositive] of samples)
          for (const [b, other] of samples) {
            if (!isPositive || other) continue;
            pairs += 1;
            right += a > b ? 1 : a === b ? 0.5 : 0;
          }
        const area = areaUnderCurve(
          samples.map(([score]) => score),
          samples.map(([, positive]) => positive),
        );
        if (pairs === 0) assert.equal(area, undefined);
        else assert.ok(Math.abs((area ?? 2) - right / pairs) < 1e-12);
      }),
    );
    assert.equal(areaUnderCurve([1, Number.NaN], [true, false]), undefined);
  });

  it("rank classes by probability, whether scores are logits, probabilities or their logarithms", () => {
    const logits = [2, 1, 0, 9, 9.5, 9.2, 0, 0.1, 0.3, 1, 1.2, 0.7, 5, 4, 4.5, -1, 0, -2];
    const actual = [0, 1, 2, 0, 2, 1];
    const rows = actual.map((_, i) => logits.slice(3 * i, 3 * i + 3));
    const probabilities = rows.flatMap((row) => row.map((v) => Math.exp(v) / row.reduce((sum, w) => sum + Math.exp(w), 0)));
    const perClass = [0, 1, 2].map((c) =>
      areaUnderCurve(
        actual.map((_, i) => probabilities[3 * i + c]),
        actual.map((label) => label === c),
      ),
    );
    const expected = perClass.reduce<number>((sum, area) => sum + (area ?? 0), 0) / 3;
    assert.equal(classAuc(logits, 3, actual, true), expected);
    assert.equal(classAuc(probabilities, 3, actual, false), expected);
    assert.equal(classAuc(probabilities.map(Math.log), 3, actual, false), expected);
    assert.equal(classAuc([0, 1, 1, 0, 0, 3], 2, [1, 0, 1], true), 1);
    assert.equal(classAuc([0, 1, 1, 0], 2, [1, 1], true), undefined);
  });

  it("average the area over labels that hold for some samples", () => {
    assert.equal(labelAuc([1, 5, 2, 6, 3, 7], [0, 1, 1, 1, 0, 1], 2), 0.5);
    assert.equal(labelAuc([1, 2], [1, 1], 2), undefined);
  });

  it("give the coefficient of determination, averaged over columns that vary", () => {
    // Column 0: residuals 1 + 0 + 1, spread 2; column 1 is exact; column 2 does not vary
    assert.equal(rSquared([2, 5, 1, 2, 6, 9, 2, 7, 3], [1, 5, 4, 2, 6, 4, 3, 7, 4], 3), 0.5);
    assert.equal(rSquared([1, 2], [3, 3], 1), undefined);
    assert.equal(rSquared([0, 0, 0], [1, 2, 3], 1), 1 - 14 / 2);
  });
});
