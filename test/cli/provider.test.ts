// What computes, as the command line chooses it: the demo's head on WebAssembly, the way past a missing native runtime, a run in a process
// of its own, and a device where there is one.

import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { readModel } from "../../core/onnx/file.js";
import type { DoneEvent } from "../../core/train/events.js";
import { eventOf, events, frostline, type CliOptions } from "../support/cli.js";
import { demoFolder, type DemoFolder } from "../support/demo.js";
import { softwareDevice } from "../support/device.mjs";
import { blobs, classifier, recipeOf, weightBytes, Workspace } from "../support/training.js";

interface RunRecord {
  readonly prefix: { readonly executions: number };
  readonly provider: string;
  readonly providerChoice: { readonly reason: string; readonly passedOver: readonly { readonly provider: string; readonly problem: string }[] };
  readonly versions: { readonly runtime: string };
}

async function recordOf({ folder }: DoneEvent): Promise<RunRecord> {
  return JSON.parse(await readFile(join(folder, "run.json"), "utf8")) as RunRecord;
}

describe("the demo's head on WebAssembly", function () {
  this.timeout(120_000);
  const rows = 48;
  let demo: DemoFolder;
  before(async () => {
    demo = await demoFolder(rows, { phases: [{ epochs: 5 }] });
  });
  after(() => rm(demo.folder, { recursive: true, force: true }));

  async function run(provider: string) {
    const { status, stdout, stderr } = await frostline(["train", demo.recipe, "--json", "--provider", provider]);
    assert.equal(status, 0, stderr);
    const all = events(stdout);
    const done = eventOf(all, "done");
    const weights = weightBytes((await readModel(demo.output)).graph.initializers);
    return { weights, loss: done.metrics.test?.loss ?? NaN, record: await recordOf(done), plan: eventOf(all, "plan") };
  }

  it("trains as on the native kernels, with features of its own, and the same bits from a cold and a warm cache", async () => {
    const native = await run("cpu");
    const cold = await run("wasm");
    const warm = await run("wasm");
    const batches = rows / 16;
    assert.deepEqual([native, cold, warm].map(({ record }) => record.prefix.executions), [batches, batches, 0]); // prettier-ignore
    assert.ok(Math.abs(cold.loss - native.loss) < 1e-3, `${cold.loss} is not ${native.loss}`);
    assert.deepEqual(warm.weights, cold.weights);
    assert.deepEqual([cold.record.provider, cold.record.providerChoice], ["wasm", { reason: "asked for", passedOver: [] }]);
    assert.match(cold.record.versions.runtime, /^onnxruntime-web \S+ wasm$/);
    const { name, runtime, reason } = cold.plan.provider;
    assert.deepEqual([name, runtime, reason], ["wasm", cold.record.versions.runtime, "asked for"]);
  });
});

describe("the provider of a run", function () {
  this.timeout(60_000);
  let space: Workspace;
  let recipe: string;
  before(async () => {
    space = await Workspace.create();
    await space.writeGraph(classifier());
    await space.writeTable(blobs(60, 4, 3));
    recipe = await space.writeFile("r.finetune.json", JSON.stringify({ ...recipeOf(), provider: "auto" }));
  });
  after(() => space.remove());

  /** Stands in for a runtime that cannot be loaded, or that takes its process with it. */
  function spoiltRuntime(name: string, deed: string): Promise<string> {
    const text = `const Module = require("node:module");
      const load = Module._load;
      Module._load = function (request, ...rest) {
        if (request === "onnxruntime-node") { ${deed} }
        return load.call(this, request, ...rest);
      };`;
    return space.writeFile(name, text);
  }

  const train = (args: readonly string[] = [], options: CliOptions = {}) => frostline(["train", recipe, ...args], options);

  it("is WebAssembly where the native runtime cannot be loaded, and the run says so", async () => {
    const preload = await spoiltRuntime("missing.cjs", 'throw new Error("no binary for this machine");');
    const human = await train([], { preload });
    assert.equal(human.status, 0, human.stderr);
    assert.match(human.stdout, /^warning: Provider "cpu" cannot be used: .*no binary for this machine\.$/m);
    assert.match(human.stdout, /^Computes with onnxruntime-web \S+ wasm, 1 thread: the first of cpu, wasm that works$/m);
    const { stdout } = await train(["--json"], { preload });
    const { providerChoice } = await recordOf(eventOf(events(stdout), "done"));
    assert.equal(providerChoice.passedOver[0]?.provider, "cpu");
    assert.match(providerChoice.passedOver[0].problem, /no binary for this machine/);
    const named = await train(["--provider", "cpu"], { preload });
    assert.deepEqual([named.status, /no binary for this machine/.test(named.stderr)], [4, true]);
  });

  it("is not mentioned where it is the usual one, and refused where it is unknown or not there", async () => {
    const usual = await train();
    assert.deepEqual([usual.status, /Computes with/.test(usual.stdout)], [0, false]);
    const unknown = await train(["--provider", "abacus"]);
    assert.deepEqual([unknown.status, /unknown provider "abacus": expected one of auto, cpu, wasm/.test(unknown.stderr)], [2, true]);
    const foreign = await train(["--provider", process.platform === "win32" ? "coreml" : "dml"]);
    assert.deepEqual([foreign.status, /is not available here: .*\nhint: Choose another/.test(foreign.stderr)], [2, true]);
  });

  it("can have a process of its own, whose end is a failed run and nothing more", async () => {
    const good = await train(["--isolation", "process"]);
    assert.equal(good.status, 0, good.stderr);
    const preload = await spoiltRuntime("aborts.cjs", "process.abort();");
    const bad = await train(["--isolation", "process"], { preload });
    assert.deepEqual([bad.status, /the train worker ended before it had answered: signal SIGABRT/.test(bad.stderr)], [4, true], bad.stderr);
    const unknown = await train(["--isolation", "fog"]);
    assert.deepEqual([unknown.status, /unknown isolation "fog"/.test(unknown.stderr)], [2, true]);
  });

  const device = softwareDevice();
  if (device.env === undefined) it.skip(`can be WebGPU (${device.missing})`);
  else
    it("can be WebGPU, which trains to the same losses as the native kernels", async () => {
      const lossesOf = (stdout: string) => events(stdout).flatMap((event) => (event.event === "epoch" ? [event.train.loss] : []));
      const wanted = lossesOf((await train(["--json"])).stdout);
      const { status, stdout, stderr } = await train(["--json", "--provider", "webgpu"], { env: device.env });
      assert.equal(status, 0, stderr);
      const losses = lossesOf(stdout);
      assert.equal(losses.length, wanted.length);
      losses.forEach((loss, i) => assert.ok(Math.abs(loss - wanted[i]) < 1e-4, `${loss} is not ${wanted[i]}`));
      const { provider, versions } = await recordOf(eventOf(events(stdout), "done"));
      assert.deepEqual([provider, /^onnxruntime-node \S+ webgpu$/.test(versions.runtime)], ["webgpu", true]);
    });
});
