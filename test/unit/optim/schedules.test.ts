import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { learningRateAt } from "../../../core/optim/schedules.js";

describe("learning rate schedules", () => {
  it("stay at the base rate when constant", () => {
    assert.deepEqual(
      [0, 5, 99].map((step) => learningRateAt({ type: "constant" }, 0.01, step, 100)),
      [0.01, 0.01, 0.01],
    );
  });

  it("follow half a cosine from the base rate to the minimum", () => {
    const schedule = { type: "cosine", minimum: 0.1 } as const;
    const rates = [0, 25, 50, 75, 100, 130].map((step) => learningRateAt(schedule, 1.1, step, 100));
    const expected = [1.1, 0.6 + Math.SQRT1_2 / 2, 0.6, 0.6 - Math.SQRT1_2 / 2, 0.1, 0.1];
    for (const [i, rate] of rates.entries()) assert.ok(Math.abs(rate - expected[i]) < 1e-12, `${rate}, expected ${expected[i]}`);
  });

  it("end at 0 unless told otherwise, and take their first step at the full rate", () => {
    assert.equal(learningRateAt({ type: "cosine" }, 0.5, 0, 10), 0.5);
    assert.equal(learningRateAt({ type: "cosine" }, 0.5, 10, 10), 0);
    assert.ok(learningRateAt({ type: "cosine" }, 0.5, 9, 10) > 0);
  });
});
