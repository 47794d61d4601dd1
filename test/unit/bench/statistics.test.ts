import assert from "node:assert/strict";
import { lossDifference, median, pairedRatio, turns } from "../../bench/statistics.js";

describe("bench statistics", () => {
  it("takes the middle value, or the mean of the two in the middle", () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([4, 1, 3, 2]), 2.5);
  });

  it("compares sides within a round, so that a machine that slows down does not count", () => {
    assert.equal(pairedRatio([1, 10, 100], [2, 20, 200]), 0.5);
  });

  it("compares medians where a side took no turns", () => {
    assert.equal(pairedRatio([1, 2, 3], [8]), 0.25);
  });

  it("measures the largest difference of losses, relative to those above 1", () => {
    assert.equal(lossDifference([4, 0.5], [4.4, 0.5]), (4.4 - 4) / 4);
    assert.equal(lossDifference([4, 0.5], [4, 0.7]), 0.7 - 0.5);
  });

  it("takes losses that are missing or no numbers for different", () => {
    assert.equal(lossDifference([1, 2], [1]), Infinity);
    assert.equal(lossDifference([1, 2], [1, NaN]), Infinity);
    assert.equal(lossDifference([], []), 0);
  });

  it("lets every side run once a round, in the same order", () => {
    assert.deepEqual(
      [...turns(["ours", "theirs"], 2)].map(({ side, round }) => `${round} ${side}`),
      ["0 ours", "0 theirs", "1 ours", "1 theirs"],
    );
  });
});
