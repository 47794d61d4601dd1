// The recipes under media/examples from end to end, on fewer samples than they have.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseRecipe, type Recipe } from "../../core/train/recipe.js";
import { root } from "../support/prepare.mjs";
import { eventOf, events, frostline } from "../support/cli.js";
import { weightBytes, Workspace } from "../support/training.js";

const examples = join(root, "media/examples");
const node = promisify(execFile);

async function exampleRecipe(path: string): Promise<Recipe> {
  return parseRecipe(await readFile(join(examples, path), "utf8"), path);
}

let space: Workspace;

beforeEach(async () => {
  space = await Workspace.create();
});
afterEach(() => space.remove());

describe("the example of digits as pictures", () => {
  /** The example's recipe for pictures in this test's folder, a few epochs long. */
  async function writeRecipe(data: object = {}): Promise<void> {
    const recipe = await exampleRecipe("digits-images/digits-images.finetune.json");
    const model = join(examples, "digits-images", recipe.model);
    const { images, ...rest } = recipe.data;
    assert.equal(images, "images");
    await space.writeFile("r.finetune.json", JSON.stringify({ ...recipe, model, epochs: 2, batchSize: 16, threads: 1, output: "out.onnx", data: { ...rest, images, ...data } })); // prettier-ignore
  }

  it("trains on the pictures that its script writes, the same bytes whether stopped or not", async () => {
    const { stdout } = await node(process.execPath, [join(examples, "digits-images/write-images.mjs"), space.path("images"), "60"]);
    assert.match(stdout, /^60 pictures are in /);
    assert.deepEqual(await readdir(space.path("images")), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    await writeRecipe();
    const whole = await frostline(["train", "r.finetune.json", "--json"], { cwd: space.folder });
    assert.equal(whole.status, 0, whole.stdout);
    const all = events(whole.stdout);
    const { samples, augmented, prefix } = eventOf(all, "plan");
    assert.deepEqual([samples, augmented], [{ train: 34, validation: 6, test: 20 }, true]);
    assert.ok(prefix !== undefined);
    assert.match(eventOf(all, "warning").message, /data\.augment makes new training samples in every epoch/);
    const { proof } = eventOf(all, "done");
    assert.equal(proof.unchanged, proof.frozen);
    const weights = weightBytes(await space.tensors());
    let stopped = false;
    const cut = await frostline(["train", "r.finetune.json", "--json"], {
      cwd: space.folder,
      onOutput: (text, child) => {
        if (stopped || !text.includes('"event":"step"')) return;
        stopped = true;
        child.kill("SIGINT");
      },
    });
    const { run, reason } = eventOf(events(cut.stdout), "done");
    assert.equal(reason, "stopped");
    const resumed = await frostline(["train", "r.finetune.json", "--json", "--resume", run], { cwd: space.folder });
    assert.equal(resumed.status, 0, resumed.stdout);
    assert.deepEqual(weightBytes(await space.tensors()), weights);
  });

  it("stops at files that are no pictures, or leaves them out", async () => {
    await node(process.execPath, [join(examples, "digits-images/write-images.mjs"), space.path("images"), "40"]);
    await writeFile(space.path("images/3/broken.png"), "no picture");
    await copyFile(space.path("images/0/0001.png"), space.path("images/stray.png"));
    await writeRecipe();
    const refused = await frostline(["train", "r.finetune.json"], { cwd: space.folder });
    assert.equal(refused.status, 3);
    assert.match(refused.stderr, /2 .*cannot be used/);
    assert.match(refused.stderr, /3.broken\.png: it is no image/);
    assert.match(refused.stderr, /stray\.png: it lies in no class's folder/);
    await writeRecipe({ onBadSample: "skip", augment: [{ mixup: 0.2 }] });
    const { status, stdout } = await frostline(["train", "r.finetune.json", "--json"], { cwd: space.folder });
    assert.equal(status, 0, stdout);
    const skipped = events(stdout).find((e) => e.event === "warning" && e.code === "data/skipped");
    assert.ok(skipped !== undefined);
  });
});

describe("the example of clothes", () => {
  /** An IDX file of bytes. */
  const idx = (shape: readonly number[], values: Uint8Array): Buffer => {
    const header = Buffer.alloc(4 + 4 * shape.length);
    header.set([0, 0, 8, shape.length]);
    shape.forEach((size, i) => header.writeUInt32BE(size, 4 + 4 * i));
    return Buffer.concat([header, values]);
  };

  it("trains the head on the model that its script writes", async () => {
    await node(process.execPath, ["--import", "tsx", join(examples, "fashion-mnist/write-model.mjs"), space.path("pixels.onnx")], { cwd: root });
    const recipe = await exampleRecipe("fashion-mnist/fashion-mnist.finetune.json");
    for (const [part, count] of [["train", 120], ["test", 40]] as const) {
      // Each class has its own bright row.
      const pixels = Uint8Array.from({ length: count * 784 }, (_, i) => (Math.floor((i % 784) / 28) === (Math.floor(i / 784) % 10) * 2 ? 255 : i % 7));
      await writeFile(space.path(`${part}-images`), idx([count, 28, 28], pixels));
      await writeFile(space.path(`${part}-labels`), idx([count], Uint8Array.from({ length: count }, (_, i) => i % 10)));
    } // prettier-ignore
    const files = (part: string) => ({ samples: `${part}-images`, labels: `${part}-labels` });
    assert.equal(recipe.model, "pixels.onnx");
    const data = { ...recipe.data, idx: files("train"), test: { idx: files("test") } };
    await space.writeFile("r.finetune.json", JSON.stringify({ ...recipe, data, epochs: 8, batchSize: 16, threads: 1, output: "out.onnx" }));
    const { status, stdout } = await frostline(["train", "r.finetune.json", "--json"], { cwd: space.folder });
    assert.equal(status, 0, stdout);
    const all = events(stdout);
    const { samples, totals, prefix } = eventOf(all, "plan");
    assert.deepEqual([samples, totals.trainable, prefix], [{ train: 108, validation: 12, test: 40 }, 535_818, undefined]);
    assert.equal(eventOf(all, "done").metrics.test?.accuracy, 1);
  });
});
