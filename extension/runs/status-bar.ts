// The status bar: an item for each run that goes on or is paused here.

import * as vscode from "vscode";
import { Command } from "../commands/ids.js";
import { Owner } from "../common/disposable.js";
import type { PausedRun, RunManager, Training } from "./manager.js";

export class RunStatusBar extends Owner {
  readonly #runs: RunManager;
  readonly #items = new Map<string, vscode.StatusBarItem>();

  constructor(runs: RunManager) {
    super();
    this.#runs = runs;
    this.own(runs.onChange(() => this.#update()));
    this.own(runs.onEvent(({ training, event }) => (event.event === "checkpoint" ? undefined : this.#show(training))));
  }

  override dispose(): void {
    for (const item of this.#items.values()) item.dispose();
    super.dispose();
  }

  #update(): void {
    const shown = new Set([...this.#runs.running, ...this.#runs.paused].map(keyOf));
    for (const [key, item] of this.#items) {
      if (shown.has(key)) continue;
      item.dispose();
      this.#items.delete(key);
    }
    for (const training of this.#runs.running) this.#show(training);
    for (const paused of this.#runs.paused) this.#showPaused(paused);
  }

  #show(training: Training): void {
    if (!this.#runs.running.includes(training)) return;
    const { progress, name, wanted } = training;
    const item = this.#itemFor(keyOf(training), name);
    const state = wanted === "run" ? progress.text : wanted === "pause" ? "pausing after this step" : "stopping after this step";
    const text = `$(sync~spin) ${name}: ${state}${progress.fallsBack ? " · WebAssembly" : ""}`;
    // Setting what is there already would still cross to the window.
    if (item.text !== text) item.text = text;
    if (progress.run === undefined || item.command !== undefined) return;
    item.command = { command: Command.showRunLog, title: "Show Run Log", arguments: [training.progress.run] };
    item.tooltip = tooltipOf(training);
  }

  #showPaused(paused: PausedRun): void {
    const item = this.#itemFor(keyOf(paused), paused.name);
    item.text = `$(debug-pause) ${paused.name}: paused`;
    item.tooltip = `Resume run ${paused.run}`;
    item.command = { command: Command.resume, title: "Resume Training", arguments: [paused.run] };
  }

  #itemFor(key: string, name: string): vscode.StatusBarItem {
    const known = this.#items.get(key);
    if (known !== undefined) return known;
    const item = vscode.window.createStatusBarItem(`frostline.${key}`, vscode.StatusBarAlignment.Left);
    item.name = `Frostline: ${name}`;
    item.show();
    this.#items.set(key, item);
    return item;
  }
}

/** A run that goes on and the same one paused are two items. */
function keyOf(run: Training | PausedRun): string {
  return "run" in run ? `paused ${run.run}` : `running ${run.recipe.toString()}`;
}

function tooltipOf({ progress, recipe }: Training): vscode.MarkdownString {
  const lines = [
    `**Fine-tuning** ${vscode.workspace.asRelativePath(recipe)}`,
    `Run ${progress.run ?? ""}, computed by ${progress.runtime ?? ""}`,
    ...(progress.passedOver === undefined ? [] : [`$(warning) ${progress.passedOver}`]),
    "Click to show the run's log",
  ];
  return new vscode.MarkdownString(lines.join("\n\n"), true);
}
