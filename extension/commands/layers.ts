// Freeze Layers… and Unfreeze Layers…: a person picks layers, and the plan of the recipe in the active editor changes. The file is not saved:
// the change can be looked at, and undone, as any other.

import { dirname, resolve } from "node:path";
import * as vscode from "vscode";
import { EngineError } from "../../core/errors.js";
import type { InspectReport } from "../../core/worker/contract.js";
import type { Services } from "../services.js";
import { activeRecipe, isRecipe } from "./choose.js";
import { modelOf, plansOf, withRules, type Plan } from "./freeze-plan.js";
import { Command } from "./ids.js";
import { entryText, layerEntries, type LayerEntry } from "./layer-tree.js";
import { registerCommand } from "./register.js";

type Mark = "freeze" | "unfreeze";

export function registerLayers(services: Services): vscode.Disposable {
  return vscode.Disposable.from(
    registerCommand(services, Command.freezeLayers, (recipe?: vscode.Uri) => changeLayers(services, "freeze", recipe)),
    registerCommand(services, Command.unfreezeLayers, (recipe?: vscode.Uri) => changeLayers(services, "unfreeze", recipe)),
  );
}

async function changeLayers({ engine }: Services, mark: Mark, given: vscode.Uri | undefined): Promise<void> {
  const recipe = isRecipe(given) ? given : activeRecipe();
  if (recipe === undefined) return void vscode.window.showInformationMessage("Open a fine-tune recipe first: its freeze rules are what changes.");
  const document = await vscode.workspace.openTextDocument(recipe);
  const model = modelOf(document.getText());
  if (model === undefined) return void vscode.window.showWarningMessage('The recipe names no model yet: add "model" first.');
  const plan = await choosePlan(plansOf(document.getText()));
  if (plan === undefined) return;
  const report = await inspectUnder(engine, resolve(dirname(recipe.fsPath), model), plan.rules);
  const entries = layerEntries(report.parameters).filter(({ frozen, elements }) => (mark === "freeze" ? frozen < elements : frozen > 0));
  if (entries.length === 0)
    return void vscode.window.showInformationMessage(
      mark === "freeze" ? "Everything in the model is frozen already." : "Nothing in the model is frozen.",
    );
  const chosen = await chooseLayers(entries, mark);
  if (chosen === undefined || chosen.length === 0) return;
  const text = document.getText();
  const globs = chosen.flatMap((entry) => entry.globs);
  await replaceText(document, withRules(text, plansOf(text).find(({ title }) => title === plan.title) ?? plan, globs, mark));
}

async function choosePlan(plans: readonly Plan[]): Promise<Plan | undefined> {
  if (plans.length === 1) return plans[0];
  const items = plans.map((plan) => ({ label: plan.title, description: plan.rules.join("  "), plan }));
  return (await vscode.window.showQuickPick(items, { placeHolder: "Whose freeze rules?" }))?.plan;
}

/** Rules about a new head match nothing in the model as it lies there: they are left out, one after the other. */
async function inspectUnder(engine: Services["engine"], model: string, rules: readonly string[]): Promise<InspectReport> {
  try {
    return await engine.inspector().inspect({ model, freeze: rules });
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "recipe/no-match" || rules.length === 0) throw error;
    return inspectUnder(engine, model, rules.filter((rule) => rule !== error.data.rule)); // prettier-ignore
  }
}

/** Choosing a scope chooses what lies in it, so that nothing is written twice. */
async function chooseLayers(entries: readonly LayerEntry[], mark: Mark): Promise<readonly LayerEntry[] | undefined> {
  const items = entries.map((entry) => ({
    label: `${"\u2003".repeat(entry.depth)}${entry.kind === "scope" ? "$(folder) " : ""}${entry.name}`,
    description: entryText(entry),
    entry,
  }));
  const chosen = await vscode.window.showQuickPick(items, {
    title: mark === "freeze" ? "Freeze Layers" : "Unfreeze Layers",
    placeHolder: mark === "freeze" ? "Layers that must not change" : "Layers that train",
    canPickMany: true,
    matchOnDescription: true,
  });
  const layers = chosen?.map(({ entry }) => entry);
  return layers?.filter(({ name }) => !layers.some((other) => other.kind === "scope" && name.startsWith(`${other.name}.`)));
}

/** Changes only what differs, so that the cursor and the folds stay where they are. */
async function replaceText(document: vscode.TextDocument, text: string): Promise<void> {
  const old = document.getText();
  let start = 0;
  while (start < old.length && old[start] === text[start]) start += 1;
  let end = 0;
  while (end < Math.min(old.length, text.length) - start && old[old.length - 1 - end] === text[text.length - 1 - end]) end += 1;
  const edit = new vscode.WorkspaceEdit();
  const range = new vscode.Range(document.positionAt(start), document.positionAt(old.length - end));
  edit.replace(document.uri, range, text.slice(start, text.length - end));
  await vscode.workspace.applyEdit(edit);
  await vscode.window.showTextDocument(document);
}
