import assert from "node:assert/strict";
import { readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ModelCache } from "../../../core/train/model-cache.js";
import { analyseRecipe, type RecipeAnalysis } from "../../../core/train/recipe-analysis.js";
import { graphOf, info, node, ramp } from "../../support/graphs.js";
import { classifier, recipeOf, Workspace } from "../../support/training.js";

const demo = join(__dirname, "../../../media/examples/digits/digits.finetune.json");

/** What is found, with the text that it stands at and what its fixes would make of it. */
function told({ findings }: RecipeAnalysis, text: string): readonly (readonly [at: string, code: string, ...fixes: string[]])[] {
  return findings.map(({ range, code, fixes }) => [text.slice(range.offset, range.offset + range.length), code, ...fixes.map((fix) => fix.text)]);
}

function rules({ rules: effects }: RecipeAnalysis): readonly string[] {
  return effects.map(({ rule, decides, matches, tensors, parameters, blocked }) =>
    [rule, decides, `${tensors} of ${matches}`, parameters, ...(blocked === 0 ? [] : [`${blocked} blocked`])].join(" | "),
  );
}

describe("analysing a recipe in an editor: the demo", () => {
  const models = new ModelCache();
  let text: string;
  const analyse = (changed = text): Promise<RecipeAnalysis> => analyseRecipe({ path: demo, text: changed }, models);

  before(async () => {
    text = await readFile(demo, "utf8");
  });

  it("finds nothing wrong, and counts what each rule of each phase decides", async () => {
    const analysis = await analyse();
    assert.deepEqual(analysis.findings, []);
    assert.deepEqual(rules(analysis), [
      "* | frozen | 94 of 96 | 189912",
      "!head.* | trainable | 2 of 2 | 3370",
      "* | frozen | 86 of 96 | 152856",
      "!head.* | trainable | 2 of 2 | 3370",
      "!*.blocks.3.5.* | trainable | 6 of 6 | 20592",
      "!*.blocks.4.* | trainable | 2 of 2 | 16464",
    ]);
    assert.deepEqual(
      analysis.phases.map(({ name, totals }) => [name, totals.trainable, totals.frozen]),
      [["head", 3370, 189912], ["last blocks", 40426, 152856]], // prettier-ignore
    );
    assert.deepEqual([analysis.model?.tensors, analysis.model?.parameters], [96, 193282]);
  });

  it("answers again from what it keeps of the model", async () => {
    await analyse();
    const started = performance.now();
    await analyse(`${text} `);
    console.log(`      answered in ${(performance.now() - started).toFixed(0)} ms`);
  });

  it("says what was meant by names that are not there, each where it stands", async () => {
    const changed = text
      .replace('["*", "!head.*"],', '["*", "!haed.*"],')
      .replace('"after": "mean"', '"after": "maen"')
      .replace('"digits.csv"', '"digit.csv"')
      .replace('"label": "label"', '"label": "lable"');
    assert.deepEqual(told(await analyse(changed), changed), [
      ['"maen"', "recipe/unknown-value", '"mean"'],
      ['"digit.csv"', "data/no-file", '"digits.csv"'],
    ]);
    const named = changed.replace('"maen"', '"mean"').replace('"digit.csv"', '"digits.csv"');
    assert.deepEqual(told(await analyse(named), named), [
      ['"!haed.*"', "recipe/no-match", '"!head.*"'],
      ['"lable"', "recipe/unknown-column", '"label"'],
    ]);
    assert.equal(rules(await analyse(named))[1], "!haed.* | trainable | 0 of 0 | 0");
  });

  it("tells of samples that the model does not take, and of a step that cannot be done", async () => {
    const small = text.replace("[224, 224]", "[220, 220]");
    assert.deepEqual(told(await analyse(small), small), [["[", "recipe/sample-shape"]]);
    const impossible = text.replace("[1, 8, 8]", "[1, 8, 9]");
    assert.deepEqual(told(await analyse(impossible), impossible), [["{", "recipe/transform"]]);
  });

  it("tells that samples cannot be batched where the model mixes them", async () => {
    const headless = text.replace(/"head": \{[^}]*\}[^}]*\}[^}]*\},/, "").replaceAll('"!head.*"', '"!*.classifier.*"');
    const found = told(await analyse(headless), headless).map(([, code]) => code);
    assert.ok(found.includes("model/batch"), found.join());
  });

  it("leaves to the schema what the schema says, and still counts", async () => {
    const changed = text.replace('"batchSize": 32', '"batchSize": "many", "no such": 1');
    const analysis = await analyse(changed);
    assert.deepEqual(analysis.findings, []);
    assert.equal(analysis.rules.length, 6);
  });

  it("reads texts that are being written", async () => {
    for (let length = 0; length < text.length; length += 37) {
      const { findings, rules: effects } = await analyse(text.slice(0, length));
      for (const { range } of [...findings, ...effects]) assert.ok(range.offset + range.length <= length);
    }
  });
});

