// Where the editor starts the extension: wiring only. Nothing is loaded or started here that is not needed to be asked for something.

import { join } from "node:path";
import * as vscode from "vscode";
import type { FrostlineApi } from "./api.js";
import { openModelCommand, registerOpenModel } from "./commands/open-model.js";
import { EngineService } from "./engine/service.js";
import { registerRecipes } from "./recipes/register.js";
import type { Services } from "./services.js";

let engine: EngineService | undefined;

export function activate(context: vscode.ExtensionContext): Pick<FrostlineApi, "openModel"> {
  const log = vscode.window.createOutputChannel("Frostline", { log: true });
  engine = new EngineService({
    entry: join(context.extensionPath, "dist", "worker.js"),
    isolation: () => Promise.resolve("thread"),
    isTrusted: () => vscode.workspace.isTrusted,
    runs: { started: () => Promise.resolve(), ended: () => undefined },
    onOutput: (line) => log.info(line),
  });
  const services: Services = { context, engine, log };
  context.subscriptions.push(log, registerOpenModel(services), registerRecipes(services));
  return { openModel: (model) => openModelCommand(services, model) };
}

/** Runs that go on end between two steps, with a checkpoint; the editor waits a few seconds for it. */
export async function deactivate(): Promise<void> {
  await engine?.shutDown();
}
