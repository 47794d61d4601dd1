// What the command line says to wrong arguments, and to files that are no models.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { InspectReport } from "../../core/train/inspect.js";
import { frostline } from "../support/cli.js";
import { classifier, Workspace } from "../support/training.js";

describe("the command line", () => {
  it("tells its version and its commands", async () => {
    const manifest = JSON.parse(await readFile(join(__dirname, "../../package.json"), "utf8")) as { readonly version: string };
    assert.deepEqual(await frostline(["--version"]), { status: 0, stdout: `${manifest.version}\n`, stderr: "" });
    assert.equal((await frostline(["-v"])).stdout, `${manifest.version}\n`);
    const help = await frostline(["--help"]);
    assert.equal(help.status, 0);
    for (const text of ["inspect", "train", "verify", "Exit status"]) assert.ok(help.stdout.includes(text), text);
  });

  it("refuses wrong usage with status 2, one message and a hint", async () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /a command is missing/],
      [["inspekt"], /unknown command 'inspekt'\nhint: Did you mean inspect\?/],
      [["inspekt", "--help"], /unknown command 'inspekt'\nhint: Did you mean inspect\?/],
      [["inspect"], /missing required argument 'model'/],
      [["train", "r.json", "--reusme", "x"], /unknown option '--reusme'\nhint: Did you mean --resume\?/],
      [["train", "a", "b"], /too many arguments/],
      [["verify", "a"], /missing required argument 'after'/],
      [["train", "none.finetune.json"], /recipe ".*none\.finetune\.json" cannot be read: it does not exist/],
    ];
    for (const [args, message] of cases) {
      const { status, stdout, stderr } = await frostline(args);
      assert.equal(status, 2, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, message);
      assert.match(stderr, /^error: [^\n]+\n(hint: [^\n]+\n)?$/);
    }
  });

  it("tells errors as JSON on standard output with --json", async () => {
    for (const args of [
      ["train", "none.json", "--json"],
      ["inspect", "--json"],
      ["verify", "a.onnx", "b.onnx", "--json"],
    ]) {
      const { status, stdout, stderr } = await frostline(args);
      const { event, code, message } = JSON.parse(stdout) as { readonly event: string; readonly code: string; readonly message: string };
      assert.equal(event, "error");
      assert.equal(status, code.startsWith("model/") ? 3 : 2);
      assert.ok(message.length > 0);
      assert.equal(stderr, "");
    }
  });
});

describe("frostline inspect", () => {
  let space: Workspace;
  before(async () => {
    space = await Workspace.create();
    await space.writeGraph(classifier());
  });
  after(() => space.remove());

  it("prints a report, or the same as JSON", async () => {
    const text = await frostline(["inspect", "model.onnx", "--freeze", "*", "--freeze", "!fc3.*"], { cwd: space.folder });
    assert.equal(text.status, 0, text.stderr);
    assert.match(text.stdout, /fc3\.weight +fc3\/weight +float32 \[3, 6\] +18 +trainable/);
    assert.match(text.stdout, /115 parameters: 21 trainable \(18\.3 %\), 94 frozen, 0 blocked; 0 in buffers/);
    const json = await frostline(["inspect", "model.onnx", "--freeze", "*", "--freeze", "!fc3.*", "--json"], { cwd: space.folder });
    const report = JSON.parse(json.stdout) as InspectReport;
    assert.equal(report.model, "model.onnx");
    assert.deepEqual(report.totals, { parameters: 115, trainable: 21, frozen: 94, blocked: 0, buffers: 0 });
    assert.deepEqual(Object.keys(report), ["model", "inputs", "outputs", "batch", "parameters", "totals", "ops", "untrainable"]);
  });

  it("refuses files that are no models with status 3, and rules that match nothing with 2", async () => {
    await space.writeFile("text.onnx", "this is a text, not a model\n");
    await space.writeFile("empty.onnx", "");
    const whole = await readFile(space.path("model.onnx"));
    await writeFile(space.path("cut.onnx"), whole.subarray(0, whole.length - 40));
    for (const file of ["none.onnx", "text.onnx", "empty.onnx", "cut.onnx", "."]) {
      const { status, stdout, stderr } = await frostline(["inspect", file], { cwd: space.folder });
      assert.equal(status, 3, `${file}: ${stderr}`);
      assert.match(stderr, /^error: [^\n]+\n(hint: [^\n]+\n)?$/, file);
      assert.equal(stdout, "");
    }
    const typo = await frostline(["inspect", "model.onnx", "--freeze", "fc9.*"], { cwd: space.folder });
    assert.equal(typo.status, 2);
    assert.match(typo.stderr, /freeze rule "fc9\.\*" matches no parameter\nhint: Did you mean "fc/);
  });

  it("says that its output cannot be written, with status 4 and no stack trace", async function () {
    if (process.platform !== "linux") this.skip();
    const { status, stderr } = await frostline(["inspect", "model.onnx"], { cwd: space.folder, into: "/dev/full" });
    assert.equal(status, 4);
    assert.match(stderr, /^error: cannot write "standard output": the disk is full\n$/);
  });

  it("ends quietly when nobody reads on", async () => {
    const { status, stderr } = await frostline(["inspect", "model.onnx"], { cwd: space.folder, onOutput: (_, child) => child.stdout?.destroy() });
    assert.equal(status, 0);
    assert.equal(stderr, "");
  });
});
