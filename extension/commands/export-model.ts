// Export Model…: the best weights that a run has so far, as a model file of their own. Works on a run that was stopped, and on one that has
// ended.

import { dirname, join } from "node:path";
import * as vscode from "vscode";
import { plural } from "../../core/text/tables.js";
import type { Services } from "../services.js";
import { chooseRun, findRuns } from "./choose.js";
import { Command } from "./ids.js";
import { registerCommand } from "./register.js";

export function registerExportModel(services: Services): vscode.Disposable {
  return registerCommand(services, Command.exportModel, () => exportModel(services));
}

async function exportModel({ engine }: Services): Promise<void> {
  const runs = (await findRuns()).filter(({ hasCheckpoint, recipe }) => hasCheckpoint && recipe !== "");
  if (runs.length === 0)
    return void vscode.window.showInformationMessage(
      "There is nothing to export yet: no run of this workspace has a checkpoint. Fine-tune a recipe first.",
    );
  const run = await chooseRun(runs, "The run whose model to export");
  if (run === undefined) return;
  const defaultUri = vscode.Uri.file(run.output ?? join(dirname(run.recipe), `${run.id}.onnx`));
  const target = await vscode.window.showSaveDialog({ title: "Export Model", defaultUri, filters: { "ONNX models": ["onnx"] } });
  if (target === undefined) return;
  const options = { location: vscode.ProgressLocation.Notification, title: "Exporting the model" };
  const report = await vscode.window.withProgress(options, () =>
    engine.trustedInspector("An export").exportRun({ recipePath: run.recipe, run: run.folder, output: target.fsPath }),
  );
  const { frozen, unchanged } = report.proof;
  const proof = frozen === 0 ? "no tensor was frozen" : `${unchanged} of ${plural(frozen, "frozen tensor")} unchanged`;
  const chosen = await vscode.window.showInformationMessage(
    `Exported the weights of epoch ${report.epoch} of phase "${report.phase}": ${proof}.`,
    "Open Output",
  );
  if (chosen === "Open Output") await vscode.commands.executeCommand(Command.openModel, target);
}
