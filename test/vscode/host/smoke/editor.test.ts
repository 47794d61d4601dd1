// The editor that the tests run in: a real one, of a version that the extension supports.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as vscode from "vscode";
import { root } from "../../../support/prepare.mjs";

describe("the editor", () => {
  it("is one that the extension supports", async () => {
    const { engines } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { engines: { vscode: string } };
    const [wanted, found] = [engines.vscode.replace("^", ""), vscode.version].map((version) => version.split(".").map(Number));
    assert.equal(found[0], wanted[0]);
    assert.ok(found[1] > wanted[1] || (found[1] === wanted[1] && found[2] >= wanted[2]), `${vscode.version} for ${engines.vscode}`);
  });

  it("shows a folder on the disk", () => {
    assert.deepEqual(
      vscode.workspace.workspaceFolders?.map((folder) => folder.uri.scheme),
      ["file"],
    );
  });
});
