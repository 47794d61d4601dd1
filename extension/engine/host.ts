// The engine in this editor: its settings, its trust, its folders, and what is known of threads here.

import { join } from "node:path";
import * as vscode from "vscode";
import { IsolationChoice, type Verdict } from "./isolation.js";
import { runSelfTest } from "./self-test.js";
import { EngineService } from "./service.js";
import { SessionMarker } from "./session-marker.js";
import { isolationSetting } from "./settings.js";

/** Key of what is known of threads, in the editor's own storage. */
const verdictKey = "frostline.isolation";

export interface HostedEngine {
  readonly engine: EngineService;
  shutDown(): Promise<void>;
}

export function createEngine(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): HostedEngine {
  const bundle = (name: string): string => join(context.extensionPath, "dist", name);
  const marker = new SessionMarker(join(context.globalStorageUri.fsPath, "sessions"));
  const { version } = context.extension.packageJSON as { readonly version: string };
  const choice = new IsolationChoice({
    versions: `vscode ${vscode.version}, frostline ${version}`,
    setting: () => isolationSetting((key) => vscode.workspace.getConfiguration("frostline").get(key)),
    read: () => context.globalState.get<Verdict>(verdictKey),
    keep: (verdict) => context.globalState.update(verdictKey, verdict),
    selfTest: async () => {
      log.info("Testing the runtime in a process of its own, once under these versions …");
      const problem = await runSelfTest(bundle("self-test.js"));
      log.info(problem === undefined ? "The runtime works in threads." : `The runtime does not work in threads: ${problem}`);
      return problem;
    },
    foundCrash: () => marker.foundCrash(),
    tell: (reason) => void tell(reason, () => context.globalState.update(verdictKey, undefined)),
  });
  const engine = new EngineService({
    entry: bundle("worker.js"),
    isolation: () => choice.choose(),
    isTrusted: () => vscode.workspace.isTrusted,
    runs: {
      started: (isolation) => (isolation === "thread" ? marker.runStarted() : Promise.resolve()),
      ended: (isolation) => (isolation === "thread" ? marker.runEnded() : undefined),
    },
    onOutput: (line) => log.info(line),
  });
  void choice.lookBack();
  return {
    engine,
    shutDown: async () => {
      marker.clear();
      await engine.shutDown();
    },
  };
}

async function tell(reason: string, forget: () => PromiseLike<void>): Promise<void> {
  const chosen = await vscode.window.showWarningMessage(reason, "Try Threads Again", "Open Settings");
  if (chosen === "Try Threads Again") await forget();
  if (chosen === "Open Settings") await vscode.commands.executeCommand("workbench.action.openSettings", "frostline.engine.isolation");
}
