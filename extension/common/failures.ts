// Failures as notifications: the message, what to do about it, and an action that leads there. Never a stack trace; the log has it.

import { basename } from "node:path";
import * as vscode from "vscode";
import { EngineError, unforeseen } from "../../core/errors.js";
import { fileOf, offsetOfKey } from "./failure-place.js";

/** Shows what went wrong, and does what the person chooses to do about it. `recipe` is the one that was at work. */
export async function showFailure(error: unknown, log: vscode.LogOutputChannel, recipe?: vscode.Uri): Promise<void> {
  const failure = error instanceof EngineError ? error : unforeseen(error);
  log.error(`${failure.message}${failure.hint === undefined ? "" : ` ${failure.hint}`} (${failure.code})`);
  if (typeof failure.data.stack === "string") log.debug(failure.data.stack);
  const place = fileOf(failure, recipe?.fsPath);
  const actions = [...(place === undefined ? [] : ["Open File"]), "Show Log"];
  const message = recipe === undefined ? capitalised(failure.message) : `${basename(recipe.path)}: ${failure.message}`;
  const text = `${message}${failure.hint === undefined ? "" : ` — ${failure.hint}`}`;
  const chosen = await vscode.window.showErrorMessage(text, ...actions);
  if (chosen === "Show Log") log.show();
  if (chosen !== "Open File" || place === undefined) return;
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(place.path));
  const offset = place.path === recipe?.fsPath ? offsetOfKey(document.getText(), failure.message) : undefined;
  const position = offset === undefined ? new vscode.Position(place.line - 1, place.column - 1) : document.positionAt(offset);
  await vscode.window.showTextDocument(document, { selection: new vscode.Range(position, position) });
}

/** Names of keys and operators stay as they are written. */
function capitalised(text: string): string {
  return /^[a-z]+ /.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}
