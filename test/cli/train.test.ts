// `frostline train` and `frostline verify`, from recipe to exported model, as processes of their own.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, readFile, writeFile } from "node:fs/promises";
import type { TrainEvent } from "../../core/train/events.js";
import type { VerifyReport } from "../../core/train/verify.js";
import { eventOf, events, frostline, type CliOptions, type CliResult } from "../support/cli.js";
import { blobs, classifier, recipeOf, weightBytes, Workspace } from "../support/training.js";

const recipe = {
  freeze: ["*", "!fc3.*"],
  data: { split: { validation: 0.2, test: 0.2 } },
  epochs: 3,
};

let space: Workspace;

beforeEach(async () => {
  space = await Workspace.create();
  await space.writeGraph(classifier());
  await space.writeTable(blobs(60, 4, 3));
});
afterEach(() => space.remove());

/** Writes the recipe and trains it. */
async function train(
  settings: Readonly<Record<string, unknown>> | string,
  args: readonly string[] = [],
  options: CliOptions = {},
): Promise<CliResult> {
  await space.writeFile("r.finetune.json", typeof settings === "string" ? settings : JSON.stringify(recipeOf(settings)));
  return frostline(["train", "r.finetune.json", ...args], { cwd: space.folder, ...options });
}

const kinds = (all: readonly TrainEvent[]): readonly string[] => [...new Set(all.map((e) => e.event))];

describe("frostline train", () => {
  it("trains, tests, exports and reports, one JSON object a line", async () => {
    const { status, stdout, stderr } = await train(recipe, ["--json"]);
    assert.equal(status, 0, stdout);
    assert.equal(stderr, "");
    const all = events(stdout);
    assert.deepEqual(kinds(all), ["plan", "cache", "step", "epoch", "checkpoint", "done"]);
    assert.deepEqual(eventOf(all, "plan").totals, { parameters: 115, trainable: 21, frozen: 94, blocked: 0, buffers: 0 });
    const steps = all.filter((e) => e.event === "step");
    assert.deepEqual(steps.map((e) => e.step), Array.from({ length: steps.length }, (_, i) => i + 1)); // prettier-ignore
    for (const { loss, learningRate, samplesPerSecond } of steps) assert.ok(loss > 0 && learningRate === 0.1 && samplesPerSecond > 0);
    assert.deepEqual(all.filter((e) => e.event === "epoch").map((e) => [e.epoch, Object.keys(e.validation ?? {})]), [1, 2, 3].map((n) => [n, ["loss", "accuracy"]])); // prettier-ignore
    const done = eventOf(all, "done");
    assert.equal(done.reason, "completed");
    assert.deepEqual(done.proof, { frozen: 4, unchanged: 4, changed: [] });
    assert.equal(done.output, space.path("out.onnx"));
    assert.ok((done.metrics.test?.accuracy ?? 0) > 0.3);
    assert.equal(
      done.confusionMatrix?.counts.flat().reduce((a, b) => a + b),
      eventOf(all, "plan").samples.test,
    );
    const log = await readFile(space.path(`.frostline/runs/${done.run}/events.jsonl`), "utf8");
    assert.equal(log, stdout);
  });

  it("shows people the plan, every epoch, the result, the proof and what to do next", async () => {
    const { status, stdout, stderr } = await train(recipe);
    assert.equal(status, 0, stderr);
    for (const text of [
      /Phase 1 of 1: train/,
      /fc3 +trainable +2 +21/,
      /fc1 +frozen +2 +40/,
      /epoch 3\/3 {2}train loss [\d.]+ {2}accuracy [\d.]+ % +validation loss [\d.]+ {2}accuracy [\d.]+ %/,
      /Confusion matrix/,
      /Proof: 4 of 4 frozen tensors unchanged \(SHA-256 before and after each phase, read back from out\.onnx\)/,
      /frostline verify model\.onnx out\.onnx/,
    ])
      assert.match(stdout, text);
    // eslint-disable-next-line no-control-regex -- no colours, no cursor movements where there is no terminal
    assert.doesNotMatch(stdout, /\u001b/);
  });

  it("runs the frozen part once per sample: a second run finds everything, and --no-cache keeps nothing", async () => {
    const executions = async (args: readonly string[] = []): Promise<number> => {
      const { run } = eventOf(events((await train(recipe, ["--json", ...args])).stdout), "done");
      return (await space.record(run)).prefix.executions;
    };
    assert.ok((await executions(["--no-cache"])) > 0);
    assert.equal(existsSync(space.path(".frostline/cache")), false);
    assert.ok((await executions()) > 0);
    assert.equal(await executions(), 0);
  });

  it("gives the same bytes from two processes, one with a cold and one with a warm cache", async () => {
    await train(recipe);
    const first = weightBytes(await space.tensors());
    await train(recipe);
    assert.deepEqual(weightBytes(await space.tensors()), first);
  });

  it("reports the metrics that the recipe names", async () => {
    const all = events((await train({ ...recipe, metrics: [] }, ["--json"])).stdout);
    const { metrics, confusionMatrix } = eventOf(all, "done");
    const { train: trained, validation } = eventOf(all, "epoch");
    assert.deepEqual([metrics.test, trained, validation].map((m) => Object.keys(m ?? {})), [["loss"], ["loss"], ["loss"]]); // prettier-ignore
    assert.equal(confusionMatrix, undefined);
  });

  it("exports nothing where the recipe names no output", async () => {
    const { stdout } = await train({ ...recipe, output: undefined });
    assert.match(stdout, /Nothing was exported/);
    assert.equal(existsSync(space.path("out.onnx")), false);
  });
});

