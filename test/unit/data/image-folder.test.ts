import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { listImages } from "../../../core/data/image-folder.js";

describe("the list of an image folder", () => {
  let folder = "";
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "images-"))));
  afterEach(() => rm(folder, { recursive: true }));

  it("has each folder of a class once, however many links lead to it", async () => {
    const names = Array.from({ length: 6 }, (_, i) => `f${i}`);
    for (const name of names) await mkdir(join(folder, "a", name), { recursive: true });
    for (const name of names) {
      await writeFile(join(folder, "a", name, "1.png"), "");
      for (const other of names) await symlink(join(folder, "a", other), join(folder, "a", name, `to-${other}`), "junction");
    }
    const { files } = await listImages(folder, false);
    assert.equal(files.length, names.length);
  });
});