describe("analysing a recipe in an editor: small models", () => {
  let workspace: Workspace;
  const models = new ModelCache();
  const analyse = async (recipe: Readonly<Record<string, unknown>>): Promise<readonly [RecipeAnalysis, string]> => {
    const text = JSON.stringify(recipeOf(recipe));
    return [await analyseRecipe({ path: workspace.path("r.finetune.json"), text }, models), text];
  };

  beforeEach(async () => {
    workspace = await Workspace.create();
    await workspace.writeGraph(classifier());
    await workspace.writeTable([[0, 1, 2, 3, 4], [1, 4, 3, 2, 1]]); // prettier-ignore
  });
  afterEach(() => workspace.remove());

  it("warns of what is asked to train out of the loss's reach, and counts it apart", async () => {
    const [analysis, text] = await analyse({ freeze: ["*", "!fc1.*", "!fc3.*"], stopGradient: ["a1"] });
    assert.deepEqual(told(analysis, text), [['"!fc1.*"', "recipe/blocked"], ['"!fc1.*"', "recipe/blocked"]]); // prettier-ignore
    assert.deepEqual(analysis.findings.map(({ severity }) => severity), ["warning", "warning"]); // prettier-ignore
    assert.deepEqual(rules(analysis), [
      "* | frozen | 2 of 6 | 54",
      "!fc1.* | trainable | 0 of 2 | 0 | 2 blocked",
      "!fc3.* | trainable | 2 of 2 | 21",
    ]);
  });

  it("tells of a plan that trains nothing, of columns that are no outputs, and of what does not go together", async () => {
    const [nothing, text] = await analyse({ freeze: ["*"] });
    assert.deepEqual(told(nothing, text), [["[", "recipe/nothing-trainable"]]);
    const [columns, other] = await analyse({ loss: { type: "meanSquaredError" } });
    assert.deepEqual(told(columns, other), [['"label"', "recipe/target-columns"]]);
    const [foreign, third] = await analyse({ loss: { type: "crossEntropy", delta: 1 } });
    assert.deepEqual(told(foreign, third), [['"delta"', "recipe/invalid"]]);
  });

  it("answers quickly for a model of 500 tensors that it has read", async () => {
    const layers = Array.from({ length: 250 }, (_, i) => `blocks.${i}`);
    const graph = graphOf({
      inputs: [info("x", ["N", 4])],
      outputs: [info("h249", ["N", 4])],
      nodes: layers.map((layer, i) =>
        node("Gemm", [i === 0 ? "x" : `h${i - 1}`, `${layer}.weight`, `${layer}.bias`], [`h${i}`], {}, `/${layer}/Gemm`),
      ),
      tensors: Object.fromEntries(layers.flatMap((layer) => [[`${layer}.weight`, ramp(4, 4)], [`${layer}.bias`, ramp(4)]])), // prettier-ignore
    });
    await workspace.writeGraph(graph);
    const phases = Array.from({ length: 4 }, (_, i) => ({ freeze: ["*", `!blocks.${249 - i}.*`] }));
    await analyse({ phases });
    const started = performance.now();
    const [analysis] = await analyse({ phases, epochs: 3 });
    console.log(`      500 tensors, 4 phases: answered in ${(performance.now() - started).toFixed(0)} ms`);
    assert.equal(analysis.model?.tensors, 500);
    assert.deepEqual(rules(analysis).slice(0, 2), ["* | frozen | 498 of 500 | 4980", "!blocks.249.* | trainable | 2 of 2 | 20"]);
  });

  it("sees a model that has changed, and one that is gone", async () => {
    assert.equal((await analyse({}))[0].model?.tensors, 6);
    const bytes = await readFile(workspace.path("model.onnx"));
    await writeFile(workspace.path("model.onnx"), bytes.subarray(0, 50));
    await utimes(workspace.path("model.onnx"), new Date(), new Date());
    assert.equal((await analyse({}))[0].findings[0].code.split("/")[0], "model");
    const [gone, text] = await analyse({ model: "modle.onnx" });
    assert.deepEqual(told(gone, text), [['"modle.onnx"', "model/file-missing", '"model.onnx"']]);
  });
});
