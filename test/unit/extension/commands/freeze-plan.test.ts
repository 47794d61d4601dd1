import assert from "node:assert/strict";
import type { InspectedParameter } from "../../../../core/worker/contract.js";
import { literalGlob, modelOf, plansOf, withRules } from "../../../../extension/commands/freeze-plan.js";
import { entryText, layerEntries } from "../../../../extension/commands/layer-tree.js";

const recipe = `{
  "model": "m.onnx", // the base
  "freeze": ["*", "!head.*"], // all but the head
  "phases": [{ "name": "one" }, { "freeze": ["a.*"] }]
}
`;

describe("the freeze plans of a recipe's text", () => {
  it("are the recipe's, and those of phases that have their own", () => {
    assert.equal(modelOf(recipe), "m.onnx");
    assert.deepEqual(plansOf(recipe).map(({ title, rules }) => [title, rules]), [["The recipe", ["*", "!head.*"]], ["Phase 2", ["a.*"]]]); // prettier-ignore
  });

  it("are the default where none is written", () => {
    assert.deepEqual(plansOf('{ "head": {} }')[0], { path: ["freeze"], title: "The recipe", rules: ["*", "!head.*"], written: false });
    assert.deepEqual(plansOf("not json")[0].rules, []);
    assert.equal(modelOf("[1"), undefined);
  });

  it("get rules at their end, and keep comments", () => {
    const changed = withRules(recipe, plansOf(recipe)[0], ["blocks.4.*"], "unfreeze");
    assert.deepEqual(plansOf(changed)[0].rules, ["*", "!head.*", "!blocks.4.*"]);
    assert.match(changed, /\/\/ the base[\s\S]*\/\/ all but the head/);
  });

  it("lose the rule that said the contrary", () => {
    const first = withRules(recipe, plansOf(recipe)[0], ["blocks.4.*"], "unfreeze");
    const second = withRules(first, plansOf(first)[0], ["blocks.4.*"], "freeze");
    assert.deepEqual(plansOf(second)[0].rules, ["*", "!head.*", "blocks.4.*"]);
  });

  it("are written out with the default's rules where there were none, and in the phase that was meant", () => {
    const bare = withRules('{ "head": {} }', plansOf('{ "head": {} }')[0], ["x.*"], "unfreeze");
    assert.deepEqual(plansOf(bare)[0].rules, ["*", "!head.*", "!x.*"]);
    const phase = withRules(recipe, plansOf(recipe)[1], ["b/*"], "freeze");
    assert.deepEqual(plansOf(phase)[1].rules, ["a.*", "b/*"]);
  });

  it("take names literally", () => {
    assert.equal(literalGlob("a[0].*b"), "a\\[0\\].\\*b");
  });
});

describe("the layers of a model", () => {
  const parameter = (name: string, layer: string, path: string, mark: InspectedParameter["mark"] = "trainable"): InspectedParameter => {
    return { name, path, dtype: "float32", shape: [10], elements: 10, layer, kind: "parameter", mark };
  };
  const parameters = [
    parameter("blocks.0.w", "blocks.0", "blocks.0/weight", "frozen"),
    parameter("blocks.1.w", "blocks.1", "blocks.1/weight"),
    parameter("w1", "fc", "fc/weight"),
    parameter("fc.other", "other", "Conv_3/weight"),
    parameter("lone", "unnamed", "Conv_4/weight"),
  ];

  it("stand below the scopes that hold several, with rules that match them and nothing else", () => {
    assert.deepEqual(
      layerEntries(parameters).map(({ name, kind, depth, globs }) => [name, kind, depth, globs]),
      [
        ["blocks", "scope", 0, ["blocks.*"]],
        ["blocks.0", "layer", 1, ["blocks.0.*"]],
        ["blocks.1", "layer", 1, ["blocks.1.*"]],
        ["fc", "layer", 0, ["fc/*"]],
        ["other", "layer", 0, ["fc.other"]],
        ["unnamed", "layer", 0, ["lone"]],
      ],
    );
  });

  it("say what they hold, and how it stands", () => {
    assert.deepEqual(layerEntries(parameters).slice(0, 3).map(entryText), [
      "2 tensors · 20 parameters · partly frozen",
      "1 tensor · 10 parameters · frozen",
      "1 tensor · 10 parameters · trainable",
    ]);
  });
});
