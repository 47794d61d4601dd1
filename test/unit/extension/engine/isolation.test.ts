import assert from "node:assert/strict";
import { IsolationChoice, type IsolationOptions, type Verdict } from "../../../../extension/engine/isolation.js";

describe("where runs compute", () => {
  function setUp(options: Partial<IsolationOptions> & { readonly known?: Verdict } = {}) {
    const seen = { tests: 0, told: [] as string[], verdict: options.known };
    const choice = new IsolationChoice({
      versions: "1",
      setting: () => "thread",
      read: () => seen.verdict,
      keep: (verdict) => Promise.resolve(void (seen.verdict = verdict)),
      foundCrash: () => Promise.resolve(false),
      tell: (reason) => void seen.told.push(reason),
      ...options,
      selfTest: () => {
        seen.tests += 1;
        return options.selfTest?.() ?? Promise.resolve(undefined);
      },
    });
    return { seen, choice };
  }

  it("is a thread once the self-test has passed, and it is asked once, also by two runs that start together", async () => {
    const { seen, choice } = setUp();
    assert.deepEqual(await Promise.all([choice.choose(), choice.choose()]), ["thread", "thread"]);
    assert.equal(await choice.choose(), "thread");
    assert.equal(seen.tests, 1);
    assert.deepEqual(seen.verdict, { versions: "1", isolation: "thread" });
    assert.deepEqual(seen.told, []);
  });

  it("is tried again under other versions", async () => {
    const { seen, choice } = setUp({ known: { versions: "0", isolation: "process" } });
    assert.equal(await choice.choose(), "thread");
    assert.equal(seen.tests, 1);
  });

  it("is a process where the self-test fails, which is told once", async () => {
    const { seen, choice } = setUp({ selfTest: () => Promise.resolve("it ended with signal SIGABRT") });
    assert.equal(await choice.choose(), "process");
    assert.equal(await choice.choose(), "process");
    assert.equal(seen.told.length, 1);
    assert.match(seen.told[0], /^The runtime does not work in a thread here \(it ended with signal SIGABRT\)\. Runs compute in a process/);
  });

  it("is a process after a crash, without a test, though threads had worked", async () => {
    const { seen, choice } = setUp({ known: { versions: "1", isolation: "thread" }, foundCrash: () => Promise.resolve(true) });
    assert.equal(await choice.choose(), "process");
    assert.equal(seen.tests, 0);
    assert.match(seen.told[0], /may have crashed in a run/);
  });

  it("is a process where the setting says so, and nothing is tried", async () => {
    const { seen, choice } = setUp({ setting: () => "process" });
    assert.equal(await choice.choose(), "process");
    assert.equal(seen.tests, 0);
    assert.equal(seen.verdict, undefined);
  });
});
