// What the commands and views of the extension share: made once in activation, handed to each of them.

import type * as vscode from "vscode";
import type { EngineService } from "./engine/service.js";
import type { RunManager } from "./runs/manager.js";
import type { RunDocuments } from "./runs/run-documents.js";

export interface Services {
  readonly context: vscode.ExtensionContext;
  readonly engine: EngineService;
  readonly runs: RunManager;
  readonly runDocuments: RunDocuments;
  readonly log: vscode.LogOutputChannel;
}
