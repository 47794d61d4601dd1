// What a person is told of a run besides the status bar: a notification while it goes on, one when it has ended, and the log.

import * as vscode from "vscode";
import type { DoneEvent } from "../../core/worker/contract.js";
import { Command } from "../commands/ids.js";
import { Owner } from "../common/disposable.js";
import { showFailure } from "../common/failures.js";
import { linesOf } from "./log-lines.js";
import type { RunManager, Training } from "./manager.js";
import { endText } from "./progress.js";

/** Milliseconds between two changes of the notification. */
const interval = 250;

export class RunNotifications extends Owner {
  readonly #runs: RunManager;
  readonly #log: vscode.LogOutputChannel;

  constructor(runs: RunManager, log: vscode.LogOutputChannel) {
    super();
    this.#runs = runs;
    this.#log = log;
    this.own(runs.onStart((training) => void this.#follow(training)));
    this.own(
      runs.onEvent(({ training, event }) => {
        for (const { level, text } of linesOf(event)) this.#log[level](`[${training.name}] ${text}`);
      }),
    );
  }

  async #follow(training: Training): Promise<void> {
    this.#log.info(`[${training.name}] Fine-tuning ${training.recipe.fsPath}`);
    const options = { location: vscode.ProgressLocation.Notification, title: `Fine-tuning ${training.name}`, cancellable: true };
    try {
      const done = await vscode.window.withProgress(options, (progress, cancelled) => this.#report(training, progress, cancelled));
      await this.#tellEnd(training, done);
    } catch (error) {
      await showFailure(error, this.#log, training.recipe);
    }
  }

  async #report(
    training: Training,
    progress: vscode.Progress<{ message?: string; increment?: number }>,
    cancelled: vscode.CancellationToken,
  ): Promise<DoneEvent> {
    let told = 0;
    const tell = (): void => {
      const share = training.progress.share * 100;
      const wanted = training.wanted === "run" ? training.progress.text : "ending after this step, with a checkpoint";
      progress.report({ message: wanted, increment: share - told });
      told = share;
    };
    tell();
    const timer = setInterval(tell, interval);
    const cancelling = cancelled.onCancellationRequested(() => this.#runs.stop(training, "stop"));
    try {
      return await training.done;
    } finally {
      clearInterval(timer);
      cancelling.dispose();
    }
  }

  async #tellEnd(training: Training, done: DoneEvent): Promise<void> {
    if (done.reason === "stopped") return this.#tellStop(training, done);
    const actions = [...(done.output === undefined ? [] : ["Open Output"]), "Show Run"];
    const chosen = await vscode.window.showInformationMessage(`${training.name}: ${endText(done)}`, ...actions);
    if (chosen === "Open Output" && done.output !== undefined) await vscode.commands.executeCommand(Command.openModel, vscode.Uri.file(done.output));
    if (chosen === "Show Run") await vscode.commands.executeCommand(Command.showRunLog, done.run);
  }

  async #tellStop(training: Training, { run }: DoneEvent): Promise<void> {
    const verb = training.wanted === "pause" ? "paused" : "stopped";
    const chosen = await vscode.window.showInformationMessage(`${training.name}: ${verb}, with a checkpoint to go on from.`, "Resume", "Show Run");
    if (chosen === "Resume") await vscode.commands.executeCommand(Command.resume, run);
    if (chosen === "Show Run") await vscode.commands.executeCommand(Command.showRunLog, run);
  }
}
