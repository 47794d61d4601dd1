// What other extensions may ask of this one: `activate` answers with it. Only additions, once released.

import type * as vscode from "vscode";
import type { DoneEvent, TrainEvent } from "../core/worker/contract.js";

/** `await vscode.extensions.getExtension<FrostlineApi>("frostline.frostline")?.activate()` */
export interface FrostlineApi {
  /** Shows what a model is: inputs, outputs, parameters, operators, and what cannot be trained. */
  openModel(model: vscode.Uri): Promise<void>;
  /**
   * Fine-tunes as a recipe's file says, with the progress that a person sees. Answers how the run ended, also where it was stopped; rejects
   * with an error that has a `code`, a `message` and maybe a `hint`.
   */
  startRun(recipe: vscode.Uri): Promise<DoneEvent>;
  /** Everything that the runs of this window report, in order. */
  readonly onProgress: vscode.Event<{ readonly recipe: vscode.Uri; readonly event: TrainEvent }>;
}
