import assert from "node:assert/strict";
import type { RecipeDraft } from "../../../../core/worker/contract.js";
import * as answer from "../../../../extension/commands/recipe-answers.js";

const columns = (...names: readonly string[]) => names.map((name) => ({ name: name.replace("*", ""), numeric: !name.startsWith("*") }));

describe("what follows from the answers about a new recipe", () => {
  it("tells the kind of data by the file's name", () => {
    const names = ["a.csv", "b.TSV", "c.jsonl", "d.parquet", "e.npz", "f.npy", "train-images-idx3-ubyte.gz", "g.onnx"];
    assert.deepEqual(names.map(answer.kindOf), ["csv", "csv", "jsonl", "parquet", "npz", "npy", "idx", undefined]);
  });

  it("offers the likeliest label, and leaves columns of text out of the features", () => {
    assert.equal(answer.likelyLabel(columns("id", "Label", "p0")), "Label");
    assert.equal(answer.likelyLabel(columns("a", "b", "*what")), "what");
    assert.equal(answer.likelyLabel([]), undefined);
    assert.deepEqual(answer.featureGlobs(columns("a", "*name [raw]", "*kind", "b"), "kind"), ["*", "!name \\[raw\\]"]);
    assert.equal(answer.likelySamples(columns("y_train", "x_train"), "y_train"), "x_train");
    assert.ok(answer.likelyLabelFile("/d/train-images-idx3-ubyte", "/d/train-labels-idx1-ubyte"));
    assert.ok(!answer.likelyLabelFile("/d/x.npy", "/other/y.npy"));
  });

  it("spells every kind of source as recipes do", () => {
    assert.deepEqual(answer.sourceOf({ kind: "csv", path: "/d.csv" }, { features: ["*"], label: "l" }), {
      csv: "/d.csv",
      features: ["*"],
      label: "l",
    });
    assert.deepEqual(answer.sourceOf({ kind: "npz", path: "/d.npz" }, { features: ["x"], label: "y" }), { npz: "/d.npz", features: "x", label: "y" });
    assert.deepEqual(answer.sourceOf({ kind: "idx", path: "/x", labels: "/y" }, {}), { idx: { samples: "/x", labels: "/y" } });
    assert.deepEqual(answer.sourceOf({ kind: "images", path: "/i" }, {}), { images: "/i" });
  });

  it("writes rules for the blocks that train", () => {
    const block = (name: string) => ({ name, rule: `${name}.*`, tensors: 1, parameters: 1 });
    const choices = [{ label: "", freeze: ["*", "!head.*"], tensors: 1, parameters: 1 }];
    const draft = { head: { after: "x", layers: [], reason: "" }, blocks: [block("a"), block("b")], choices } as unknown as RecipeDraft;
    assert.deepEqual(answer.rulesFor(draft, [block("b")]), ["*", "!head.*", "!b.*"]);
    assert.deepEqual(answer.rulesFor(draft, [block("a"), block("b")]), []);
  });

  it("names the recipe after model and data, and never as one that is there", () => {
    assert.equal(answer.recipeName("/m/My Model.onnx", "/d/digits.csv", []), "my-model-digits");
    assert.equal(answer.recipeName("/m/a.onnx", "/d/b.csv", ["a-b.finetune.json", "a-b-2.onnx"]), "a-b-3");
  });
});
