import assert from "node:assert/strict";
import { countText, modelText, ruleText } from "../../../../extension/recipes/texts.js";

const effect = {
  range: { offset: 0, length: 0 },
  rule: "*",
  decides: "frozen",
  matches: 96,
  tensors: 96,
  parameters: 1_012_345,
  blocked: 0,
} as const;

describe("what lenses say", () => {
  it("counts what a rule freezes or trains", () => {
    assert.equal(ruleText(effect), "❄ 96 tensors · 1.01 M parameters");
    assert.equal(ruleText({ ...effect, decides: "trainable", tensors: 4, parameters: 3402 }), "trainable: 4 tensors · 3.4 k");
    assert.equal(ruleText({ ...effect, tensors: 1, parameters: 8 }), "❄ 1 tensor · 8 parameters");
  });

  it("says where a rule does nothing, and why", () => {
    assert.equal(ruleText({ ...effect, matches: 0, tensors: 0 }), "matches nothing");
    assert.equal(ruleText({ ...effect, tensors: 0 }), "decides nothing: later rules match the same");
    assert.equal(ruleText({ ...effect, decides: "trainable", tensors: 0, blocked: 2 }), "2 out of the loss's reach");
    assert.equal(
      ruleText({ ...effect, decides: "trainable", tensors: 2, parameters: 30, blocked: 1 }),
      "trainable: 2 tensors · 30 · 1 out of the loss's reach",
    );
  });

  it("writes counts with three digits at most", () => {
    assert.deepEqual([0, 999, 1000, 193_282, 999_499, 999_500, 2_690_000, 1.5e9].map(countText), [
      "0",
      "999",
      "1 k",
      "193 k",
      "999 k",
      "1 M",
      "2.69 M",
      "1.5 G", // prettier-ignore
    ]);
    assert.equal(modelText({ path: "", tensors: 96, parameters: 193_282 }), "Model: 96 tensors · 193 k parameters");
  });
});
