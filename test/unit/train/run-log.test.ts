import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TrainEvent } from "../../../core/train/events.js";
import { makeFolder } from "../../../core/train/files.js";
import { createRun, findRun, runsFolderOf } from "../../../core/train/run-log.js";
import { failure } from "../../support/failure.js";

const event: TrainEvent = { event: "checkpoint", phase: "p", step: 3, path: "c" };

describe("the record of a run", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "frostline-runs-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("lies in its folder, under an id that sorts by time", async () => {
    const run = await createRun(folder);
    assert.match(run.id, /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-[0-9a-f]{4}$/);
    assert.equal(run.folder, join(folder, run.id));
    run.close();
  });

  it("keeps one event a line, at once", async () => {
    const run = await createRun(folder);
    run.append(event);
    run.append({ ...event, step: 4 });
    const text = await readFile(join(run.folder, "events.jsonl"), "utf8");
    assert.deepEqual(text.trimEnd().split("\n").map((line) => JSON.parse(line) as unknown), [event, { ...event, step: 4 }]); // prettier-ignore
    run.close();
  });

  it("replaces run.json in one step", async () => {
    const run = await createRun(folder);
    await run.write({ status: "running" });
    await run.write({ status: "completed" });
    assert.deepEqual(JSON.parse(await readFile(join(run.folder, "run.json"), "utf8")), { status: "completed" });
    assert.deepEqual((await readdir(run.folder)).sort(), ["events.jsonl", "run.json", "run.lock"]);
    run.close();
  });

  it("goes on under its id or its folder, on a line of its own after a crash", async () => {
    const run = await createRun(folder);
    await run.write({});
    run.append(event);
    run.close();
    await appendFile(join(run.folder, "events.jsonl"), '{"event":"st');
    for (const name of [run.id, run.folder]) {
      const again = await findRun(folder, name);
      assert.equal(again.id, run.id);
      again.append(event);
      again.close();
    }
    const lines = (await readFile(join(run.folder, "events.jsonl"), "utf8")).trimEnd().split("\n");
    assert.deepEqual(lines, [JSON.stringify(event), '{"event":"st', JSON.stringify(event), JSON.stringify(event)]);
  });

  it("is not found under another name, and the nearest is proposed", async () => {
    const run = await createRun(folder);
    run.close();
    const error = await failure("usage/run", () => findRun(folder, `${run.id.slice(0, -1)}x`));
    assert.equal(error.hint, `Did you mean "${run.id}"?`);
  });

  it("belongs to one process at a time, until it is closed or the process is gone", async () => {
    const run = await createRun(folder);
    await run.write({});
    const error = await failure("usage/run-in-use", () => findRun(folder, run.id));
    assert.equal(error.message, `run "${run.id}" is going on in process ${process.pid}`);
    run.close();
    const lock = join(run.folder, "run.lock");
    assert.equal(existsSync(lock), false);
    // No process has such a number; the second one has ours, but another start.
    for (const left of ['{"pid":2147483646,"started":"1"}', `{"pid":${process.pid},"started":"before"}`, "cut sho"]) {
      await writeFile(lock, left);
      (await findRun(folder, run.id)).close();
      assert.equal(existsSync(lock), false);
    }
  });

  it("says why a folder cannot be made, where the system answers so for the topmost one only", async () => {
    const asked: string[] = [];
    const readOnly = (path: string): Promise<never> => {
      asked.push(path);
      return Promise.reject(Object.assign(new Error("read-only"), { code: "EROFS" }));
    };
    await assert.rejects(makeFolder(join(folder, "a", "b", "c"), readOnly), { code: "EROFS" });
    assert.deepEqual(asked, [join(folder, "a")]);
    await makeFolder(join(folder, "a", "b"));
    assert.equal(existsSync(join(folder, "a", "b")), true);
  });

  it("says which path cannot be written", async () => {
    await writeFile(join(folder, ".frostline"), "in the way");
    assert.match(
      (await failure("run/write", () => createRun(runsFolderOf(folder)))).message,
      /cannot write ".*\.frostline.runs.*": a part of the path is a file/,
    );
  });
});
