// `frostline inspect`: what a model is and what can be trained in it, as a report or as JSON.

import { describeModel } from "../text/inspect-report.js";
import type { Terminal } from "./terminal.js";
import { withWorker } from "./worker.js";

export async function inspectCommand(model: string, freeze: readonly string[], terminal: Terminal): Promise<number> {
  const report = await withWorker("inspect", (worker) => worker.inspect({ model, freeze }));
  terminal.record(report);
  for (const line of describeModel(report, terminal.colors)) terminal.line(line);
  return 0;
}
