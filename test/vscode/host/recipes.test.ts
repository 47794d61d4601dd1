// Recipes in an editor, as the extension host sees them: diagnostics, quick fixes, lenses, hovers and completion.

import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import * as vscode from "vscode";
import { demoFolder, type DemoFolder } from "../../support/demo.js";
import { extension, workspaceFolder } from "../support/extension.js";

/** Asks again until the answer is the one that is waited for; the test's own limit ends it. */
async function until<T>(ask: () => T | PromiseLike<T>, isDone: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (isDone(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function ours(uri: vscode.Uri): readonly vscode.Diagnostic[] {
  return vscode.languages.getDiagnostics(uri).filter(({ source }) => source === "Frostline");
}

async function lensTitles(uri: vscode.Uri): Promise<readonly string[]> {
  const lenses = await vscode.commands.executeCommand<readonly vscode.CodeLens[]>("vscode.executeCodeLensProvider", uri, 100);
  return lenses.flatMap(({ command }) => (command === undefined ? [] : [command.title]));
}

async function replace(document: vscode.TextDocument, from: string, to: string): Promise<void> {
  const offset = document.getText().indexOf(from);
  assert.ok(offset >= 0, from);
  const edit = new vscode.WorkspaceEdit();
  edit.replace(document.uri, new vscode.Range(document.positionAt(offset), document.positionAt(offset + from.length)), to);
  assert.ok(await vscode.workspace.applyEdit(edit));
}

describe("a recipe in an editor", function () {
  this.timeout(60_000);
  let demo: DemoFolder;
  let document: vscode.TextDocument;

  before(async () => {
    demo = await demoFolder(20, {}, workspaceFolder());
    await extension().activate();
    document = await vscode.workspace.openTextDocument(demo.recipe);
    await vscode.window.showTextDocument(document);
  });
  after(async () => {
    await vscode.commands.executeCommand("workbench.action.revertAndCloseActiveEditor");
    await rm(demo.folder, { recursive: true, force: true });
  });

  it("is JSON with comments", () => {
    assert.equal(document.languageId, "jsonc");
  });

  it("says above each rule what it decides, starts from the top, and follows the text that is not saved", async () => {
    const titles = await until(() => lensTitles(document.uri), (found) => found.length >= 8); // prettier-ignore
    assert.deepEqual([...titles].sort(), [
      "Model: 96 tensors · 193 k parameters",
      "trainable: 2 tensors · 16.5 k",
      "trainable: 2 tensors · 3.37 k",
      "trainable: 2 tensors · 3.37 k",
      "trainable: 6 tensors · 20.6 k",
      "▶ Fine-tune",
      "❄ 86 tensors · 153 k parameters",
      "❄ 94 tensors · 190 k parameters",
    ]); // prettier-ignore
    await replace(document, '"!*.blocks.4.*"', '"!*.blocks.5.*"');
    const changed = await until(() => lensTitles(document.uri), (found) => found.includes("matches nothing")); // prettier-ignore
    assert.ok(changed.includes("❄ 88 tensors · 169 k parameters"), changed.join());
    assert.ok(document.isDirty);
  });

  it("marks what the engine finds, and mends it with a quick fix", async () => {
    const [found] = await until(() => ours(document.uri), (all) => all.length === 1); // prettier-ignore
    assert.equal(document.getText(found.range), '"!*.blocks.5.*"');
    assert.match(found.message, /matches no parameter/);
    await replace(document, '"!*.blocks.5.*"', '"!*.blocks.4.*"');
    await until(() => ours(document.uri), (all) => all.length === 0); // prettier-ignore
    await replace(document, '"digits.csv"', '"digit.csv"');
    const [missing] = await until(() => ours(document.uri), (all) => all.length === 1); // prettier-ignore
    const actions = await vscode.commands.executeCommand<readonly vscode.CodeAction[]>(
      "vscode.executeCodeActionProvider",
      document.uri,
      missing.range,
    );
    const [fix] = actions.filter(({ title }) => title === 'Change to "digits.csv"');
    assert.ok(fix?.edit !== undefined, actions.map(({ title }) => title).join());
    assert.ok(await vscode.workspace.applyEdit(fix.edit));
    await until(() => ours(document.uri), (all) => all.length === 0); // prettier-ignore
  });

  it("leaves what the schema says to the editor: its errors, hovers and completion", async () => {
    const key = document.positionAt(document.getText().indexOf('"freeze"') + 2);
    const hovers = await until(
      () => vscode.commands.executeCommand<readonly vscode.Hover[]>("vscode.executeHoverProvider", document.uri, key),
      (found) => found.length > 0,
    );
    const texts = hovers.flatMap(({ contents }) => contents.map((content) => (typeof content === "string" ? content : content.value)));
    assert.match(texts.join(), /last rule that matches/);
    await replace(document, '"batchSize": 32', '"batchSize": "many"');
    const all = await until(() => vscode.languages.getDiagnostics(document.uri), (found) => found.length > 0); // prettier-ignore
    assert.deepEqual([all.length, ours(document.uri).length], [1, 0]);
    await replace(document, '"batchSize": "many"', '"batchSize": 32');
    await replace(document, '{', '{\n  ""\n,'); // prettier-ignore
    const inside = document.positionAt(document.getText().indexOf('""') + 1);
    const list = await vscode.commands.executeCommand<vscode.CompletionList>("vscode.executeCompletionItemProvider", document.uri, inside);
    const labels = list.items.map(({ label }) => (typeof label === "string" ? label : label.label));
    for (const wanted of ["earlyStopping", "accumulate", "provider"]) assert.ok(labels.includes(wanted), labels.join());
  });
});
