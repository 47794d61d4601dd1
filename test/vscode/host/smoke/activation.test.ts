// The extension starts, and has every command that its manifest declares. How long starting took is printed, not judged.

import assert from "node:assert/strict";
import * as vscode from "vscode";
import { extension, note } from "../../support/extension.js";

interface Manifest {
  readonly contributes: { readonly commands: readonly { readonly command: string }[] };
}

describe("activation", () => {
  it("succeeds", async () => {
    const started = performance.now();
    await extension().activate();
    note(`activation: ${(performance.now() - started).toFixed(0)} ms, with the loading of the bundle where it was not active before`);
    assert.equal(extension().isActive, true);
  });

  it("registers every command of the manifest", async () => {
    await extension().activate();
    const { contributes } = extension().packageJSON as Manifest;
    const registered = new Set(await vscode.commands.getCommands(true));
    assert.deepEqual(
      contributes.commands.map(({ command }) => command).filter((command) => !registered.has(command)),
      [],
    );
  });
});
