// The demo's recipe in two processes, one with a cold and one with a warm cache: the same weights, byte by byte.

import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { readModel } from "../../core/onnx/file.js";
import { eventOf, events, frostline } from "../support/cli.js";
import { demoFolder, type DemoFolder } from "../support/demo.js";
import { weightBytes } from "../support/training.js";

/** Rows of the demo's table: enough to go through all of it, few enough to be quick. */
const rows = 96;

describe("the demo's recipe", () => {
  let demo: DemoFolder;
  before(async () => {
    demo = await demoFolder(rows);
  });
  after(() => rm(demo.folder, { recursive: true, force: true }));

  async function run() {
    const { status, stdout, stderr } = await frostline(["train", demo.recipe, "--json"]);
    assert.equal(status, 0, stderr);
    const done = eventOf(events(stdout), "done");
    const record = JSON.parse(await readFile(join(done.folder, "run.json"), "utf8")) as {
      prefix: { executions: number };
      threads: number;
      provider: string;
    };
    return { weights: weightBytes((await readModel(demo.output)).graph.initializers), metrics: done.metrics, record };
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
