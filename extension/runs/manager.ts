// The runs of this window: started, paused, resumed and stopped here. How they are shown is decided by those who listen.

import { basename } from "node:path";
import * as vscode from "vscode";
import { runGoingOn } from "../../core/errors.js";
import type { DoneEvent, TrainEvent } from "../../core/worker/contract.js";
import { ContextKey } from "../commands/ids.js";
import { Owner } from "../common/disposable.js";
import type { EngineRun, EngineService } from "../engine/service.js";
import { requestSettings } from "../engine/settings.js";
import { RunProgress } from "./progress.js";

/** A run that goes on. */
export interface Training {
  readonly recipe: vscode.Uri;
  /** The recipe's name, as people call the run. */
  readonly name: string;
  readonly progress: RunProgress;
  /** What was asked of it last. */
  readonly wanted: "run" | "pause" | "stop";
  /** How it ended. Rejects with an engine error. */
  readonly done: Promise<DoneEvent>;
}

/** A run that was paused here and can go on. */
export interface PausedRun {
  readonly recipe: vscode.Uri;
  readonly name: string;
  /** Its id. */
  readonly run: string;
  readonly folder: string;
}

interface OwnTraining extends Training {
  wanted: "run" | "pause" | "stop";
  readonly engineRun: EngineRun;
}

export class RunManager extends Owner {
  readonly #engine: EngineService;
  readonly #running = new Set<OwnTraining>();
  #paused: readonly PausedRun[] = [];
  readonly #started = this.own(new vscode.EventEmitter<Training>());
  readonly #progressed = this.own(new vscode.EventEmitter<{ readonly training: Training; readonly event: TrainEvent }>());
  readonly #changed = this.own(new vscode.EventEmitter<void>());

  /** A run has started. */
  readonly onStart = this.#started.event;
  /** A run has reported something; its progress knows of it already. */
  readonly onEvent = this.#progressed.event;
  /** The lists of running or paused runs are others. */
  readonly onChange = this.#changed.event;

  constructor(engine: EngineService) {
    super();
    this.#engine = engine;
  }

  get running(): readonly Training[] {
    return [...this.#running];
  }

  get paused(): readonly PausedRun[] {
    return this.#paused;
  }

  /** Starts a recipe, or takes a run of it up again. @throws usage/untrusted; usage/run-going-on for a recipe that is being trained here */
  start(recipe: vscode.Uri, resume?: string): Training {
    const name = basename(recipe.path).replace(/\.finetune\.jsonc?$/, "");
    if (this.running.some((training) => training.recipe.toString() === recipe.toString())) throw runGoingOn(basename(recipe.path));
    const settings = vscode.workspace.getConfiguration("frostline", recipe);
    const request = { recipePath: recipe.fsPath, ...requestSettings((key) => settings.get(key)), ...(resume === undefined ? {} : { resume }) };
    const progress = new RunProgress();
    const engineRun = this.#engine.startRun(request, (event) => {
      progress.add(event);
      this.#progressed.fire({ training, event });
    });
    const done = engineRun.done.finally(() => this.#running.delete(training)).finally(() => this.#tellChange());
    const training: OwnTraining = { recipe, name, progress, wanted: "run", engineRun, done };
    this.#running.add(training);
    this.#paused = this.#paused.filter((paused) => paused.run !== resume);
    this.#tellChange();
    this.#started.fire(training);
    void done.then((end) => this.#ended(training, end)).catch(() => undefined);
    return training;
  }

  /** Ends a run between two steps, with a checkpoint; a paused one is kept in mind. */
  stop(training: Training, wanted: "pause" | "stop"): void {
    for (const own of this.#running) {
      if (own !== training) continue;
      own.wanted = wanted;
      own.engineRun.stop();
    }
    this.#changed.fire();
  }

  #ended(training: OwnTraining, { reason, run, folder }: DoneEvent): void {
    if (reason !== "stopped" || training.wanted !== "pause") return;
    this.#paused = [...this.#paused, { recipe: training.recipe, name: training.name, run, folder }];
    this.#tellChange();
  }

  #tellChange(): void {
    void vscode.commands.executeCommand("setContext", ContextKey.running, this.#running.size > 0);
    void vscode.commands.executeCommand("setContext", ContextKey.paused, this.#paused.length > 0);
    if (!this.disposed) this.#changed.fire();
  }
}