describe("stopping frostline train", () => {
  const long = { ...recipe, epochs: 400 };
  const interrupt = (signal: NodeJS.Signals, times: number): CliOptions => {
    let sent = 0;
    return {
      onOutput: (stdout, child) => {
        if (!stdout.includes('"epoch":2') || sent >= times) return;
        sent += 1;
        child.kill(signal);
      },
    };
  };

  it("ends between steps with a checkpoint and status 130, and resumes to the same bytes", async () => {
    await train(long, ["--json"]);
    const whole = weightBytes(await space.tensors());
    await writeFile(space.path("out.onnx"), "an earlier file");
    const { status, stdout } = await train(long, ["--json"], interrupt("SIGINT", 1));
    assert.equal(status, 130);
    const done = eventOf(events(stdout), "done");
    assert.equal(done.reason, "stopped");
    assert.equal(done.output, undefined);
    assert.equal(await readFile(space.path("out.onnx"), "utf8"), "an earlier file");
    assert.ok(existsSync(space.path(`.frostline/runs/${done.run}/checkpoint.safetensors`)));
    const resumed = await train(long, ["--json", "--resume", done.run]);
    assert.equal(resumed.status, 0, resumed.stdout);
    assert.equal(eventOf(events(resumed.stdout), "done").run, done.run);
    assert.deepEqual(weightBytes(await space.tensors()), whole);
  });

  it("takes further signals, and SIGTERM, in its stride", async () => {
    const { status, stdout } = await train(long, ["--json"], interrupt("SIGTERM", 5));
    assert.equal(status, 130);
    assert.equal(eventOf(events(stdout), "done").reason, "stopped");
  });

  it("stops quietly when nobody reads its output any more", async () => {
    const { status, stderr } = await train(long, [], { onOutput: (_, child) => child.stdout?.destroy() });
    assert.equal(status, 130);
    assert.equal(stderr, "");
  });

  it("refuses to resume a run that is not there, or another recipe's", async () => {
    assert.equal((await train(long, ["--resume", "nothing"])).status, 2);
    const { stdout } = await train(long, ["--json"], interrupt("SIGINT", 1));
    const { run } = eventOf(events(stdout), "done");
    const other = await train({ ...long, seed: 9 }, ["--resume", run]);
    assert.equal(other.status, 2, other.stderr);
  });
});

