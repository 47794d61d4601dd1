import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { completeSchedule, learningRateAt, type ScheduleInput } from "../../../core/optim/schedules.js";

function rates(schedule: ScheduleInput, base: number, total: number, steps: readonly number[]): readonly number[] {
  return steps.map((step) => learningRateAt(completeSchedule(schedule), base, step, total));
}

/** Rates of the steps from 0 on. */
function assertRates(schedule: ScheduleInput, base: number, total: number, expected: readonly number[]): void {
  const actual = rates(schedule, base, total, [...expected.keys()]);
  for (const [step, rate] of actual.entries())
    assert.ok(Math.abs(rate - expected[step]) < 1e-12, `${JSON.stringify(schedule)}, step ${step}: ${rate}, expected ${expected[step]}`);
}

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
    for (const type of ["cosine", "linear"] as const) {
      const [first, last, after] = rates({ type }, 0.5, 10, [0, 9, 10]);
      assert.deepEqual([first, after], [0.5, 0]);
      assert.ok(last > 0);
    }
  });

  it("fall in a straight line", () => {
    assertRates({ type: "linear", minimum: 0.1 }, 1.1, 10, [1.1, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.1]);
  });

  it("fall by a factor after a number of steps, or a fraction of the phase", () => {
    assertRates({ type: "step", every: 3, factor: 0.5 }, 8, 10, [8, 8, 8, 4, 4, 4, 2, 2, 2, 1, 1]);
    assertRates({ type: "step", every: 0.4 }, 1, 10, [1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01]);
    assertRates({ type: "step" }, 1, 6, [1, 1, 0.1, 0.1, 0.01, 0.01]);
  });

  it("rise and fall once, as PyTorch's OneCycleLR does", () => {
    const cosine = (from: number, to: number, share: number): number => to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));
    // 20 steps: the peak at step 0.3 · 20 − 1 = 5, the end at step 19
    const expected = Array.from({ length: 20 }, (_, step) => (step <= 5 ? cosine(0.04, 1, step / 5) : cosine(1, 0.04 / 1e4, (step - 5) / 14)));
    assertRates({ type: "oneCycle" }, 1, 20, [...expected, 0.04 / 1e4]);
    // 10 steps, peak between two steps: 0.25 · 10 − 1 = 1.5
    const between = Array.from({ length: 10 }, (_, step) => (step <= 1.5 ? cosine(0.5, 2, step / 1.5) : cosine(2, 0.05, (step - 1.5) / 7.5)));
    assertRates({ type: "oneCycle", peak: 0.25, startDivisor: 4, endDivisor: 10 }, 2, 10, between);
    for (const total of [1, 2, 3, 4]) assert.ok(rates({ type: "oneCycle" }, 1, total, [0, 1, 2, 3]).every(Number.isFinite));
  });

  it("begin with a warm-up where asked, and then have the steps that are left", () => {
    assertRates({ warmup: 3 }, 1, 6, [0.25, 0.5, 0.75, 1, 1, 1]);
    assertRates({ type: "linear", warmup: 0.2 }, 3, 10, [1, 2, 3, 2.625, 2.25, 1.875, 1.5, 1.125, 0.75, 0.375, 0]);
    const [first, second, third] = rates({ type: "oneCycle", warmup: 1 }, 1, 11, [0, 1, 2]);
    assert.ok(Math.abs(first - 0.02) < 1e-12 && Math.abs(second - 0.04) < 1e-12 && third > second);
    // Never longer than the phase
    assertRates({ warmup: 9 }, 1, 3, [0.25, 0.5, 0.75, 1]);
  });
});
