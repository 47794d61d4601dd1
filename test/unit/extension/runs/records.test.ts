import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownIdentity } from "../../../../core/process-identity.js";
import { isResumable, listRuns, readRun } from "../../../../extension/runs/records.js";

describe("runs on disk", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "frostline-records-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function write(id: string, files: Readonly<Record<string, string>>): Promise<string> {
    await mkdir(join(folder, id));
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, id, name), text);
    return join(folder, id);
  }
  const record = (status: string): string => JSON.stringify({ status, recipe: { path: "/w/a.finetune.json", model: "/w/m.onnx" } });

  it("are going on while the process that locked them is there, and were cut off when it is gone", async () => {
    const going = await write("1", { "run.json": record("running"), "run.lock": JSON.stringify(ownIdentity()) });
    const cut = await write("2", { "run.json": record("running"), "run.lock": '{"pid":2147483646,"started":"1"}', "checkpoint.safetensors": "" });
    assert.deepEqual(await readRun(going), {
      id: "1",
      folder: going,
      recipe: "/w/a.finetune.json",
      model: "/w/m.onnx",
      status: "running",
      pid: process.pid,
      hasCheckpoint: false,
    });
    const interrupted = await readRun(cut);
    assert.equal(interrupted?.status, "interrupted");
    assert.equal(isResumable(interrupted), true);
  });

  it("are listed newest first; what is no run is left out", async () => {
    await write("2026-01-01", { "run.json": record("stopped") });
    await write("2026-02-01", { "run.json": record("completed") });
    await write("2026-03-01", { "run.json": "{ cut" });
    const runs = await listRuns([folder, folder, join(folder, "nowhere")]);
    assert.deepEqual(runs.map(({ id, status }) => [id, status]), [["2026-02-01", "completed"], ["2026-01-01", "stopped"]]); // prettier-ignore
    assert.deepEqual(runs.map(isResumable), [false, false]);
  });
});
