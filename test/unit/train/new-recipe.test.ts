import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "jsonc-parser";
import type { SourceSettings } from "../../../core/data/dataset.js";
import { summariseData, type TaskType } from "../../../core/train/data-facts.js";
import { ModelCache } from "../../../core/train/model-cache.js";
import { newRecipe } from "../../../core/train/new-recipe.js";
import { analyseRecipe } from "../../../core/train/recipe-analysis.js";
import { draftRecipe, type RecipeDraft } from "../../../core/train/recipe-draft.js";
import { parseRecipe, type Recipe } from "../../../core/train/recipe.js";
import type { Graph } from "../../../core/graph/types.js";
import { classifier, flatClassifier, Workspace } from "../../support/training.js";

const root = join(__dirname, "../../..");
const symbols = join(root, "node_modules/detypify-service/train/model.onnx");
const digits = join(root, "media/examples/digits/digits.csv");

let workspace: Workspace;
const models = new ModelCache();

beforeEach(async () => {
  workspace = await Workspace.create();
});
afterEach(() => workspace.remove());

async function draft(model: string, data: SourceSettings, type?: TaskType): Promise<RecipeDraft> {
  const summary = await summariseData(data);
  const task = summary.tasks.find((t) => type === undefined || t.type === type);
  assert.ok(task !== undefined);
  return draftRecipe({ model, data, summary, task }, models);
}

interface Written {
  readonly text: string;
  readonly recipe: Recipe;
}

/** Writes the recipe that a draft leads to, and has it looked at as an editor does. */
async function write(model: string, drafted: RecipeDraft, choice = 0): Promise<Written> {
  const text = newRecipe({ model, draft: drafted, freeze: drafted.choices[choice].freeze, folder: workspace.folder, name: "new" });
  const path = workspace.path("new.finetune.json");
  const { findings } = await analyseRecipe({ path, text }, models);
  assert.deepEqual(findings, [], text);
  return { text, recipe: parseRecipe(text, path) };
}

/** One epoch as the recipe says. */
async function trains({ text }: Written): Promise<void> {
  const recipe = { ...(parse(text) as Readonly<Record<string, unknown>>), epochs: 1, threads: 1 };
  const { result } = await workspace.train(recipe);
  assert.equal(result.reason, "completed");
}

async function table(label: (row: number) => string | number, rows = 24): Promise<string> {
  const lines = Array.from({ length: rows }, (_, row) => [label(row), row % 5, row % 3, (row * 7) % 4, row % 2].join(","));
  return workspace.writeFile("data.csv", ["kind,a,b,c,d", ...lines].join("\n"));
}

async function model(graph: Graph): Promise<string> {
  await workspace.writeGraph(graph);
  return workspace.path("model.onnx");
}

describe("a new recipe", () => {
  it("of the demo's model and digits cuts where the demo does, and makes pictures of rows", async () => {
    const drafted = await draft(symbols, { csv: digits, features: ["*"], label: "label" });
    assert.deepEqual(drafted.head?.layers, [{ type: "flatten" }, { type: "dense", units: 10 }]);
    assert.equal(drafted.head?.after, "mean");
    assert.deepEqual(drafted.transform, [{ reshape: [1, 8, 8] }, { scale: { from: [0, 16], to: [0, 1] } }, { resize: [224, 224] }]);
    assert.deepEqual(drafted.choices.map(({ label, tensors, parameters }) => [label, tensors, parameters]), [
      ["All but the new head", 2, 3370],
      ["All but the new head and the last block", 4, 19834],
      ["All but the new head and the last 2 blocks", 10, 40426],
      ["All but the new head and the last 4 blocks", 22, drafted.choices[3].parameters],
      ["Nothing", 96, 193282],
    ]); // prettier-ignore
    assert.deepEqual(drafted.blocks.slice(-2).map(({ rule }) => rule), ["model_opt._orig_mod.blocks.3.5.*", "model_opt._orig_mod.blocks.4.0.*"]); // prettier-ignore
    const { recipe, text } = await write(symbols, drafted, 1);
    assert.deepEqual(recipe.freeze, ["*", "!head.*", "!model_opt._orig_mod.blocks.4.0.*"]);
    assert.match(text, /\/\/ 10 classes\./);
    assert.match(text, /1,797 samples/);
  });

  it("gives words a head with a class each, and trains", async () => {
    const path = await model(classifier());
    const drafted = await draft(path, { csv: await table((row) => ["cat", "dog"][row % 2]), features: ["*"], label: "kind" });
    assert.deepEqual(drafted.task, { type: "crossEntropy", outputs: 2, names: ["cat", "dog"] });
    assert.equal(drafted.head?.reason, "the model's own output has 3 values, the data 2 classes");
    const written = await write(path, drafted);
    assert.equal(written.recipe.data.csv, "data.csv");
    assert.deepEqual(written.recipe.freeze, ["*", "!head.*"]);
    await trains(written);
  });

  it("leaves a model as it is where its output fits the labels, whatever is frozen", async () => {
    const path = await model(classifier());
    const drafted = await draft(path, { csv: await table((row) => row % 3), features: ["*"], label: "kind" });
    assert.equal(drafted.head, undefined);
    assert.deepEqual(drafted.choices.map(({ label, freeze, tensors }) => [label, freeze.join(), tensors]), [
      ["All but the last layer", "*,!fc3.*", 2],
      ["All but the last layer and the last block", "*,!fc3.*,!fc2.*", 4],
      ["Nothing", "", 6],
    ]); // prettier-ignore
    for (const choice of drafted.choices.keys()) await trains(await write(path, drafted, choice));
  });

  it("predicts numbers", async () => {
    const path = await model(classifier());
    const drafted = await draft(path, { csv: await table((row) => row * 0.37 - 2, 60), features: ["*"], label: "kind" });
    assert.deepEqual(drafted.task, { type: "meanSquaredError", outputs: 1 });
    const written = await write(path, drafted);
    assert.deepEqual(written.recipe.data.split, { validation: 0.1, test: 0.1 });
    await trains(written);
  });

  it("takes several columns of 0 and 1 for labels that hold or not", async () => {
    const path = await model(classifier());
    const text = ["l0,l1,a,b,c,d", ...Array.from({ length: 20 }, (_, i) => [i % 2, (i >> 1) % 2, i, 1, i % 3, 2].join(","))].join("\n");
    const drafted = await draft(path, { csv: await workspace.writeFile("data.csv", text), features: ["*"], label: ["l0", "l1"] });
    assert.deepEqual(drafted.task, { type: "binaryCrossEntropy", outputs: 2 });
    await trains(await write(path, drafted));
  });

  it("brings samples into the shape that the model takes, and says where it cannot", async () => {
    const path = await model(flatClassifier());
    const drafted = await draft(path, { csv: await table((row) => row % 3), features: ["*"], label: "kind" });
    assert.deepEqual(drafted.transform, [{ reshape: [2, 2] }]);
    await trains(await write(path, drafted));
    const narrow = await draft(path, { csv: await table((row) => row % 3), features: ["a", "b", "c"], label: "kind" });
    assert.deepEqual(narrow.misfit, { takes: [2, 2], gives: [3] });
    const text = newRecipe({ model: path, draft: narrow, freeze: ["*", "!fc3.*"], folder: workspace.folder, name: "new" });
    assert.match(text, /The model takes \[2, 2\] a sample, the data gives \[3\]/);
  });

  it("refuses labels of which nothing can be learnt", async () => {
    await assert.rejects(summariseData({ csv: await table(() => "same"), features: ["*"], label: "kind" }), { code: "data/labels" });
  });
});
