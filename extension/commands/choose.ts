// Asking a person for a recipe, a run or a model. Whoever escapes chooses nothing.

import { basename, dirname, resolve } from "node:path";
import * as vscode from "vscode";
import { headline } from "../runs/run-documents.js";
import { listRuns, type RunRecord } from "../runs/records.js";

export const recipeGlob = "**/*.finetune.{json,jsonc}";
const ignored = "**/{node_modules,.frostline}/**";

export function isRecipe(uri: vscode.Uri | undefined): uri is vscode.Uri {
  return uri?.scheme === "file" && /\.finetune\.jsonc?$/.test(uri.path);
}

/** The recipe in the active editor. */
export function activeRecipe(): vscode.Uri | undefined {
  const uri = vscode.window.activeTextEditor?.document.uri;
  return isRecipe(uri) ? uri : undefined;
}

/** All recipes of the workspace, by name. */
export async function findRecipes(): Promise<readonly vscode.Uri[]> {
  const found = await vscode.workspace.findFiles(recipeGlob, ignored, 500);
  return found.sort((a, b) => a.path.localeCompare(b.path));
}

/** One of the recipes; undefined where the person chose none. */
export async function chooseRecipe(
  recipes: readonly vscode.Uri[],
  extra: readonly vscode.QuickPickItem[] = [],
): Promise<vscode.Uri | vscode.QuickPickItem | undefined> {
  const items = recipes.map((uri) => ({ label: basename(uri.path), description: folderOf(uri), uri }));
  const chosen = await vscode.window.showQuickPick<vscode.QuickPickItem & { uri?: vscode.Uri }>([...items, ...extra], {
    title: "Fine-Tune",
    placeHolder: "The recipe to run",
    matchOnDescription: true,
  });
  return chosen?.uri ?? chosen;
}

function folderOf(uri: vscode.Uri): string {
  const folder = vscode.workspace.asRelativePath(dirname(uri.fsPath));
  return folder === dirname(uri.fsPath) ? "" : folder;
}

/** The runs of all recipes of the workspace, the newest first. */
export async function findRuns(): Promise<readonly RunRecord[]> {
  const recipes = await findRecipes();
  return listRuns(recipes.map((recipe) => runsFolder(recipe)));
}

/** Where the runs of a recipe lie, as the settings say. */
function runsFolder(recipe: vscode.Uri): string {
  const setting = vscode.workspace.getConfiguration("frostline", recipe).get<string>("runs.folder", "").trim();
  return resolve(dirname(recipe.fsPath), setting === "" ? ".frostline/runs" : setting);
}

/** One of some runs. */
export async function chooseRun(runs: readonly RunRecord[], placeHolder: string): Promise<RunRecord | undefined> {
  const items = runs.map((run) => ({ label: nameOf(run), description: headline(run), run }));
  return (await vscode.window.showQuickPick(items, { placeHolder, matchOnDescription: true }))?.run;
}

/** `digits, 24/11/2026, 01:45:51`, as the person's region writes times; the id says them in UTC. */
function nameOf({ id, recipe }: RunRecord): string {
  const time = new Date(id.slice(0, 19).replace(/T(\d\d)-(\d\d)-(\d\d)$/, "T$1:$2:$3Z"));
  const name = basename(recipe).replace(/\.finetune\.jsonc?$/, "");
  return Number.isNaN(time.getTime()) ? `${name} ${id}` : `${name}, ${time.toLocaleString()}`;
}

/** A model file of the workspace, or any other. */
export async function chooseModel(title: string): Promise<vscode.Uri | undefined> {
  const found = await vscode.workspace.findFiles("**/*.onnx", ignored, 200);
  const browse: vscode.QuickPickItem & { uri?: vscode.Uri } = { label: "$(folder-opened) Browse…", alwaysShow: true };
  const items = found.sort((a, b) => a.path.localeCompare(b.path)).map((uri) => ({ label: basename(uri.path), description: folderOf(uri), uri }));
  const chosen =
    items.length === 0
      ? browse
      : await vscode.window.showQuickPick([...items, browse], { title, placeHolder: "An ONNX model", matchOnDescription: true });
  if (chosen !== browse) return chosen?.uri;
  const opened = await vscode.window.showOpenDialog({ title, filters: { "ONNX models": ["onnx"] } });
  return opened?.[0];
}
