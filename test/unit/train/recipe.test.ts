import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { EngineError } from "../../../core/errors.js";
import { loadRecipe, parseRecipe, phasesOf, recipeJsonSchema, resolveRecipe, type Recipe } from "../../../core/train/recipe.js";
import { failure } from "../../support/failure.js";
import { thrown } from "../../support/graphs.js";

const minimal = { model: "m.onnx", data: { csv: "d.csv", features: ["p*"], label: "label" }, loss: { type: "crossEntropy" } };

function parse(recipe: Readonly<Record<string, unknown>> | string): Recipe {
  return parseRecipe(typeof recipe === "string" ? recipe : JSON.stringify(recipe), "/recipes/r.finetune.json");
}

interface Told {
  readonly key: string;
  readonly message: string;
  readonly line: number;
  readonly column: number;
  readonly hint?: string;
}

function problems(recipe: Readonly<Record<string, unknown>> | string): readonly Told[] {
  const error = thrown(() => parse(recipe)) as unknown as EngineError;
  assert.equal(error.code, "recipe/invalid", error.message);
  return error.data.problems as readonly Told[];
}

const keysOf = (recipe: Readonly<Record<string, unknown>>): readonly string[] => problems(recipe).map((p) => p.key);

describe("reading a recipe", () => {
  it("fills in the defaults", () => {
    const recipe = parse(minimal);
    assert.equal(recipe.batchSize, 32);
    assert.equal(recipe.epochs, 10);
    assert.equal(recipe.seed, 0);
    assert.equal(recipe.shuffle, true);
    assert.equal(recipe.batchNorm, "fixed");
    assert.equal(recipe.dropout, "inactive");
    assert.deepEqual(recipe.stopGradient, []);
    assert.deepEqual(recipe.data.split, { validation: 0, test: 0 });
    assert.deepEqual(recipe.data.transform, []);
    assert.deepEqual(
      ["freeze", "head", "phases", "output", "threads", "provider"].filter((key) => key in recipe),
      [],
    );
    assert.deepEqual(resolveRecipe(recipe, "/recipes/r.finetune.json").metrics, ["accuracy", "confusionMatrix"]);
  });

  it("reads comments, trailing commas and a byte order mark", () => {
    const text = `\uFEFF// a recipe\n${JSON.stringify(minimal).slice(0, -1)}, /* few */ "epochs": 3,\n}`;
    assert.equal(parse(text).epochs, 3);
  });

  it("takes every transform and every head layer", () => {
    const transform = [
      { reshape: [1, 8, 8] },
      { scale: { from: [0, 16], to: [0, 1] } },
      { normalize: { mean: [0.5], std: [0.25] } },
      { resize: [16, 16] },
      { resize: [16, 16], method: "nearest" },
      { pad: [20, 20] },
      { repeat: 3 },
    ];
    const layers = [
      { type: "flatten" },
      { type: "globalAveragePool" },
      { type: "dense", units: 4 },
      { type: "activation", function: "gelu" },
      { type: "dropout", rate: 0.5 },
    ];
    const recipe = parse({ ...minimal, data: { ...minimal.data, transform }, head: { layers } });
    assert.deepEqual(recipe.data.transform[3], { resize: [16, 16], method: "bilinear" });
    assert.deepEqual(recipe.data.transform[5], { pad: [20, 20], value: 0 });
    assert.deepEqual(recipe.head?.layers[2], { type: "dense", units: 4, bias: true });
  });

  it("reads the example beside the demo", () => {
    const path = join(__dirname, "../../../media/examples/digits/digits.finetune.json");
    const recipe = resolveRecipe(parseRecipe(readFileSync(path, "utf8"), path), path);
    assert.equal(phasesOf(recipe).length, 2);
    assert.equal(recipe.data.csv, join(path, "../digits.csv"));
  });

  it("tells of files that are no recipes, and of more threads than the machine can use", async () => {
    const folder = mkdtempSync(join(tmpdir(), "frostline-recipe-"));
    try {
      for (const [content, what] of [
        ["", "it is empty"],
        [" \n", "it is empty"],
        ["\x08\0onnx", "it is no text in UTF-8"],
      ]) {
        // prettier-ignore
        const path = join(folder, "model.onnx");
        writeFileSync(path, content);
        assert.equal((await failure("usage/recipe-file", () => loadRecipe(path))).message, `"${path}" does not look like a recipe: ${what}`);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
    assert.match(
      thrown(() => parse({ ...minimal, threads: 100000 })).message,
      /threads: expected at most \d+, four for each of this machine's \d+ cores, got 100000/,
    );
  });

  it("makes paths absolute, relative to the recipe", () => {
    const { model, data, output, folder } = resolveRecipe(parse({ ...minimal, output: "/out/o.onnx" }), "/recipes/a/r.json");
    assert.deepEqual([model, data.csv, output, folder], ["/recipes/a/m.onnx", "/recipes/a/d.csv", "/out/o.onnx", "/recipes/a"]);
  });

  it("refuses an output that would overwrite an input", () => {
    for (const output of ["m.onnx", "./x/../d.csv", "r.json"])
      assert.equal(thrown(() => resolveRecipe(parse({ ...minimal, output }), "/recipes/r.json")).code, "recipe/output", output);
  });
});

describe("problems of a recipe", () => {
  it("are told all at once, each with line, column and key", () => {
    const text = '{\n  "modle": "m.onnx",\n  "data": { "csv": "d.csv", "features": ["p*"], "label": "l" },\n  "epochs": 0\n}';
    const found = problems(text);
    assert.deepEqual(
      found.map(({ key, line, column }) => [key, line, column]),
      [["model", 1, 1], ["loss", 1, 1], ["modle", 2, 3], ["epochs", 4, 13]], // prettier-ignore
    );
    assert.equal(found[2].hint, 'Did you mean "model"?');
    assert.equal(found[3].message, "expected a number from 1 up, got 0");
  });

  it("name the file and list themselves in one message", () => {
    const error = thrown(() => parse({ ...minimal, epoch: 1, metric: [] }));
    assert.equal(
      error.message,
      [
        "r.finetune.json: 2 problems",
        '  1:107  epoch: unknown key "epoch" (Did you mean "epochs"?)',
        '  1:117  metric: unknown key "metric" (Did you mean "metrics"?)',
      ].join("\n"),
    );
    const single = thrown(() => parse({ ...minimal, optimiser: {} }));
    assert.equal(single.message, 'r.finetune.json:1:107: optimiser: unknown key "optimiser"');
    assert.equal(single.hint, 'Did you mean "optimizer"?');
  });

  it("say where JSON itself is broken", () => {
    const error = thrown(() => parse('{\n  "model": "m.onnx"\n  "data": {}\n}'));
    assert.equal(error.code, "recipe/syntax");
    assert.equal(error.message, "r.finetune.json:3:3: comma expected");
    assert.equal(thrown(() => parse("")).code, "recipe/syntax");
  });

  it("find keys that stand twice", () => {
    assert.deepEqual(problems(`${JSON.stringify(minimal).slice(0, -1)},"model":"n.onnx"}`)[0].message, "the key stands twice in the same object");
  });

  it("name the transform that was meant", () => {
    const of = (step: unknown): Told => problems({ ...minimal, data: { ...minimal.data, transform: [step] } })[0];
    assert.equal(of({ reszie: [2, 2] }).hint, 'Did you mean "resize"?');
    assert.equal(of({ resize: [2] }).message, "expected a list with at least 2 entries, got a list with 1 entry");
    assert.equal(of({ resize: [2, 2], methd: "nearest" }).hint, 'Did you mean "method"?');
    assert.equal(of({ resize: [2, 2], method: "cubic" }).message, 'expected "bilinear" or "nearest", got "cubic"');
    assert.match(of({ resize: [2, 2], pad: [3, 3] }).message, /do not go together: resize, pad/);
    assert.equal(of({ scale: { from: [1, 1], to: [0, 1] } }).key, "data.transform[0].scale.from");
    assert.equal(of(3).message, "expected an object, got 3");
  });

  it("name the nearest layer type, loss and value", () => {
    assert.equal(problems({ ...minimal, head: { layers: [{ type: "denze", units: 1 }] } })[0].hint, 'Did you mean "dense"?');
    assert.equal(problems({ ...minimal, loss: { type: "hubr" } })[0].hint, 'Did you mean "huber"?');
    assert.equal(problems({ ...minimal, batchNorm: "updte" })[0].hint, 'Did you mean "update"?');
  });

  it("keep values within their bounds", () => {
    assert.deepEqual(keysOf({ ...minimal, epochs: 1.5 }), ["epochs"]);
    assert.deepEqual(keysOf({ ...minimal, seed: -1 }), ["seed"]);
    assert.deepEqual(keysOf({ ...minimal, threads: 0 }), ["threads"]);
    assert.deepEqual(keysOf({ ...minimal, head: { layers: [] } }), ["head.layers"]);
    assert.deepEqual(keysOf({ ...minimal, head: { layers: [{ type: "dropout", rate: 1 }] } }), ["head.layers[0].rate"]);
    assert.deepEqual(keysOf({ ...minimal, data: { ...minimal.data, split: { validation: 0.5, test: 0.5 } } }), ["data.split"]);
    assert.deepEqual(keysOf({ ...minimal, optimizer: { learningRate: -1 } }), ["optimizer.learningRate"]);
    assert.deepEqual(keysOf({ ...minimal, loss: { type: "crossEntropy", classWeights: [1, 0] } }), ["loss.classWeights[1]"]);
    assert.deepEqual(keysOf({ ...minimal, loss: { type: "crossEntropy", classWeights: "even" } }), ["loss.classWeights"]);
    assert.deepEqual(keysOf({ ...minimal, loss: { type: "crossEntropy", labelSmoothing: 2 } }), ["loss.labelSmoothing"]);
    assert.deepEqual(keysOf({ ...minimal, optimizer: { betas: [0.9, 1] } }), ["optimizer.betas[1]"]);
  });

  it("come of settings that do not go together", () => {
    assert.deepEqual(keysOf({ ...minimal, optimizer: { momentum: 0.9 } }), ["optimizer.momentum"]);
    assert.deepEqual(keysOf({ ...minimal, optimizer: { type: "sgd", nesterov: true } }), ["optimizer.momentum"]);
    assert.deepEqual(keysOf({ ...minimal, optimizer: { type: "sgd" }, phases: [{ optimizer: { betas: [0, 0] } }] }), ["phases[0].optimizer.betas"]);
    assert.deepEqual(keysOf({ ...minimal, optimizer: { type: "lion", epsilon: 1e-6 } }), ["optimizer.epsilon"]);
    assert.deepEqual(keysOf({ ...minimal, schedule: { minimum: 0.1 } }), ["schedule.minimum"]);
    assert.deepEqual(keysOf({ ...minimal, schedule: { type: "oneCycle", every: 3 } }), ["schedule.every"]);
    assert.deepEqual(keysOf({ ...minimal, schedule: { warmup: 1.5 } }), ["schedule.warmup"]);
    assert.deepEqual(keysOf({ ...minimal, schedule: { type: "step", every: 0 } }), ["schedule.every"]);
    assert.deepEqual(keysOf({ ...minimal, metrics: ["meanAbsoluteError"] }), ["metrics[0]"]);
    assert.deepEqual(keysOf({ ...minimal, metrics: ["auc", "rSquared", "auc"] }), ["metrics[1]", "metrics[2]"]);
    assert.deepEqual(keysOf({ ...minimal, loss: { type: "binaryCrossEntropy" }, metrics: ["f1", { topKAccuracy: 2 }] }), ["metrics[1]"]);
    assert.equal(problems({ ...minimal, metrics: ["recal"] })[0].hint, 'Did you mean "recall"?');
    assert.deepEqual(keysOf({ ...minimal, metrics: [{ topKAccuracy: 0 }] }), ["metrics[0].topKAccuracy"]);
    assert.deepEqual(keysOf({ ...minimal, data: { ...minimal.data, label: ["a", "b"] } }), ["data.label"]);
    assert.deepEqual(keysOf({ ...minimal, loss: { type: "crossEntropy", delta: 2 } }), ["loss.delta"]);
    assert.deepEqual(keysOf({ ...minimal, loss: { type: "huber", labelSmoothing: 0.1, classWeights: "balanced" } }), [
      "loss.labelSmoothing",
      "loss.classWeights",
    ]);
    assert.deepEqual(keysOf({ ...minimal, loss: { type: "distillation", temperature: 0, alpha: 2 } }), ["loss.temperature", "loss.alpha"]);
    assert.deepEqual(keysOf({ ...minimal, loss: { type: "distillation", labelSmoothing: 0.1 } }), ["loss.labelSmoothing"]);
  });

  it("tell of updates that cannot be made", () => {
    const optimizer = { groups: [{ match: ["a*"], learningRate: 1 }, { match: ["b*"] }, { match: [], learningRate: 1 }] };
    assert.deepEqual(keysOf({ ...minimal, optimizer }), ["optimizer.groups[2].match"]);
    assert.deepEqual(keysOf({ ...minimal, phases: [{ optimizer: { groups: optimizer.groups.slice(0, 2) } }] }), ["phases[0].optimizer.groups[1]"]);
    assert.deepEqual(keysOf({ ...minimal, optimizer: { clip: { norm: 0, value: -1 } } }), ["optimizer.clip.norm", "optimizer.clip.value"]);
    assert.deepEqual(keysOf({ ...minimal, optimizer: { decay: [""] } }), ["optimizer.decay[0]"]);
    assert.deepEqual(keysOf({ ...minimal, accumulate: 0, ema: { decay: 1 }, earlyStopping: {} }), [
      "accumulate",
      "ema.decay",
      "earlyStopping.patience",
    ]);
    assert.deepEqual(keysOf({ ...minimal, earlyStopping: { patience: 1, minDelta: -1 } }), ["earlyStopping.minDelta"]);
    assert.deepEqual(keysOf({ ...minimal, schedule: { type: "reduceOnPlateau", every: 2 } }), ["schedule.every"]);
    assert.deepEqual(keysOf({ ...minimal, schedule: { type: "reduceOnPlateau", factor: 1 } }), ["schedule.factor"]);
    assert.deepEqual(keysOf({ ...minimal, schedule: { type: "cosine", patience: 2 } }), ["schedule.patience"]);
  });

  it("never come as anything but an engine error, whatever the text", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((j) => `{"model":${j},"data":{"transform":[${j}],"label":${j}},"head":${j}}`),
        ),
        (text) => {
          const { code, message } = thrown(() => parse(text));
          assert.match(code, /^recipe\/(syntax|invalid)$/);
          assert.ok(!message.includes("undefined"), message);
        },
      ),
    );
  });
});