describe("frostline train with something wrong", () => {
  /** One message, the right status, and an earlier output as it was. */
  async function assertRefused(status: number, message: RegExp, settings: Parameters<typeof train>[0], options: CliOptions = {}): Promise<void> {
    await writeFile(space.path("out.onnx"), "an earlier file");
    const result = await train(settings, [], options);
    assert.equal(result.status, status, `${result.stdout}${result.stderr}`);
    assert.match(result.stderr, message);
    assert.match(result.stderr, /^error: /);
    assert.doesNotMatch(result.stderr, / {4}at /);
    assert.equal(result.stderr.match(/^error: /gm)?.length, 1);
    assert.equal(await readFile(space.path("out.onnx"), "utf8"), "an earlier file");
  }

  const table = async (change: (row: readonly (number | string)[], i: number) => readonly (number | string)[]): Promise<void> =>
    space.writeTable(blobs(60, 4, 3).map((row, i) => change(row, i)));

  it("in the recipe: 2", async () => {
    await assertRefused(2, /r\.finetune\.json:1:\d+: epoch: unknown key "epoch"\nhint: Did you mean "epochs"\?/, { ...recipe, epoch: 3 });
    await assertRefused(2, /r\.finetune\.json:1:12: value expected/, '{ "model": }');
    await assertRefused(2, /freeze rule "!fc4\.\*" matches no parameter\nhint: Did you mean "!fc/, { ...recipe, freeze: ["*", "!fc4.*"] });
    await assertRefused(2, /nothing trainable/, { ...recipe, freeze: ["*"] });
    await assertRefused(2, /provider/, { ...recipe, provider: "abacus" });
    await assertRefused(2, /would overwrite/, { ...recipe, output: "model.onnx" });
  });

  it("in the model: 3", async () => {
    await assertRefused(3, /none\.onnx/, { ...recipe, model: "none.onnx" });
    const whole = await readFile(space.path("model.onnx"));
    await writeFile(space.path("cut.onnx"), whole.subarray(0, whole.length / 2));
    await assertRefused(3, /cut\.onnx/, { ...recipe, model: "cut.onnx" });
    await space.writeFile("text.onnx", "hello");
    await assertRefused(3, /text\.onnx/, { ...recipe, model: "text.onnx" });
  });

  it("in the data: 3, with file and line", async () => {
    await assertRefused(3, /none\.csv/, { ...recipe, data: { csv: "none.csv" } });
    await table((row, i) => (i === 20 ? [row[0], "NaN", ...row.slice(2)] : row));
    await assertRefused(3, /data\.csv:22: /, recipe);
    await table((row, i) => (i === 20 ? [row[0], "abc", ...row.slice(2)] : row));
    await assertRefused(3, /data\.csv:22: /, recipe);
    await table((row, i) => (i === 20 ? [7, ...row.slice(1)] : row));
    await assertRefused(3, /data\.csv:22: /, recipe);
    await table((row, i) => (i === 20 ? row.slice(1) : row));
    await assertRefused(3, /data\.csv:22: /, recipe);
  });

  it("in the run: 4", async () => {
    await assertRefused(4, /diverged|not finite|NaN|Infinity/, { ...recipe, optimizer: { type: "sgd", learningRate: 1e38 }, epochs: 20 });
  });

  it("where it cannot write: 4, naming the path, before anything is trained", async () => {
    await space.writeFile(".frostline", "in the way");
    await assertRefused(4, /cannot write ".*\.frostline/, recipe);
    await space.writeFile("blocked", "a file, not a folder");
    await assertRefused(4, /cannot write ".*blocked.out\.onnx": a part of the path is a file/, { ...recipe, output: "blocked/out.onnx" });
  });

  it("where the disk is full: 4, and what was there stays", async function () {
    if (process.platform === "win32") this.skip();
    await assertRefused(4, /cannot write/, { ...recipe, head: { after: "a2", layers: [{ type: "dense", units: 400 }, { type: "dense", units: 3 }] }, freeze: ["fc*"] }, { fileLimit: 8 }); // prettier-ignore
  });

  it("where it may not write: 4", async function () {
    if (process.platform !== "linux") this.skip();
    // Nobody can make files here, not even root.
    await assertRefused(4, /cannot write "\/sys.*": permission denied\nhint: Make the folder writable/, { ...recipe, output: "/sys/out.onnx" });
    if (process.getuid?.() === 0) return;
    await chmod(space.folder, 0o500);
    const { status, stderr } = await frostline(["train", space.path("r.finetune.json")]);
    await chmod(space.folder, 0o700);
    assert.equal(status, 4);
    assert.match(stderr, /cannot write ".*": permission denied\nhint: Make the folder writable/);
  });
});

describe("frostline train, should a frozen tensor ever change", () => {
  /** Flips a bit of a frozen weight in the memory of the run: once its first epoch is over, or in the file that is read back. */
  const corruptor = (frozen: Uint8Array, when: "run" | "export"): string => `
    const fs = require("node:fs");
    const pattern = Buffer.from("${Buffer.from(frozen).toString("hex")}", "hex");
    const buffers = [];
    const { readFile } = fs.promises;
    fs.promises.readFile = async (path, ...rest) => {
      const bytes = await readFile(path, ...rest);
      if (String(path).endsWith("${when === "run" ? "model.onnx" : "out.onnx"}")) buffers.push(bytes);
      if ("${when}" === "export") corrupt();
      return bytes;
    };
    const corrupt = () => buffers.splice(0).forEach((bytes) => { bytes[bytes.indexOf(pattern) + 3] ^= 1; });
    const { writeSync } = fs;
    fs.writeSync = (file, data, ...rest) => {
      if ("${when}" === "run" && String(data).includes('"event":"epoch"')) corrupt();
      return writeSync(file, data, ...rest);
    };
  `;

  for (const when of ["run", "export"] as const)
    it(`fails with status 1 and exports nothing (${when})`, async () => {
      const frozen = (await space.tensors("model.onnx")).get("fc1.weight")?.data as Uint8Array;
      const preload = await space.writeFile("corrupt.cjs", corruptor(frozen, when));
      const { status, stdout } = await train(recipe, ["--json"], { preload });
      assert.equal(status, 1, stdout);
      const error = eventOf(events(stdout), "error");
      assert.equal(error.code, "check/proof");
      assert.match(error.message, /"fc1\.weight"/);
      assert.equal(existsSync(space.path("out.onnx")), false);
      const { run } = eventOf(events(stdout), "plan");
      assert.equal((await space.record(run)).status, "failed");
    });
});

describe("frostline verify", () => {
  it("passes what frostline exported, and fails what was changed since", async () => {
    assert.equal((await train(recipe)).status, 0);
    const good = await frostline(["verify", "model.onnx", "out.onnx", "--json"], { cwd: space.folder });
    assert.equal(good.status, 0, good.stderr);
    const report = JSON.parse(good.stdout) as VerifyReport;
    assert.deepEqual(report.changed, ["fc3.weight", "fc3.bias"]);
    assert.deepEqual([report.same.length, report.added, report.removed, report.violations], [4, [], [], []]);
    const text = await frostline(["verify", "model.onnx", "out.onnx"], { cwd: space.folder });
    assert.match(text.stdout, /Verified: all 4 tensors that had to stay the same did/);
    assert.doesNotMatch(text.stdout, /warning/);
    assert.equal(report.baseModel?.same, true);
    const other = await frostline(["verify", "out.onnx", "out.onnx"], { cwd: space.folder });
    assert.equal(other.status, 0);
    assert.match(other.stdout, /warning: "out\.onnx" is not the file that the run started from: its SHA-256 is [0-9a-f]{64}, the recorded one/);

    const bytes = await readFile(space.path("out.onnx"));
    const frozen = (await space.tensors("model.onnx")).get("fc1.weight")?.data as Uint8Array;
    bytes[bytes.indexOf(Buffer.from(frozen)) + 3] ^= 1;
    await writeFile(space.path("tampered.onnx"), bytes);
    const bad = await frostline(["verify", "model.onnx", "tampered.onnx"], { cwd: space.folder });
    assert.equal(bad.status, 1);
    assert.match(bad.stderr, /1 of 4 tensors that had to stay the same did not: fc1\.weight/);
    const badJson = await frostline(["verify", "model.onnx", "tampered.onnx", "--json"], { cwd: space.folder });
    assert.equal(badJson.status, 1);
    assert.deepEqual((JSON.parse(badJson.stdout) as VerifyReport).violations, ["fc1.weight"]);
  });

  it("knows what a cut removed and a head added", async () => {
    assert.equal((await train({ ...recipe, freeze: undefined, head: { after: "a2", layers: [{ type: "dense", units: 3 }] } })).status, 0);
    const { status, stdout } = await frostline(["verify", "model.onnx", "out.onnx", "--json"], { cwd: space.folder });
    assert.equal(status, 0);
    const report = JSON.parse(stdout) as VerifyReport;
    assert.deepEqual([report.added, report.removed], [["head.0.weight", "head.0.bias"], ["fc3.weight", "fc3.bias"]]); // prettier-ignore
  });

  it("needs to be told what must be unchanged where the model does not say: 2", async () => {
    const silent = await frostline(["verify", "model.onnx", "model.onnx"], { cwd: space.folder });
    assert.equal(silent.status, 2);
    assert.match(silent.stderr, /--frozen/);
    const told = await frostline(["verify", "model.onnx", "model.onnx", "--frozen", "*"], { cwd: space.folder });
    assert.equal(told.status, 0, told.stderr);
  });
});
