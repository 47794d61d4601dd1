// The test runner itself: what it counts, and that a suite which breaks in any way is never taken for a good one.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { discoverSuites, judge, runCheck, runSuite } from "../../support/suites.mjs";

describe("test runner", function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "frostline-suites-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function run(text: string, limits: { limit?: number; linger?: number } = {}): ReturnType<typeof runSuite> {
    await writeFile(path.join(folder, "a.test.ts"), text);
    return runSuite({ name: "sample", folder }, limits);
  }

  it("counts what passed and failed, names what was skipped, and shows the failures", async () => {
    const { passed, failed, skipped, output } = await run(`
      it("adds", () => {});
      it("multiplies", () => { throw new Error("two by two is five"); });
      it.skip("divides", () => {});`);
    assert.deepEqual({ passed, failed, skipped }, { passed: 1, failed: 1, skipped: ["divides"] });
    assert.match(output, /multiplies/);
    assert.match(output, /two by two is five/);
  });

  it("shows nothing of a suite that passes", async () => {
    const { passed, failed, output } = await run(`it("adds", () => { console.log("chatter"); });`);
    assert.deepEqual({ passed, failed, output }, { passed: 1, failed: 0, output: "" });
  });

  for (const [behaviour, text, said] of [
    ["cannot be loaded", `import "./no-such-file.js"; it("adds", () => {});`, /no-such-file/],
    ["has no tests", `export {};`, /ran no tests/],
    ["exits in the middle of a test with status 0", `it("adds", () => { process.exit(0); });`, /ended before its tests did \(status 0\)/],
    ["is killed", `it("adds", () => { process.kill(process.pid, "SIGKILL"); });`, /ended before its tests did \(signal SIGKILL\)/],
    ["dies after its last test", `it("adds", () => { setTimeout(() => process.abort(), 300); });`, /ended badly after its tests \(signal SIGABRT\)/],
    ["runs only some of its tests", `it.only("adds", () => {}); it("divides", () => { throw new Error(); });`, /only/],
  ] as const) {
    it(`counts a failure where a suite ${behaviour}`, async () => {
      const { failed, output } = await run(text);
      assert.ok(failed > 0, `expected a failure, got none: ${output}`);
      assert.match(output, said);
    });
  }

  it("stops a suite that does not end, and counts a failure", async () => {
    const { failed, output } = await run(`it("waits", function (done) { this.timeout(0); setInterval(() => {}, 1000); });`, { limit: 4000 });
    assert.equal(failed, 1);
    assert.match(output, /stopped after 4 s/);
  });

  it("counts a failure where something still runs after the last test", async () => {
    const { passed, failed, output } = await run(`it("adds", () => { setInterval(() => {}, 1000); });`, { linger: 500 });
    assert.deepEqual({ passed, failed }, { passed: 1, failed: 1 });
    assert.match(output, /still running/);
  });

  it("takes a check that ends with another status than 0 for a failed test, and shows what it printed", async () => {
    const bad = await runCheck({ name: "types", args: ["-e", "console.log('line 3: wrong'); process.exitCode = 2"] });
    assert.deepEqual([bad.passed, bad.failed], [0, 1]);
    assert.match(bad.output, /line 3: wrong/);
    const good = await runCheck({ name: "types", args: ["-e", "console.log('fine')"] });
    assert.deepEqual([good.passed, good.failed, good.output], [1, 0, ""]);
  });

  it("finds the suites by their folders", async () => {
    await mkdir(path.join(folder, "unit", "deep"), { recursive: true });
    await mkdir(path.join(folder, "support"));
    await writeFile(path.join(folder, "unit", "deep", "x.test.ts"), "");
    await writeFile(path.join(folder, "support", "x.ts"), "");
    assert.deepEqual(await discoverSuites(folder), [{ name: "unit", folder: path.join(folder, "unit") }]);
  });

  it("does not believe good counts when the process ended badly", () => {
    const counts = { passed: 3, failed: 0, skipped: [] };
    assert.equal(judge(counts, { status: 0, signal: null, output: "" }).failed, 0);
    assert.equal(judge(counts, { status: 3, signal: null, output: "" }).failed, 1);
    assert.equal(judge(counts, { status: null, signal: "SIGABRT", output: "" }).failed, 1);
  });
});
