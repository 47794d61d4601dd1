// The `inspect` role: opens and analyses models and data. It never loads the runtime.

import type { MessageConnection } from "vscode-jsonrpc/node";
import { reportData } from "../train/data-report.js";
import { inspectFile } from "../train/inspect.js";
import { ModelCache } from "../train/model-cache.js";
import { analyseRecipe } from "../train/recipe-analysis.js";
import { verifyFiles } from "../train/verify.js";
import { answering } from "./connection.js";
import { data, exportRun, inspect, recipe, verify } from "./contract.js";
import type { RoleServer } from "./entry.js";

export function serve(connection: MessageConnection): RoleServer {
  connection.onRequest(
    inspect,
    answering(({ model, freeze }) => inspectFile(model, { freeze })),
  );
  connection.onRequest(
    verify,
    answering(({ before, after, frozen }) => verifyFiles(before, after, { frozen })),
  );
  connection.onRequest(data, answering(reportData));
  const models = new ModelCache();
  connection.onRequest(
    recipe,
    answering((request) => analyseRecipe(request, models)),
  );
  connection.onRequest(
    exportRun,
    answering(async (request) => (await import("../train/export-run.js")).exportRun(request)),
  );
  return { stop: () => Promise.resolve() };
}
