// `frostline train`: runs a recipe in the worker, shows how it goes, and turns Ctrl-C into a stop between two steps.

import * as errors from "../errors.js";
import type { TrainRequest } from "../train/events.js";
import type { WorkerClient } from "../worker/client.js";
import type { Terminal } from "./terminal.js";
import { TrainView } from "./train-view.js";
import { withWorker } from "./worker.js";

/** Exit status of a run that was stopped, as shells give it to what Ctrl-C ends. */
const stoppedStatus = 130;

/** Ctrl-C, a service's stop, and a terminal that was closed. */
const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface TrainOptions {
  readonly resume?: string;
  readonly cache: boolean;
  readonly provider?: string;
  /** Where the run goes on: a thread (default), or a process of its own. */
  readonly isolation?: string;
}

export async function trainCommand(recipe: string, options: TrainOptions, terminal: Terminal): Promise<number> {
  const { resume, cache, provider, isolation = "thread" } = options;
  if (isolation !== "thread" && isolation !== "process")
    throw errors.badUsage(`unknown isolation "${isolation}"`, "Expected one of thread, process.");
  const request: TrainRequest = {
    recipePath: recipe,
    cache,
    ...(resume === undefined ? {} : { resume }),
    ...(provider === undefined ? {} : { provider }),
  };
  const view = new TrainView(terminal, recipe);
  const train = async (worker: WorkerClient): Promise<number> => {
    const signals = stopOnSignals(worker, terminal, view);
    try {
      const done = await worker.train(request, (event) => {
        if (event.event === "done") signals.finish();
        terminal.record(event);
        view.show(event);
      });
      return done.reason === "stopped" ? stoppedStatus : 0;
    } finally {
      signals.release();
      view.close();
    }
  };
  return withWorker("train", train, isolation);
}

/** The first signal asks the run to end with a checkpoint; later ones are told that it is on its way. After `finish` there is nothing to stop. */
function stopOnSignals(worker: WorkerClient, terminal: Terminal, view: TrainView): { readonly finish: () => void; readonly release: () => void } {
  let state: "running" | "stopping" | "finished" = "running";
  const onSignal = (): void => {
    if (state === "finished") return;
    view.note(state === "running" ? "Stopping after this step, with a checkpoint …" : "Still writing the checkpoint; it will not take long.");
    state = "stopping";
    worker.stop();
  };
  terminal.onClosed(() => worker.stop());
  for (const signal of stopSignals) process.on(signal, onSignal);
  return {
    finish: () => {
      state = "finished";
    },
    release: () => {
      for (const signal of stopSignals) process.off(signal, onSignal);
    },
  };
}
