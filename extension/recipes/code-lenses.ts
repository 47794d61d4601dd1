// Lenses of recipes: start the run, show the model, and above each freeze rule what it decides.

import * as vscode from "vscode";
import { Command } from "../commands/ids.js";
import { rangeOf, recipeSelector, type RecipeAnalyses } from "./analyses.js";
import { modelText, ruleText } from "./texts.js";

const setting = "recipes.codeLens";

export function registerCodeLenses(analyses: RecipeAnalyses): vscode.Disposable {
  const changed = new vscode.EventEmitter<void>();
  const settings = vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration(`frostline.${setting}`)) changed.fire();
  });
  const provider = vscode.languages.registerCodeLensProvider(recipeSelector, {
    onDidChangeCodeLenses: changed.event,
    provideCodeLenses: (document) => lensesOf(document, analyses),
  });
  return vscode.Disposable.from(
    changed,
    settings,
    analyses.onDidChange(() => changed.fire()),
    vscode.workspace.onDidGrantWorkspaceTrust(() => changed.fire()),
    provider,
  );
}

function lensesOf(document: vscode.TextDocument, analyses: RecipeAnalyses): vscode.CodeLens[] {
  if (!vscode.workspace.getConfiguration("frostline", document).get(setting, true)) return [];
  const top = new vscode.Range(0, 0, 0, 0);
  const start = { title: "▶ Fine-tune", command: Command.fineTune, arguments: [document.uri] };
  const lenses = vscode.workspace.isTrusted ? [new vscode.CodeLens(top, start)] : [];
  const found = analyses.of(document);
  if (found === undefined) return lenses;
  const { model, rules } = found.analysis;
  if (model !== undefined)
    lenses.push(new vscode.CodeLens(top, { title: modelText(model), command: Command.openModel, arguments: [vscode.Uri.file(model.path)] }));
  return [...lenses, ...rules.map((rule) => new vscode.CodeLens(rangeOf(document, rule.range), { title: ruleText(rule), command: "" }))];
}