describe("phases", () => {
  it("are one where the recipe names none", () => {
    const [phase, ...rest] = phasesOf(parse({ ...minimal, freeze: ["a*"], epochs: 4 }));
    assert.equal(rest.length, 0);
    assert.deepEqual(phase.freeze, ["a*"]);
    assert.equal(phase.epochs, 4);
    assert.deepEqual(phase.optimizer, { type: "adamw", learningRate: 0.001, betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.01 });
    assert.deepEqual(phase.schedule, { type: "constant" });
    assert.equal(phasesOf(parse(minimal))[0].freeze, undefined);
  });

  it("override what they name: objects merge, lists replace", () => {
    const [first, second] = phasesOf(
      parse({
        ...minimal,
        freeze: ["*", "!head.*"],
        optimizer: { type: "adamw", learningRate: 0.01, weightDecay: 0.2 },
        schedule: { type: "cosine", minimum: 0.001 },
        phases: [{ epochs: 2 }, { name: "deep", freeze: ["a*"], optimizer: { learningRate: 0.5 }, schedule: { minimum: 0 }, batchSize: 8 }],
      }),
    );
    assert.deepEqual([first.name, first.epochs, first.batchSize, first.freeze], ["phase 1", 2, 32, ["*", "!head.*"]]);
    assert.deepEqual([second.name, second.epochs, second.batchSize, second.freeze], ["deep", 10, 8, ["a*"]]);
    assert.deepEqual([second.optimizer.type, second.optimizer.learningRate, second.optimizer.weightDecay], ["adamw", 0.5, 0.2]);
    assert.deepEqual(second.schedule, { type: "cosine", minimum: 0 });
    const [warm] = phasesOf(parse({ ...minimal, schedule: { type: "oneCycle", warmup: 0.1, peak: 0.2 } }));
    assert.deepEqual(warm.schedule, { type: "oneCycle", peak: 0.2, startDivisor: 25, endDivisor: 10000, warmup: 0.1 });
  });

  it("accumulate, average, stop early and clip as they say, or as the recipe does", () => {
    const steering = { accumulate: 4, ema: {}, earlyStopping: { patience: 3 }, optimizer: { clip: { norm: 1, value: 2 }, decay: ["a"] } };
    const phases = [{}, { accumulate: 1, ema: false, earlyStopping: false, optimizer: { clip: { value: 5 } } }];
    const [first, second] = phasesOf(parse({ ...minimal, ...steering, phases }));
    assert.deepEqual([first.accumulate, first.averageDecay, first.earlyStopping], [4, 0.999, { patience: 3, minDelta: 0 }]);
    assert.deepEqual([first.clip, first.decay, first.groups], [{ norm: 1, value: 2 }, ["a"], []]);
    assert.deepEqual([second.accumulate, second.averageDecay, second.earlyStopping], [1, undefined, undefined]);
    assert.deepEqual([second.clip, second.decay], [{ value: 5 }, ["a"]]);
    const [plain] = phasesOf(parse(minimal));
    assert.deepEqual([plain.accumulate, plain.averageDecay, plain.earlyStopping], [1, undefined, undefined]);
    assert.deepEqual([plain.clip, plain.decay, plain.groups], [{}, ["*"], []]);
  });

  it("take only what all types mean alike over from an optimizer of another type", () => {
    const groups = [{ match: ["a*"], learningRate: 0.1 }];
    const carried = { groups, decay: ["b*"], clip: { norm: 1 } };
    const [other] = phasesOf(parse({ ...minimal, optimizer: { type: "sgd", ...carried }, phases: [{ optimizer: { type: "lion" } }] }));
    assert.deepEqual({ groups: other.groups, decay: other.decay, clip: other.clip }, carried);
    const base = { type: "sgd", learningRate: 0.3, momentum: 0.9, weightDecay: 0.5 };
    const [phase] = phasesOf(parse({ ...minimal, optimizer: base, phases: [{ optimizer: { type: "adam" } }] }));
    assert.deepEqual(phase.optimizer, { type: "adam", learningRate: 0.3, betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0 });
    const schedule = { type: "cosine", minimum: 0.1 };
    assert.deepEqual(phasesOf(parse({ ...minimal, schedule, phases: [{ schedule: { type: "constant" } }] }))[0].schedule, { type: "constant" });
  });
});

describe("the recipe's JSON schema", () => {
  const schema = recipeJsonSchema() as {
    readonly properties: Readonly<Record<string, { readonly description?: string }>>;
    readonly required: readonly string[];
  };

  it("requires what has no default, and describes every key", () => {
    assert.deepEqual([...schema.required].sort(), ["data", "loss", "model"]);
    assert.deepEqual(
      Object.entries(schema.properties).filter(([, { description }]) => (description ?? "") === "").map(([key]) => key), // prettier-ignore
      [],
    );
  });
});
