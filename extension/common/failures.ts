// Failures as notifications: the message, what to do about it, and an action that leads there. Never a stack trace; the log has it.

import * as vscode from "vscode";
import { EngineError, unforeseen } from "../../core/errors.js";
import { fileOf } from "./failure-place.js";

/** Shows what went wrong, and does what the person chooses to do about it. `recipe` is the one that was at work. */
export async function showFailure(error: unknown, log: vscode.LogOutputChannel, recipe?: vscode.Uri): Promise<void> {
  const failure = error instanceof EngineError ? error : unforeseen(error);
  log.error(`${failure.message}${failure.hint === undefined ? "" : ` ${failure.hint}`} (${failure.code})`);
  if (typeof failure.data.stack === "string") log.debug(failure.data.stack);
  const place = fileOf(failure, recipe?.fsPath);
  const actions = [...(place === undefined ? [] : ["Open File"]), "Show Log"];
  const text = `${capitalised(failure.message)}${failure.hint === undefined ? "" : ` — ${failure.hint}`}`;
  const chosen = await vscode.window.showErrorMessage(text, ...actions);
  if (chosen === "Show Log") log.show();
  if (chosen !== "Open File" || place === undefined) return;
  const position = new vscode.Position(place.line - 1, place.column - 1);
  await vscode.window.showTextDocument(vscode.Uri.file(place.path), { selection: new vscode.Range(position, position) });
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
