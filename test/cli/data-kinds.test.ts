// A training from each kind of file, as processes of their own: the same samples give the same weights, whatever they are read from.

import assert from "node:assert/strict";
import { eventOf, events, frostline } from "../support/cli.js";
import { writeDigits } from "../support/digits.js";
import { graphOf, info, node } from "../support/graphs.js";
import { noise, weightBytes, Workspace } from "../support/training.js";

describe("training from each kind of file", () => {
  let space: Workspace;
  before(async () => {
    space = await Workspace.create();
    await space.writeGraph(
      graphOf({
        opset: 17,
        inputs: [info("x", ["N", 64])],
        outputs: [info("logits", ["N", 10])],
        nodes: [
          node("Gemm", ["x", "w1", "b1"], ["h"], {}, "/hidden/Gemm"),
          node("Relu", ["h"], ["a"], {}, "/hidden/Relu"),
          node("Gemm", ["a", "w2", "b2"], ["logits"], {}, "/out/Gemm"),
        ],
        tensors: { w1: noise([64, 16], 1), b1: noise([16], 2), w2: noise([16, 10], 3), b2: noise([10], 4) },
      }),
    );
  });
  after(() => space.remove());

  it("gives the same bytes from all of them", async function () {
    this.timeout(120_000);
    const kinds = await writeDigits(space.folder, 400);
    const weights = new Map<string, string>();
    for (const [kind, data] of Object.entries(kinds)) {
      const recipe = {
        model: "model.onnx",
        data: { ...data, split: { validation: 0.2, test: 0.25 }, transform: [{ scale: { from: [0, 16], to: [0, 1] } }] },
        loss: { type: "crossEntropy" },
        optimizer: { type: "adam", learningRate: 0.02 },
        epochs: 8,
        threads: 1,
        output: `${kind}.onnx`,
      };
      await space.writeFile("r.finetune.json", JSON.stringify(recipe));
      const { status, stdout } = await frostline(["train", "r.finetune.json", "--json"], { cwd: space.folder });
      assert.equal(status, 0, stdout);
      assert.ok((eventOf(events(stdout), "done").metrics.test?.accuracy ?? 0) > 0.75, kind);
      weights.set(kind, JSON.stringify(weightBytes(await space.tensors(`${kind}.onnx`))));
    }
    assert.deepEqual([...weights.keys()], ["csv", "jsonl", "parquet", "npz", "npy", "idx"]);
    assert.equal(new Set(weights.values()).size, 1);
  });
});
