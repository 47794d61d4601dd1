// Verify Frozen Tensors…: compares a trained model with the one that it came from, file by file, and shows what changed.

import { basename } from "node:path";
import * as vscode from "vscode";
import { otherBaseModel, verifyFailed } from "../../core/errors.js";
import { plural } from "../../core/text/tables.js";
import type { VerifyReport } from "../../core/worker/contract.js";
import type { Services } from "../services.js";
import { chooseModel, findRuns } from "./choose.js";
import { Command } from "./ids.js";
import { registerCommand } from "./register.js";

export function registerVerify(services: Services): vscode.Disposable {
  return registerCommand(services, Command.verify, (after?: vscode.Uri) => verify(services, after));
}

async function verify({ engine, log }: Services, given: vscode.Uri | undefined): Promise<void> {
  const after = given instanceof vscode.Uri ? given : await chooseModel("The trained model");
  if (after === undefined) return;
  const made = (await findRuns()).find(({ output, model }) => output === after.fsPath && model !== undefined)?.model;
  const before = made === undefined ? await chooseModel(`The model that ${basename(after.path)} was trained from`) : vscode.Uri.file(made);
  if (before === undefined) return;
  const report = await engine.inspector().verify({ before: before.fsPath, after: after.fsPath });
  const note = report.baseModel?.same === false ? otherBaseModel(before.fsPath, report.baseModel) : undefined;
  log.info(`Verified ${after.fsPath} against ${before.fsPath}`);
  for (const line of linesOf(report)) log.info(line);
  if (report.violations.length > 0) throw verifyFailed(report.violations, report.checked, note);
  const text = `All ${plural(report.checked, "tensor")} of ${basename(after.path)} that had to stay the same did, bit for bit.`;
  const show = note === undefined ? vscode.window.showInformationMessage : vscode.window.showWarningMessage;
  if ((await show(note === undefined ? text : `${text} But ${note}.`, "Show Log")) === "Show Log") log.show();
}

function linesOf({ same, changed, added, removed }: VerifyReport): readonly string[] {
  const group = (title: string, names: readonly string[]): readonly string[] => (names.length === 0 ? [] : [`  ${title}: ${names.join(", ")}`]);
  return [`  ${plural(same.length, "tensor")} the same`, ...group("changed", changed), ...group("added", added), ...group("removed", removed)];
}
