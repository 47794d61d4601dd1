// The `inspect` role: opens and analyses models and data. It never loads the runtime.

import type { MessageConnection } from "vscode-jsonrpc/node";
import { dataColumns, summariseData } from "../train/data-facts.js";
import { reportData } from "../train/data-report.js";
import { inspectFile } from "../train/inspect.js";
import { ModelCache } from "../train/model-cache.js";
import { newRecipe } from "../train/new-recipe.js";
import { analyseRecipe } from "../train/recipe-analysis.js";
import { draftRecipe } from "../train/recipe-draft.js";
import { verifyFiles } from "../train/verify.js";
import { answering } from "./connection.js";
import * as contract from "./contract.js";
import type { RoleServer } from "./entry.js";

export function serve(connection: MessageConnection): RoleServer {
  connection.onRequest(
    contract.inspect,
    answering(({ model, freeze }) => inspectFile(model, { freeze })),
  );
  connection.onRequest(
    contract.verify,
    answering(({ before, after, frozen }) => verifyFiles(before, after, { frozen })),
  );
  connection.onRequest(contract.data, answering(reportData));
  const models = new ModelCache();
  connection.onRequest(
    contract.recipe,
    answering((request) => analyseRecipe(request, models)),
  );
  connection.onRequest(contract.dataColumns, answering(dataColumns));
  connection.onRequest(contract.summariseData, answering(summariseData));
  connection.onRequest(
    contract.draftRecipe,
    answering((request) => draftRecipe(request, models)),
  );
  connection.onRequest(
    contract.newRecipe,
    answering((request) => Promise.resolve(newRecipe(request))),
  );
  connection.onRequest(
    contract.exportRun,
    answering(async (request) => (await import("../train/export-run.js")).exportRun(request)),
  );
  return { stop: () => Promise.resolve() };
}
