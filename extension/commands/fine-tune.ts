// Fine-Tune…: runs a recipe. Which one: the one that was clicked, the one in the active editor, or one of the workspace's; where there is
// none, a new one is made first.

import * as vscode from "vscode";
import type { Training } from "../runs/manager.js";
import type { Services } from "../services.js";
import { activeRecipe, chooseRecipe, findRecipes, isRecipe } from "./choose.js";
import { Command } from "./ids.js";
import { registerCommand } from "./register.js";

const fromModel: vscode.QuickPickItem = { label: "$(add) New recipe from a model…", alwaysShow: true };

export function registerFineTune(services: Services): vscode.Disposable {
  return registerCommand(services, Command.fineTune, (recipe?: vscode.Uri) => fineTune(services, recipe));
}

async function fineTune(services: Services, given: vscode.Uri | undefined): Promise<void> {
  const recipe = isRecipe(given) ? given : (activeRecipe() ?? (await askForRecipe()));
  if (recipe !== undefined) await startRun(services, recipe);
}

/** Starts a run of a recipe as it stands in the editor, which is saved first. @throws usage/untrusted, usage/run-going-on */
export async function startRun({ runs }: Services, recipe: vscode.Uri): Promise<Training> {
  const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === recipe.toString());
  if (open?.isDirty === true) await open.save();
  return runs.start(recipe);
}

async function askForRecipe(): Promise<vscode.Uri | undefined> {
  const recipes = await findRecipes();
  const chosen = recipes.length === 0 ? fromModel : await chooseRecipe(recipes, [fromModel]);
  if (chosen === fromModel) return vscode.commands.executeCommand<vscode.Uri | undefined>(Command.newRecipe);
  return chosen instanceof vscode.Uri ? chosen : undefined;
}
