import assert from "node:assert/strict";
import { Side } from "../../bench/side.js";

/** A side that runs a script. */
function sideOf(script: string): Side {
  return new Side({ name: "test", command: process.execPath, args: ["-e", script] });
}

/** Answers each request with what `body` says, as JavaScript. */
function answering(body: string): string {
  return `require("readline").createInterface({ input: process.stdin }).on("line", (line) => { const { body } = JSON.parse(line); console.log(JSON.stringify(${body})); })`;
}

describe("a side of the bench", () => {
  it("answers requests one after the other, and ends when it is closed", async () => {
    const side = sideOf(answering("{ body: { losses: [body.steps], milliseconds: 1 } }"));
    assert.deepEqual((await side.ask("run", { steps: 3 })).losses, [3]);
    assert.deepEqual((await side.ask("run", { steps: 4 })).losses, [4]);
    await side.close();
  });

  it("tells the reason that the child gives", async () => {
    const side = sideOf(answering(`{ error: "no such operator" }`));
    await assert.rejects(side.ask("run", { steps: 1 }), /^Error: no such operator$/);
    await side.close();
  });

  it("tells the last error of a child that ends", async () => {
    const side = sideOf(`throw new Error("no module")`);
    await assert.rejects(side.ask("run", { steps: 1 }), /no module/);
    await side.close();
  });

  it("tells of a program that is not there", async () => {
    const side = new Side({ name: "test", command: "/no/such/program", args: [] });
    await assert.rejects(side.ask("run", { steps: 1 }), /no\/such\/program ENOENT/);
    await side.close();
  });

  it("knows the child's peak memory where the system tells it", async function () {
    if (process.platform !== "linux") this.skip();
    const side = sideOf(answering("{ body: { losses: [], milliseconds: 0 } }"));
    await side.ask("run", { steps: 1 });
    assert.ok((side.peakMemory() ?? 0) > 10e6);
    await side.close();
  });
});
