// Pause, Resume and Stop Training: each acts at once where there is one run that it can be about, and asks where there are several.

import * as vscode from "vscode";
import { isResumable } from "../runs/records.js";
import type { Training } from "../runs/manager.js";
import type { Services } from "../services.js";
import { chooseRun, findRuns } from "./choose.js";
import { Command } from "./ids.js";
import { registerCommand } from "./register.js";

export function registerRunControl(services: Services): vscode.Disposable {
  const { runs } = services;
  const end = async (wanted: "pause" | "stop"): Promise<void> => {
    const training = await chooseTraining(runs.running);
    if (training !== undefined) runs.stop(training, wanted);
  };
  return vscode.Disposable.from(
    registerCommand(services, Command.pause, () => end("pause")),
    registerCommand(services, Command.stopTraining, () => end("stop")),
    registerCommand(services, Command.resume, (run?: unknown) => resume(services, typeof run === "string" ? run : undefined)),
  );
}

async function chooseTraining(running: readonly Training[]): Promise<Training | undefined> {
  if (running.length === 0) return void vscode.window.showInformationMessage("No run is going on in this window.");
  if (running.length === 1) return running[0];
  const items = running.map((training) => ({ label: training.name, description: training.progress.text, training }));
  return (await vscode.window.showQuickPick(items, { placeHolder: "Which run?" }))?.training;
}

/** The paused run, the one that is named, or one of those that can go on. */
async function resume({ runs }: Services, named: string | undefined): Promise<void> {
  const [paused, ...others] = named === undefined ? runs.paused : runs.paused.filter(({ run }) => run === named);
  if (paused !== undefined && others.length === 0) return void runs.start(paused.recipe, paused.run);
  const resumable = (await findRuns()).filter((record) => isResumable(record) && (named === undefined || record.id === named));
  if (resumable.length === 0)
    return void vscode.window.showInformationMessage(
      "There is no run to resume: none of this workspace was paused, stopped or cut off with a checkpoint.",
    );
  const record = named === undefined ? await chooseRun(resumable, "The run to go on with") : resumable[0];
  if (record !== undefined) runs.start(vscode.Uri.file(record.recipe), record.folder);
}
