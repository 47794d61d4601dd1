// Recipes in the editor, put together: what the engine finds in them as diagnostics and lenses.

import * as vscode from "vscode";
import type { Services } from "../services.js";
import { RecipeAnalyses } from "./analyses.js";
import { registerCodeLenses } from "./code-lenses.js";
import { registerDiagnostics } from "./diagnostics.js";

export function registerRecipes(services: Services): vscode.Disposable {
  const analyses = new RecipeAnalyses(services);
  const registered = vscode.Disposable.from(registerDiagnostics(analyses), registerCodeLenses(analyses), analyses);
  analyses.start();
  return registered;
}
