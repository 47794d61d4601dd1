import assert from "node:assert/strict";
import { recipeInvalid, unknownRun } from "../../../../core/errors.js";
import { fileOf, offsetOfKey } from "../../../../extension/common/failure-place.js";

describe("the place that a failure leads to", () => {
  it("is the first problem of the recipe that was at work", () => {
    const failure = recipeInvalid("a.finetune.json", [{ line: 3, column: 5, key: "epochs", message: "expected a number" }]);
    assert.deepEqual(fileOf(failure, "/w/a.finetune.json"), { path: "/w/a.finetune.json", line: 3, column: 5 });
    assert.equal(fileOf(failure), undefined);
  });

  it("is nowhere where no text file is named", () => {
    assert.equal(fileOf(unknownRun("x", "/w", [])), undefined);
  });

  it("is the value of the key that a message starts with", () => {
    const recipe = '{ // the label\n  "data": { "label": "lable", "features": ["a", "b"] } }';
    assert.equal(offsetOfKey(recipe, 'data.label: "lable" matches no column'), recipe.indexOf('"lable"'));
    assert.equal(offsetOfKey(recipe, "data.features[1]: no"), recipe.indexOf('"b"'));
    assert.equal(offsetOfKey(recipe, "the model has no outputs"), undefined);
  });
});
