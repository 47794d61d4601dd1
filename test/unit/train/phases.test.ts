// Phases: where each starts, what it keeps of the one before, which weights are tested and exported, and what stays frozen.

import assert from "node:assert/strict";
import { numbersOf } from "../../../core/graph/tensor.js";
import { readModel } from "../../../core/onnx/file.js";
import { readTrainingMetadata } from "../../../core/train/metadata.js";
import { hashTensor } from "../../../core/train/proof.js";
import { failure } from "../../support/failure.js";
import { blobs, classifier, weightBytes, Workspace, type Finished } from "../../support/training.js";

const layers = ["fc1", "fc2", "fc3"].flatMap((layer) => [`${layer}.weight`, `${layer}.bias`]);

describe("phases and freezing", () => {
  let space: Workspace;
  let base: Readonly<Record<string, string>>;

  beforeEach(async () => {
    space = await Workspace.create();
    await space.writeGraph(classifier());
    await space.writeTable(blobs(60, 4, 3));
    base = weightBytes(await space.tensors("model.onnx"));
  });
  afterEach(() => space.remove());

  /** Runs a recipe and answers which tensors differ from the base model's. */
  async function changedBy(recipe: Readonly<Record<string, unknown>>): Promise<readonly string[]> {
    await space.train(recipe);
    const after = weightBytes(await space.tensors());
    assert.deepEqual(Object.keys(after), Object.keys(base));
    return layers.filter((name) => after[name] !== base[name]);
  }

  const marksOf = ({ record }: Finished, phase = 0): Readonly<Record<string, string>> =>
    Object.fromEntries(record.plan[phase].marks.map(({ name, mark, reason }) => [name, reason === undefined ? mark : `${mark} (${reason})`]));

  it("trains everything where nothing is frozen, and only a bias where all else is", async () => {
    assert.deepEqual(await changedBy({ freeze: [] }), layers);
    assert.deepEqual(await changedBy({ freeze: ["*", "!fc1.bias"] }), ["fc1.bias"]);
    assert.deepEqual(
      await changedBy({ freeze: ["fc2.*"] }),
      layers.filter((name) => !name.startsWith("fc2")),
    );
  });

  it("keeps momentum and weight decay away from frozen tensors", async () => {
    for (const optimizer of [
      { type: "sgd", learningRate: 0.1, momentum: 0.9, weightDecay: 0.5, nesterov: true },
      { type: "adamw", learningRate: 0.1, weightDecay: 0.5 },
      { type: "adam", learningRate: 0.1, weightDecay: 0.5 },
    ])
      assert.deepEqual(await changedBy({ freeze: ["*", "!*.bias"], optimizer }), ["fc1.bias", "fc2.bias", "fc3.bias"]);
  });

  it("leaves alone what only reaches the loss through a stopped value, and says so", async () => {
    const finished = await space.train({ stopGradient: ["a1"] });
    const after = weightBytes(await space.tensors());
    assert.deepEqual(layers.filter((name) => after[name] !== base[name]), layers.slice(2)); // prettier-ignore
    assert.equal(marksOf(finished)["fc1.weight"], "blocked (stop)");
    assert.deepEqual(finished.result.proof, { frozen: 2, unchanged: 2, changed: [] });
    assert.ok(!finished.events.some((e) => e.event === "warning"));
    const asked = await space.train({ stopGradient: ["a1"], freeze: ["*", "!fc1.weight", "!fc3.*"] });
    assert.match(asked.events.find((e) => e.event === "warning")?.message ?? "", /"fc1.weight" is asked to train.*stop/);
  });

  it("refuses plans that fit nothing or leave nothing, before a run begins", async () => {
    const nothing = await failure("recipe/nothing-trainable", () => space.train({ freeze: ["*"] }));
    assert.match(nothing.message, /6 parameters are frozen/);
    const typo = await failure("recipe/no-match", () => space.train({ freeze: ["*", "!fc33.*"] }));
    assert.match(typo.hint ?? "", /!fc3\.\*/);
    await failure("recipe/nothing-trainable", () => space.train({ stopGradient: ["logits"] }));
    await failure("recipe/unknown-value", () => space.train({ stopGradient: ["logit"] }));
    // A mistake in the last phase is found before the first one runs.
    await failure("recipe/no-match", () => space.train({ phases: [{ epochs: 1 }, { freeze: ["fcx*"] }] }));
    await assert.rejects(space.bytes());
  });

  it("starts a phase from the best epoch of the one before, and exports the best of all", async () => {
    // A rate at which the loss jumps about, so that the best epoch is not the last one.
    const recipe = {
      data: { split: { validation: 0.3, test: 0.2 } },
      seed: 5,
      phases: [
        { name: "wild", epochs: 8, optimizer: { learningRate: 1.5 } },
        { name: "still", epochs: 1, freeze: ["*", "!fc3.bias"], optimizer: { learningRate: 0 } },
      ],
    };
    const { result, events } = await space.train(recipe);
    const losses = events.flatMap((e) => (e.event === "epoch" && e.phase === "wild" ? [e.validation?.loss ?? NaN] : []));
    const best = losses.indexOf(Math.min(...losses));
    assert.ok(best < losses.length - 1, losses.join());
    assert.equal(result.metrics.phases[0].epoch, best + 1);
    assert.equal(result.metrics.phases[0].validation?.loss, losses[best]);
    // The second phase changes nothing: same weights, same metrics; on a tie the earlier phase is exported.
    assert.ok(Math.abs((result.metrics.phases[1].validation?.loss ?? 0) - losses[best]) < 1e-6);
    assert.ok(Math.abs((result.metrics.phases[1].test?.loss ?? 0) - (result.metrics.phases[0].test?.loss ?? 1)) < 1e-6);
    const whole = weightBytes(await space.tensors());
    await space.train({ ...recipe, phases: [{ ...recipe.phases[0], epochs: best + 1 }] });
    assert.deepEqual(weightBytes(await space.tensors()), whole, "the bytes of the best epoch");
  });

  it("exports an earlier phase that was better, and keeps what it trained where a later one froze it", async () => {
    const phases = [
      { name: "good", epochs: 4 },
      { name: "bad", epochs: 2, freeze: ["fc1.*"], optimizer: { learningRate: 30 } },
    ];
    const recipe = { data: { split: { validation: 0.3 } }, optimizer: { type: "sgd", learningRate: 0.05 }, phases };
    const { result, record } = await space.train(recipe);
    assert.equal(result.metrics.best, "good");
    const both = weightBytes(await space.tensors());
    await space.train({ ...recipe, phases: phases.slice(0, 1) });
    assert.deepEqual(weightBytes(await space.tensors()), both);
    assert.deepEqual(record.proof.spans.map(({ phase, readBack }) => [phase, readBack]), [["good", true], ["bad", false]]); // prettier-ignore
    // Frozen in the second phase: as the first one left it, not as the base model had it.
    const tensors = await space.tensors();
    assert.equal(record.proof.spans[1].before["fc1.weight"], hashTensor(tensors.get("fc1.weight")!)); // prettier-ignore
    assert.notEqual(both["fc1.weight"], base["fc1.weight"]);
  });

  it("keeps optimizer state of what stays trainable, and starts anew under another optimizer", async () => {
    // Two phases of the same settings without shuffling are one phase of twice the epochs.
    const optimizer = { type: "sgd", learningRate: 0.05, momentum: 0.9 };
    const bytesOf = async (recipe: Readonly<Record<string, unknown>>) => {
      await space.train({ optimizer, shuffle: false, freeze: ["fc1.*"], ...recipe });
      return weightBytes(await space.tensors());
    };
    const whole = await bytesOf({ epochs: 4 });
    assert.deepEqual(await bytesOf({ phases: [{ epochs: 2 }, { epochs: 2 }] }), whole);
    const adam = { type: "adam", learningRate: 0.01 };
    assert.deepEqual(await bytesOf({ optimizer: adam, phases: [{ epochs: 2 }, { epochs: 2 }] }), await bytesOf({ optimizer: adam, epochs: 4 }));
    // Frozen in between: its state is gone, unlike the others'.
    const between = await bytesOf({
      phases: [{ epochs: 2 }, { epochs: 1, freeze: ["fc1.*", "fc2.*"], optimizer: { learningRate: 0 } }, { epochs: 2 }],
    });
    assert.notDeepEqual(between, whole);
    // Away to another type and back: as a run of its own from the weights in between.
    await space.train({ shuffle: false, freeze: ["fc1.*"], optimizer: adam, epochs: 1, output: "middle.onnx" });
    await space.train({ model: "middle.onnx", shuffle: false, freeze: ["fc1.*"], optimizer, epochs: 2 });
    const apart = weightBytes(await space.tensors());
    assert.deepEqual(await bytesOf({ optimizer: adam, phases: [{ epochs: 1 }, { epochs: 2, optimizer }] }), apart);
  });

  it("records marks, spans and hashes of every phase in the run and in the exported model", async () => {
    const phases = [{ name: "a", epochs: 1, freeze: ["*", "!fc3.*"] }, { name: "b", epochs: 2, freeze: ["fc1.*"] }]; // prettier-ignore
    const finished = await space.train({ phases, batchSize: 20 });
    const { metadata } = await readModel(space.path("out.onnx"));
    const { proof = [], trained, freezePlan, run } = readTrainingMetadata(metadata);
    assert.deepEqual(proof, finished.record.proof.spans);
    assert.deepEqual(proof.map(({ phase, steps }) => [phase, steps]), [["a", [0, 3]], ["b", [3, 9]]]); // prettier-ignore
    assert.deepEqual(Object.keys(proof[0].before), layers.slice(0, 4));
    assert.deepEqual(Object.keys(proof[1].before), layers.slice(0, 2));
    for (const [name, tensor] of await space.tensors("model.onnx"))
      if (name in proof[0].before) assert.equal(proof[0].before[name], hashTensor(tensor));
    assert.deepEqual(trained, ["fc3.weight", "fc3.bias", "fc2.weight", "fc2.bias"]);
    assert.deepEqual(freezePlan?.map(({ freeze }) => freeze), phases.map(({ freeze }) => freeze)); // prettier-ignore
    assert.equal(run, finished.result.run);
    assert.deepEqual(finished.result.proof, { frozen: 4, unchanged: 4, changed: [] });
    assert.deepEqual(marksOf(finished, 1), Object.fromEntries(layers.map((name) => [name, name.startsWith("fc1") ? "frozen" : "trainable"])));
  });

  it("stops a run that diverges, without exporting", async () => {
    const recipe = { optimizer: { type: "sgd", learningRate: 1e30 }, freeze: [], epochs: 3 };
    const error = await failure("run/diverged", () => space.train(recipe));
    assert.match(error.message, /diverged/);
    // In the very last step: no later loss would tell.
    await failure("run/diverged", () => space.train({ ...recipe, batchSize: 60, epochs: 1, optimizer: { type: "sgd", learningRate: 1e39 } }));
    await assert.rejects(space.bytes());
  });

  it("moves every weight by the rate times its gradient in one step of plain SGD", async () => {
    const linear = classifier();
    await space.writeGraph({ ...linear, nodes: [{ ...linear.nodes[4], inputs: ["x", "w", "b"] }], initializers: new Map([["w", { ...linear.initializers.get("fc1.weight")!, shape: [3, 4], data: (linear.initializers.get("fc1.weight")!.data as Uint8Array).slice(0, 48) }], ["b", linear.initializers.get("fc3.bias")!]]) }); // prettier-ignore
    const rows = blobs(7, 4, 3);
    await space.writeTable(rows);
    const read = async (file: string) => {
      const tensors = await space.tensors(file);
      return { w: numbersOf(tensors.get("w")!), b: numbersOf(tensors.get("b")!) }; // prettier-ignore
    };
    await space.train({ epochs: 1, batchSize: 7, optimizer: { type: "sgd", learningRate: 0.25 } });
    const [start, end] = [await read("model.onnx"), await read("out.onnx")];
    // d loss / d logits = (softmax − one-hot) / samples.
    const w = new Float64Array(12);
    const b = new Float64Array(3);
    for (const [label, ...x] of rows) {
      const logits = [0, 1, 2].map((c) => x.reduce((sum, v, i) => sum + v * start.w[c * 4 + i], start.b[c]));
      const total = logits.reduce((sum, l) => sum + Math.exp(l), 0);
      for (const c of [0, 1, 2]) {
        const d = (Math.exp(logits[c]) / total - (c === label ? 1 : 0)) / rows.length;
        b[c] += d;
        x.forEach((v, i) => (w[c * 4 + i] += d * v));
      }
    }
    const near = (got: Float64Array, want: Float64Array): void =>
      got.forEach((v, i) => assert.ok(Math.abs(v - want[i]) < 1e-6, `${v} for ${want[i]}`));
    near(end.w, start.w.map((v, i) => v - 0.25 * w[i])); // prettier-ignore
    near(end.b, start.b.map((v, i) => v - 0.25 * b[i])); // prettier-ignore
    // Adam's first step is the rate against the gradient's sign, whatever the gradient's size.
    await space.train({ epochs: 1, batchSize: 7, optimizer: { type: "adam", learningRate: 0.01 } });
    near((await read("out.onnx")).w, start.w.map((v, i) => v - (0.01 * w[i]) / (Math.abs(w[i]) + 1e-8))); // prettier-ignore
    // AdamW shrinks the weights by rate times decay besides.
    await space.train({ epochs: 1, batchSize: 7, optimizer: { type: "adamw", learningRate: 0.01, weightDecay: 0.1 } });
    near((await read("out.onnx")).w, start.w.map((v, i) => v * 0.999 - (0.01 * w[i]) / (Math.abs(w[i]) + 1e-8))); // prettier-ignore
  });

  it("lowers the full-batch loss by the rate times the squared length of the gradient", async () => {
    const learningRate = 1e-3;
    const { events } = await space.train({ epochs: 2, batchSize: 60, optimizer: { type: "sgd", learningRate } });
    const [before, after] = events.flatMap((e) => (e.event === "step" ? [e.loss] : []));
    await space.train({ epochs: 1, batchSize: 60, optimizer: { type: "sgd", learningRate } });
    const [start, end] = [await space.tensors("model.onnx"), await space.tensors()];
    let squared = 0;
    for (const [name, tensor] of start) {
      const moved = numbersOf(end.get(name)!); // prettier-ignore
      numbersOf(tensor).forEach((v, i) => (squared += ((v - moved[i]) / learningRate) ** 2));
    }
    const predicted = learningRate * squared;
    assert.ok(Math.abs((before - after - predicted) / predicted) < 0.02, `${before - after} for ${predicted}`);
  });
});
