// A real model is fine-tuned in the extension host: through the extension's API, with its results on the disk.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import * as vscode from "vscode";
import type { FrostlineApi } from "../../../extension/api.js";
import { demoFolder, type DemoFolder } from "../../support/demo.js";
import { extension, note, workspaceFolder } from "../support/extension.js";

/** Milliseconds that the event loop was late while something went on: the 99th percentile. */
async function eventLoopDelay<T>(work: () => Promise<T>): Promise<{ readonly p99: number; readonly result: T }> {
  const histogram = monitorEventLoopDelay({ resolution: 5 });
  histogram.enable();
  const result = await work();
  histogram.disable();
  return { p99: histogram.percentile(99) / 1e6, result };
}

const made: DemoFolder[] = [];

async function demo(): Promise<DemoFolder> {
  const folder = await demoFolder(60, {}, workspaceFolder());
  made.push(folder);
  return folder;
}

describe("fine-tuning in the extension host", function () {
  this.timeout(180_000);
  let api: FrostlineApi;
  before(async () => {
    api = await extension().activate();
  });
  after(() => Promise.all(made.map(({ folder }) => rm(folder, { recursive: true, force: true }))));

  it("trains a recipe, exports the model and proves what was frozen, and leaves the event loop free", async () => {
    const { recipe, output } = await demo();
    const idle = await eventLoopDelay(() => delay(1_000));
    const { p99, result: done } = await eventLoopDelay(() => api.startRun(vscode.Uri.file(recipe)));
    note(`event loop of the extension host, 99th percentile: ${idle.p99.toFixed(1)} ms idle, ${p99.toFixed(1)} ms while training`);
    assert.equal(done.reason, "completed");
    assert.equal(done.output, output);
    assert.ok(existsSync(output));
    assert.ok(done.proof.frozen > 10);
    assert.equal(done.proof.unchanged, done.proof.frozen);
    const record = await readFile(`${done.folder}/events.jsonl`, "utf8");
    assert.match(record, /"event":"done"/);
  });

  it("trains two recipes at once, and tells their progress apart", async () => {
    const both = await Promise.all([demo(), demo()]);
    const steps = new Map<string, number>();
    const listener = api.onProgress(({ recipe, event }) => {
      if (event.event === "step") steps.set(recipe.fsPath, (steps.get(recipe.fsPath) ?? 0) + 1);
    });
    const ends = await Promise.all(both.map(({ recipe }) => api.startRun(vscode.Uri.file(recipe))));
    listener.dispose();
    assert.deepEqual(
      ends.map(({ reason, output }) => ({ reason, output })),
      both.map(({ output }) => ({ reason: "completed", output })),
    );
    assert.deepEqual([...steps.keys()].sort(), both.map(({ recipe }) => recipe).sort()); // prettier-ignore
  });

  it("names what a recipe lacks, and trains the next one", async () => {
    const bad = await demoFolder(60, { freeze: ["nothing-like-this"] }, workspaceFolder());
    made.push(bad);
    await assert.rejects(api.startRun(vscode.Uri.file(bad.recipe)), /nothing-like-this/);
    const { recipe } = await demo();
    assert.equal((await api.startRun(vscode.Uri.file(recipe))).reason, "completed");
  });
});
