// Where the editor starts the extension: wiring only. Nothing is loaded or started here that is not needed to be asked for something.

import * as vscode from "vscode";
import type { FrostlineApi } from "./api.js";
import { registerExportModel } from "./commands/export-model.js";
import { registerFineTune, startRun } from "./commands/fine-tune.js";
import { registerLayers } from "./commands/layers.js";
import { registerNewRecipe } from "./commands/new-recipe.js";
import { openModelCommand, registerOpenModel } from "./commands/open-model.js";
import { registerRunControl } from "./commands/run-control.js";
import { registerShowRunLog } from "./commands/show-run-log.js";
import { registerVerify } from "./commands/verify.js";
import { createEngine, type HostedEngine } from "./engine/host.js";
import { registerRecipes } from "./recipes/register.js";
import { RunManager } from "./runs/manager.js";
import { RunNotifications } from "./runs/notifications.js";
import { RunDocuments } from "./runs/run-documents.js";
import { RunStatusBar } from "./runs/status-bar.js";
import type { Services } from "./services.js";

let hosted: HostedEngine | undefined;

export function activate(context: vscode.ExtensionContext): FrostlineApi {
  const log = vscode.window.createOutputChannel("Frostline", { log: true });
  hosted = createEngine(context, log);
  const { engine } = hosted;
  const runs = new RunManager(engine);
  const services: Services = { context, engine, runs, runDocuments: new RunDocuments(), log };
  context.subscriptions.push(log, runs, services.runDocuments, new RunStatusBar(runs), new RunNotifications(runs, log), registerRecipes(services));
  for (const register of [
    registerOpenModel,
    registerFineTune,
    registerNewRecipe,
    registerRunControl,
    registerLayers,
    registerExportModel,
    registerVerify,
    registerShowRunLog,
  ])
    context.subscriptions.push(register(services));
  return {
    openModel: (model) => openModelCommand(services, model),
    startRun: async (recipe) => (await startRun(services, recipe)).done,
    onProgress: (listener) => runs.onEvent(({ training, event }) => void listener({ recipe: training.recipe, event })),
  };
}

/** Runs that go on end between two steps, with a checkpoint; the editor waits a few seconds for it. */
export async function deactivate(): Promise<void> {
  await hosted?.shutDown();
}
