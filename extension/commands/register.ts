// Registering commands: whatever one throws is shown to the person, never left to the editor.

import * as vscode from "vscode";
import { showFailure } from "../common/failures.js";
import type { Services } from "../services.js";
import type { Command } from "./ids.js";

/** Registers a command whose failures become notifications. */
export function registerCommand<A extends readonly unknown[]>(
  services: Services,
  command: Command,
  run: (...args: A) => Promise<unknown>,
): vscode.Disposable {
  return vscode.commands.registerCommand(command, async (...args: unknown[]) => {
    try {
      return await run(...(args as unknown as A));
    } catch (error) {
      void showFailure(error, services.log);
      return undefined;
    }
  });
}
