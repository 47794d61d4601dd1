// Show Run Log: the record of a run, read-only, also of one that goes on in another window; or the log of this one.

import type * as vscode from "vscode";
import { chooseRun, findRuns } from "./choose.js";
import type { Services } from "../services.js";
import { Command } from "./ids.js";
import { registerCommand } from "./register.js";

export function registerShowRunLog(services: Services): vscode.Disposable {
  return registerCommand(services, Command.showRunLog, (run?: unknown) => showRunLog(services, typeof run === "string" ? run : undefined));
}

async function showRunLog({ log, runDocuments }: Services, named: string | undefined): Promise<void> {
  const runs = await findRuns();
  if (runs.length === 0) return log.show();
  const record = named === undefined ? await chooseRun(runs, "The run whose log to show") : runs.find(({ id }) => id === named);
  if (record !== undefined) await runDocuments.show(record);
  else if (named !== undefined) log.show();
}
