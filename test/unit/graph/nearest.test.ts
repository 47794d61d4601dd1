import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { didYouMean, nearest } from "../../../core/graph/nearest.js";

describe("nearest", () => {
  it("finds names a typo away, nearest first", () => {
    assert.deepEqual(nearest("laebls", ["p1", "label", "labels"]), ["labels", "label"]);
    assert.deepEqual(nearest("Label", ["p1", "label"]), ["label"]);
    assert.deepEqual(nearest("blocks.2.weight", ["blocks.1.weight", "head.weight", "blocks.2.weights"]), ["blocks.1.weight", "blocks.2.weights"]);
  });

  it("finds names that hold the wanted one, after the close ones", () => {
    assert.deepEqual(nearest("conv", ["features.0.conv", "conf", "x"]), ["conf", "features.0.conv"]);
  });

  it("answers nothing where nothing is near, and at most as many as asked", () => {
    assert.deepEqual(nearest("label", ["p0", "p1", "weight"]), []);
    assert.deepEqual(nearest("p1", ["p0", "p2", "p3", "p4"], 2), ["p0", "p2"]);
    assert.deepEqual(nearest("x", []), []);
  });

  it("says it as a question", () => {
    assert.equal(didYouMean(["a", "b"]), 'Did you mean "a" or "b"?');
    assert.equal(didYouMean([]), undefined);
  });
});
