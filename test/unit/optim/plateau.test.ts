import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { countReductions, reduced, stopsEarly } from "../../../core/optim/plateau.js";
import { completeSchedule, learningRateAt } from "../../../core/optim/schedules.js";

const settings = { factor: 0.5, patience: 1, threshold: 0, cooldown: 0, minimum: 0 };

/** Reductions after each epoch. */
function counts(changes: Partial<typeof settings>, losses: readonly number[]): readonly number[] {
  return losses.map((_, i) => countReductions({ ...settings, ...changes }, losses.slice(0, i + 1)));
}

describe("reducing the learning rate on a plateau", () => {
  it("waits for more epochs without improvement than its patience, and starts counting anew", () => {
    assert.deepEqual(counts({}, [3, 2, 2, 2, 2, 2, 1, 1, 1]), [0, 0, 0, 1, 1, 2, 2, 2, 3]);
    assert.deepEqual(counts({ patience: 0 }, [1, 1, 2, 0.5, 0.5]), [0, 1, 2, 2, 3]);
    assert.deepEqual(counts({ patience: 3 }, [1, 1, 1, 1]), [0, 0, 0, 0]);
  });

  it("takes only what is lower by the threshold's share of the best for an improvement", () => {
    assert.deepEqual(counts({ threshold: 0.1, patience: 0 }, [10, 9.5, 9, 8.9, 8.9]), [0, 1, 2, 2, 3]);
  });

  it("lets epochs pass after a reduction", () => {
    assert.deepEqual(counts({ cooldown: 2, patience: 0 }, [1, 1, 1, 1, 1, 1]), [0, 1, 1, 1, 2, 2]);
  });

  it("multiplies by its factor down to the minimum, but not by next to nothing", () => {
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((n) => reduced({ ...settings, minimum: 0.1 }, 0.8, n)),
      [0.8, 0.4, 0.2, 0.1, 0.1],
    );
    assert.equal(reduced({ ...settings, factor: 0.1 }, 1e-8, 1), 1e-8);
  });

  it("is a schedule with PyTorch's defaults, after a warm-up where asked", () => {
    const schedule = completeSchedule({ type: "reduceOnPlateau", warmup: 3 });
    assert.deepEqual(schedule, { type: "reduceOnPlateau", factor: 0.1, patience: 10, threshold: 1e-4, cooldown: 0, minimum: 0, warmup: 3 });
    assert.deepEqual(
      [0, 1, 2, 3, 90].map((step) => learningRateAt(schedule, 8, step, 100)),
      [2, 4, 6, 8, 8],
    );
    assert.ok(Math.abs(learningRateAt(schedule, 8, 90, 100, 2) - 0.08) < 1e-12);
  });
});

describe("early stopping", () => {
  it("ends a phase after so many epochs in a row without improvement", () => {
    const ends = (losses: readonly number[], patience: number, minDelta = 0): boolean => stopsEarly({ patience, minDelta }, losses);
    assert.equal(ends([3, 2, 2], 2), false);
    assert.equal(ends([3, 2, 2, 2], 2), true);
    assert.equal(ends([3, 2, 2.5, 1.9, 2], 2), false);
    assert.equal(ends([], 1), false);
    assert.equal(ends([1, 0.95, 0.9], 2, 0.2), true);
    assert.equal(ends([1, 0.95, 0.7], 2, 0.2), false);
  });
});
