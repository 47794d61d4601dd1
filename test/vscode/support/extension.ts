// The extension as the tests in its host have it, and what they take note of for the person who reads the results.

import assert from "node:assert/strict";
import * as vscode from "vscode";
import type { FrostlineApi } from "../../../extension/api.js";

/** The extension; it may not be active yet. */
export function extension(): vscode.Extension<FrostlineApi> {
  const found = vscode.extensions.getExtension<FrostlineApi>("frostline.frostline");
  assert.ok(found !== undefined, "the extension is not there");
  return found;
}

/** The folder that is open. */
export function workspaceFolder(): string {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  assert.ok(folder !== undefined, "no folder is open");
  return folder.uri.fsPath;
}

/** Prints a line below the suite's results. */
export function note(text: string): void {
  const place = globalThis as { frostlineTestNotes?: string[] };
  (place.frostlineTestNotes ??= []).push(text);
}
