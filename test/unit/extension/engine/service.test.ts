import assert from "node:assert/strict";
import { EngineService, type EngineHost } from "../../../../extension/engine/service.js";
import { failure } from "../../../support/failure.js";
import { Workspace } from "../../../support/training.js";

describe("the engine service", () => {
  let space: Workspace;
  before(async () => {
    space = await Workspace.create();
  });
  after(() => space.remove());

  async function setUp(source: string, options: Partial<EngineHost> = {}) {
    const entry = await space.writeFile("worker.cjs", source);
    const seen: string[] = [];
    const runs = {
      started: (isolation: string) => Promise.resolve(void seen.push(`started ${isolation}`)),
      ended: (isolation: string) => void seen.push(`ended ${isolation}`),
    };
    const host: EngineHost = {
      entry,
      isolation: () => Promise.resolve("thread"),
      isTrusted: () => true,
      runs,
      onOutput: (line) => seen.push(line),
      ...options,
    };
    return { engine: new EngineService(host), seen };
  }

  it("starts a worker again that has ended, when it is needed next", async () => {
    const { engine } = await setUp("throw new Error('boom')");
    const first = engine.inspector();
    assert.equal(engine.inspector(), first);
    assert.match((await failure("run/worker-ended", () => first.inspect({ model: "m", freeze: [] }))).message, /boom/);
    assert.notEqual(engine.inspector(), first);
    await engine.shutDown();
  });

  for (const isolation of ["thread", "process"] as const)
    it(`tells of a worker that dies in a run, and the next run has a new one (${isolation})`, async () => {
      const source = "console.log('here'); setTimeout(() => process.exit(3), 100)";
      const { engine, seen } = await setUp(source, { isolation: () => Promise.resolve(isolation) });
      for (let i = 0; i < 2; i++) {
        const run = engine.startRun({ recipePath: "r" }, () => undefined);
        assert.match((await failure("run/worker-ended", () => run.done)).message, /exit status 3/);
      }
      const marks = seen.filter((line) => line !== "here");
      assert.deepEqual(marks, [`started ${isolation}`, `ended ${isolation}`, `started ${isolation}`, `ended ${isolation}`]);
      assert.equal(seen.filter((line) => line === "here").length, 2);
    });

  it("lets nothing but our own parser read files without trust", async () => {
    const { engine, seen } = await setUp("", { isTrusted: () => false });
    await failure("usage/untrusted", () => Promise.resolve().then(() => engine.startRun({ recipePath: "r" }, () => undefined)));
    await failure("usage/untrusted", () => Promise.resolve().then(() => engine.trustedInspector("An export")));
    assert.deepEqual(seen, []);
  });

  it("starts no worker for a run that was still waiting when the editor closes", async () => {
    let settle: (isolation: "thread") => void = () => undefined;
    const waiting = new Promise<"thread">((resolve) => (settle = resolve));
    const { engine, seen } = await setUp("console.log('here')", { isolation: () => waiting });
    const run = engine.startRun({ recipePath: "r" }, () => undefined);
    await engine.shutDown();
    settle("thread");
    assert.match((await failure("run/worker-ended", () => run.done)).message, /closing/);
    assert.deepEqual(seen, ["started thread", "ended thread"]);
  });
});
