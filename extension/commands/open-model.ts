// Open Model: what a model is, as a read-only text document. Only our own parser reads the file, so it also works without trust.

import * as vscode from "vscode";
import { noColors } from "../../core/text/colors.js";
import { describeModelTopDown } from "../../core/text/inspect-report.js";
import type { Services } from "../services.js";
import { chooseModel } from "./choose.js";
import { Command } from "./ids.js";
import { registerCommand } from "./register.js";

const scheme = "frostline-model";

export function registerOpenModel(services: Services): vscode.Disposable {
  return vscode.Disposable.from(
    registerCommand(services, Command.openModel, (model?: vscode.Uri) => openModelCommand(services, model)),
    vscode.workspace.registerTextDocumentContentProvider(scheme, {
      provideTextDocumentContent: async ({ path }) => {
        const report = await services.engine.inspector().inspect({ model: vscode.Uri.file(path.replace(/\.txt$/, "")).fsPath, freeze: [] });
        return `${describeModelTopDown(report, noColors).join("\n")}\n`;
      },
    }),
  );
}

/** Shows a model; asks for one where none is given. */
export async function openModelCommand(services: Services, model?: vscode.Uri): Promise<void> {
  const chosen = model ?? (await chooseModel("Open Model"));
  if (chosen === undefined) return;
  await services.engine.inspector().inspect({ model: chosen.fsPath, freeze: [] });
  const document = await vscode.workspace.openTextDocument(chosen.with({ scheme, path: `${chosen.path}.txt` }));
  await vscode.window.showTextDocument(document, { preview: true });
}
