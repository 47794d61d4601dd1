import assert from "node:assert/strict";
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TrainEvent } from "../../../core/train/events.js";
import { createRun, findRun } from "../../../core/train/run-log.js";
import { failure } from "../../support/failure.js";

const event: TrainEvent = { event: "checkpoint", phase: "p", step: 3, path: "c" };

describe("the record of a run", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "frostline-runs-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("lies beside the recipe, under an id that sorts by time", async () => {
    const run = await createRun(folder);
    assert.match(run.id, /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-[0-9a-f]{4}$/);
    assert.equal(run.folder, join(folder, ".frostline", "runs", run.id));
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
    assert.deepEqual((await readdir(run.folder)).sort(), ["events.jsonl", "run.json"]);
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

  it("says which path cannot be written", async () => {
    await writeFile(join(folder, ".frostline"), "in the way");
    assert.match((await failure("run/write", () => createRun(folder))).message, /cannot write ".*\.frostline.runs.*": a part of the path is a file/);
  });
});
