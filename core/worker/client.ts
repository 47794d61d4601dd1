// The starter's side of the roles `inspect` and `train`: what can be asked of a worker, as functions.

import type { EngineError } from "../errors.js";
import type { DataReport, DataReportRequest } from "../train/data-report.js";
import type { SelfTestReport } from "../runtime/self-test.js";
import type { ExportReport, ExportRequest } from "../train/export-run.js";
import type { DoneEvent, TrainEvent, TrainRequest } from "../train/events.js";
import type { InspectReport } from "../train/inspect.js";
import type { ColumnsRequest, DataColumn, DataSummary } from "../train/data-facts.js";
import type { NewRecipeRequest } from "../train/new-recipe.js";
import type { RecipeAnalysis, RecipeRequest } from "../train/recipe-analysis.js";
import type { DraftRequest, RecipeDraft } from "../train/recipe-draft.js";
import type { SourceSettings } from "../data/dataset.js";
import type { VerifyReport } from "../train/verify.js";
import * as contract from "./contract.js";
import type { InspectRequest, Role, VerifyRequest } from "./contract.js";
import { WorkerLink, type WorkerOptions } from "./link.js";

/** A running worker. Its requests fail with the worker's engine errors, or with `run/worker-ended` if it is gone. */
export interface WorkerClient {
  inspect(request: InspectRequest): Promise<InspectReport>;
  /** Looks at the data of a recipe; a worker in the role `inspect` does. */
  data(request: DataReportRequest): Promise<DataReport>;
  /** Looks at the text of a recipe as it stands in an editor; a worker in the role `inspect` does. */
  recipe(request: RecipeRequest): Promise<RecipeAnalysis>;
  /** The next four make a new recipe; a worker in the role `inspect` does. Names of the columns, fields or arrays of a data file. */
  dataColumns(request: ColumnsRequest): Promise<readonly DataColumn[]>;
  /** Reads data once, to know what could be learnt of it. */
  summariseData(data: SourceSettings): Promise<DataSummary>;
  /** What a new recipe for a model, data and a task needs, and what it could freeze. */
  draftRecipe(request: DraftRequest): Promise<RecipeDraft>;
  /** Its text. */
  newRecipe(request: NewRecipeRequest): Promise<string>;
  /** Exports the best weights that a run has so far; a worker in the role `inspect` does. */
  exportRun(request: ExportRequest): Promise<ExportReport>;
  /** Loads the runtime and takes a few training steps; a worker in the role `train` does. */
  selfTest(): Promise<SelfTestReport>;
  verify(request: VerifyRequest): Promise<VerifyReport>;
  /** Runs to the end of the run; a run that was asked to stop ends with the reason `stopped`. */
  train(request: TrainRequest, onEvent: (event: TrainEvent) => void): Promise<DoneEvent>;
  /** Asks a run that is going on to end between steps. */
  stop(): void;
  /** Lets the worker finish (a run is stopped first) and waits until it has ended. */
  close(): Promise<void>;
  /** Settled once the worker is gone: what requests are told then. Never rejects. */
  readonly ended: Promise<EngineError>;
}

/** Starts a worker in one role; it loads in the background, and requests wait for it. */
export function startWorker(role: Exclude<Role, "feed">, options: WorkerOptions): WorkerClient {
  const link = new WorkerLink(role, options);
  return {
    inspect: (request) => link.request(contract.inspect, request),
    data: (request) => link.request(contract.data, request),
    recipe: (request) => link.request(contract.recipe, request),
    dataColumns: (request) => link.request(contract.dataColumns, request),
    summariseData: (settings) => link.request(contract.summariseData, settings),
    draftRecipe: (request) => link.request(contract.draftRecipe, request),
    newRecipe: (request) => link.request(contract.newRecipe, request),
    exportRun: (request) => link.request(contract.exportRun, request),
    selfTest: () => link.request(contract.selfTest, {}),
    verify: (request) => link.request(contract.verify, request),
    train: async (request, onEvent) => {
      const subscription = link.on(contract.trainEvents, (events) => events.forEach(onEvent));
      try {
        return await link.request(contract.train, request);
      } finally {
        subscription.dispose();
      }
    },
    stop: () => link.notify(contract.stop, {}),
    close: () => link.close(),
    ended: link.ended,
  };
}
