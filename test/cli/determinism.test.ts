// The demo's recipe in two processes, one with a cold and one with a warm cache: the same weights, byte by byte.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "jsonc-parser";
import { readModel } from "../../core/onnx/file.js";
import type { Recipe } from "../../core/train/recipe.js";
import { eventOf, events, frostline } from "../support/cli.js";
import { weightBytes } from "../support/training.js";

const demo = join(__dirname, "../../media/examples/digits");
/** Rows of the demo's table: enough to go through all of it, few enough to be quick. */
const rows = 96;

describe("the demo's recipe", () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "frostline-demo-"));
    const recipe = parse(await readFile(join(demo, "digits.finetune.json"), "utf8")) as Recipe;
    const table = await readFile(join(demo, "digits.csv"), "utf8");
    await writeFile(join(folder, "digits.csv"), table.split("\n").slice(0, rows + 1).join("\n") + "\n"); // prettier-ignore
    await writeFile(
      join(folder, "digits.finetune.json"),
      JSON.stringify({ ...recipe, model: join(demo, recipe.model), phases: recipe.phases?.map((phase) => ({ ...phase, epochs: 1 })) }),
    );
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function run() {
    const { status, stdout, stderr } = await frostline(["train", join(folder, "digits.finetune.json"), "--json"]);
    assert.equal(status, 0, stderr);
    const done = eventOf(events(stdout), "done");
    const record = JSON.parse(await readFile(join(done.folder, "run.json"), "utf8")) as {
      prefix: { executions: number };
      threads: number;
      provider: string;
    };
    return { weights: weightBytes((await readModel(join(folder, "digits.onnx"))).graph.initializers), metrics: done.metrics, record };
  }

  it("gives the same bytes from a process with a cold cache and one with a warm cache", async function () {
    this.timeout(120_000);
    const cold = await run();
    const warm = await run();
    assert.equal(cold.record.prefix.executions, 2 * Math.ceil(rows / 16), "once per sample and phase");
    assert.equal(warm.record.prefix.executions, 0);
    assert.deepEqual(warm.weights, cold.weights);
    assert.deepEqual(warm.metrics, cold.metrics);
    assert.deepEqual([warm.record.threads, warm.record.provider], [cold.record.threads, cold.record.provider]);
  });
});
