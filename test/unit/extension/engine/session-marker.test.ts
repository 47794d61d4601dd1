import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SessionMarker } from "../../../../extension/engine/session-marker.js";

describe("the mark of a session", () => {
  let folder: string;
  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), "frostline-marker-")), "sessions");
  });
  afterEach(() => rm(join(folder, ".."), { recursive: true }));

  it("is there while runs go on, and goes with the last of them", async () => {
    const marker = new SessionMarker(folder);
    await Promise.all([marker.runStarted(), marker.runStarted()]);
    assert.equal((await readdir(folder)).length, 1);
    marker.runEnded();
    assert.equal((await readdir(folder)).length, 1);
    marker.runEnded();
    assert.deepEqual(await readdir(folder), []);
  });

  it("goes at once where the session ends as it should", async () => {
    const marker = new SessionMarker(folder);
    await marker.runStarted();
    marker.clear();
    assert.deepEqual(await readdir(folder), []);
  });

  it("of a process that is gone tells of a crash, once", async () => {
    const marker = new SessionMarker(folder);
    assert.equal(await marker.foundCrash(), false);
    await marker.runStarted();
    await writeFile(join(folder, "old.session"), '{"pid":2147483646,"started":"1"}');
    assert.equal(await marker.foundCrash(), true);
    assert.equal(await marker.foundCrash(), false);
    assert.equal((await readdir(folder)).length, 1);
  });

  it("of another window that is still there tells of nothing", async () => {
    await new SessionMarker(folder).runStarted();
    assert.equal(await new SessionMarker(folder).foundCrash(), false);
    assert.equal((await readdir(folder)).length, 1);
  });

  it("is left out where the folder cannot be made", async () => {
    const marker = new SessionMarker("/dev/null/sessions");
    await marker.runStarted();
    marker.runEnded();
    assert.equal(await marker.foundCrash(), false);
  });
});
