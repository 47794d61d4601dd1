// Every message that crosses between the engine's worker and whoever started it, and the engine's errors on their way. The messages
// are plain data: they cross to a thread (structured clone) and to a process (advanced serialisation) alike.

import { NotificationType, RequestType, RequestType0, ResponseError } from "vscode-jsonrpc/node";
import { EngineError, revive, unforeseen, type ErrorData } from "../errors.js";
import type { HostTensor } from "../runtime/executor.js";
import type { SelfTestReport } from "../runtime/self-test.js";
import type { ColumnsRequest, DataColumn, DataSummary } from "../train/data-facts.js";
import type { DataReport, DataReportRequest } from "../train/data-report.js";
import type { ExportReport, ExportRequest } from "../train/export-run.js";
import type { DoneEvent, TrainEvent, TrainRequest } from "../train/events.js";
import type { FeedJob, MakeRequest } from "../train/feed.js";
import type { InspectReport } from "../train/inspect.js";
import type { NewRecipeRequest } from "../train/new-recipe.js";
import type { RecipeAnalysis, RecipeRequest } from "../train/recipe-analysis.js";
import type { DraftRequest, RecipeDraft } from "../train/recipe-draft.js";
import type { VerifyReport } from "../train/verify.js";
import type { SourceSettings } from "../data/dataset.js";

export type { SourceSettings } from "../data/dataset.js";
export type { ColumnsRequest, DataColumn, DataSummary, Task } from "../train/data-facts.js";
export type { DataReport, DataReportRequest } from "../train/data-report.js";
export type { DoneEvent, PlanEvent, TrainEvent, TrainRequest } from "../train/events.js";
export type { ExportReport, ExportRequest } from "../train/export-run.js";
export type { InspectedParameter, InspectReport } from "../train/inspect.js";
export type { RecipeAnalysis, RecipeRequest, RuleEffect } from "../train/recipe-analysis.js";
export type { RecipeDraft } from "../train/recipe-draft.js";
export type { RecipeFinding } from "../train/recipe-findings.js";
export type { VerifyReport } from "../train/verify.js";

/** What a worker is for; each loads only what its role needs. */
export const roles = ["inspect", "train", "feed"] as const;
export type Role = (typeof roles)[number];

export interface InspectRequest {
  readonly model: string;
  /** Freeze plan to mark the parameters with; none leaves everything trainable. */
  readonly freeze: readonly string[];
}

export interface VerifyRequest {
  readonly before: string;
  readonly after: string;
  /** Plan of what must be unchanged; left out: what the metadata of `after` says. */
  readonly frozen?: readonly string[];
}

export const inspect = new RequestType<InspectRequest, InspectReport, ErrorData>("inspect");
export const data = new RequestType<DataReportRequest, DataReport, ErrorData>("data");
/** Looks at the text of a recipe as it stands in an editor. */
export const recipe = new RequestType<RecipeRequest, RecipeAnalysis, ErrorData>("recipe");
/** Names of the columns, fields or arrays of a data file. */
export const dataColumns = new RequestType<ColumnsRequest, readonly DataColumn[], ErrorData>("dataColumns");
/** Reads data once, to know what could be learnt of it. */
export const summariseData = new RequestType<SourceSettings, DataSummary, ErrorData>("summariseData");
/** What a new recipe for a model, data and a task needs, and what it could freeze. */
export const draftRecipe = new RequestType<DraftRequest, RecipeDraft, ErrorData>("draftRecipe");
/** The text of a new recipe. */
export const newRecipe = new RequestType<NewRecipeRequest, string, ErrorData>("newRecipe");
/** Exports the best weights that a run has so far. */
export const exportRun = new RequestType<ExportRequest, ExportReport, ErrorData>("exportRun");
export const verify = new RequestType<VerifyRequest, VerifyReport, ErrorData>("verify");
/** Runs to its end; reports on the way with `trainEvents`. One at a time. */
export const train = new RequestType<TrainRequest, DoneEvent, ErrorData>("train");
/** Loads the runtime and takes a few training steps. */
export const selfTest = new RequestType<Record<string, never>, SelfTestReport, ErrorData>("selfTest");
/** Asks the run that is going on to end between steps, with a checkpoint. */
export const stop = new NotificationType<Record<string, never>>("stop");
/** In the order in which they happened; steps come together, a twentieth of a second late at most while others follow. */
export const trainEvents = new NotificationType<readonly TrainEvent[]>("trainEvents");
/** Once, before anything is asked of a feed. */
export const feedOpen = new NotificationType<FeedJob>("feedOpen");
/** Answered one after the other, in order; with null where the request was dropped meanwhile. */
export const feedMake = new RequestType<MakeRequest, readonly HostTensor[] | null, ErrorData>("feedMake");
/** Requests that are not answered yet are not wanted any more. */
export const feedDrop = new NotificationType<Record<string, never>>("feedDrop");
/** The worker stops what is going on, answers, closes its port and ends by itself. It is never terminated. */
export const shutdown = new RequestType0<null, ErrorData>("shutdown");

/** JSON-RPC code of an answer whose `data` is an engine error. */
const engineErrorCode = -32000;

/** An error as an answer that can cross. */
export function toResponseError(error: unknown): ResponseError<ErrorData> {
  const data = (error instanceof EngineError ? error : unforeseen(error)).toJSON();
  return new ResponseError(engineErrorCode, data.message, data);
}

/** The engine error that was sent. */
export function fromResponseError(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  if (error instanceof ResponseError && error.code === engineErrorCode) return revive(error.data as ErrorData);
  return unforeseen(error);
}
