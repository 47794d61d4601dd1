import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { replaceFile } from "../../core/atomic-file.js";

describe("replacing a file", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "frostline-file-"));
    path = join(folder, "f");
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("writes texts and bytes, and leaves nothing beside them", async () => {
    await replaceFile(path, "text ü");
    assert.equal(await readFile(path, "utf8"), "text ü");
    const bytes = new Uint8Array(3_000_000).map((_, i) => i % 251);
    await replaceFile(path, bytes.subarray(1));
    assert.ok((await readFile(path)).equals(bytes.subarray(1)));
    assert.deepEqual(await readdir(folder), ["f"]);
  });

  it("keeps a link and the file's mode", async function () {
    if (process.platform === "win32") this.skip();
    await writeFile(path, "before");
    await chmod(path, 0o640);
    await symlink(path, join(folder, "link"));
    await replaceFile(join(folder, "link"), "after");
    assert.equal(await readFile(path, "utf8"), "after");
    assert.equal((await stat(path)).mode & 0o777, 0o640);
  });

  it("leaves the old file and nothing else where it fails", async () => {
    await assert.rejects(replaceFile(join(path, "g"), "x"), { code: "ENOENT" });
    await writeFile(path, "before");
    await assert.rejects(replaceFile(join(path, "g"), "x"), { code: "ENOTDIR" });
    assert.deepEqual([await readdir(folder), await readFile(path, "utf8")], [["f"], "before"]);
  });

  it("notices that only a part could be written", async function () {
    if (process.platform === "win32") this.skip();
    await writeFile(path, "before");
    const script = `require("tsx/cjs"); require("./core/atomic-file.ts").replaceFile(${JSON.stringify(path)}, new Uint8Array(20_000)).then(() => console.log("written"), (e) => console.log(e.code))`;
    const { stdout } = spawnSync("bash", ["-c", 'ulimit -f 8; exec "$@"', "bash", process.execPath, "-e", script], {
      cwd: join(__dirname, "../.."),
      encoding: "utf8",
      env: { ...process.env, TSX_DISABLE_CACHE: "1" },
    });
    assert.equal(stdout.trim(), "EFBIG");
    assert.deepEqual([await readdir(folder), await readFile(path, "utf8")], [["f"], "before"]);
  });
});
