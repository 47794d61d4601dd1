// Runs as their folders tell of them: how each stands, and whether some process is at work on it. They are only read here.

import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { isRunning, readIdentity } from "../../core/process-identity.js";

export interface RunRecord {
  readonly id: string;
  readonly folder: string;
  /** Path of the recipe as it was when the run started; empty where the record does not say. */
  readonly recipe: string;
  /** As `run.json` says; `interrupted` where it says that the run goes on, and no process is at work on it. */
  readonly status: "running" | "interrupted" | "stopped" | "completed" | "earlyStop" | "failed" | "unknown";
  /** Process that is at work on it. */
  readonly pid?: number;
  /** Path of the base model. */
  readonly model?: string;
  /** Path of the trained model. */
  readonly output?: string;
  readonly hasCheckpoint: boolean;
}

const statuses = ["running", "stopped", "completed", "earlyStop", "failed"] as const;

/** Records that are read at most of each folder. */
const most = 50;

/** The runs in some folders, the newest first. Folders that cannot be read have none. */
export async function listRuns(folders: readonly string[]): Promise<readonly RunRecord[]> {
  const found = await Promise.all(
    [...new Set(folders)].map(async (folder) => {
      const names = await readdir(folder).catch(() => []);
      const newest = names.sort().reverse().slice(0, most);
      return Promise.all(newest.map((name) => readRun(join(folder, name))));
    }),
  );
  return found
    .flat()
    .filter((record) => record !== undefined)
    .sort((a, b) => b.id.localeCompare(a.id));
}

/** One run; undefined for a folder that is none. */
export async function readRun(folder: string): Promise<RunRecord | undefined> {
  const record = await readJson(join(folder, "run.json"));
  if (record === undefined) return undefined;
  const holder = readIdentity(await readFile(join(folder, "run.lock"), "utf8").catch(() => ""));
  const pid = holder !== undefined && isRunning(holder) ? holder.pid : undefined;
  const recipe = objectOf(record.recipe);
  const status = statuses.find((name) => name === record.status) ?? "unknown";
  const hasCheckpoint = (await stat(join(folder, "checkpoint.safetensors")).catch(() => undefined)) !== undefined;
  return {
    id: basename(folder),
    folder,
    recipe: typeof recipe.path === "string" ? recipe.path : "",
    status: status === "running" && pid === undefined ? "interrupted" : status,
    hasCheckpoint,
    ...(pid === undefined ? {} : { pid }),
    ...(typeof recipe.model === "string" ? { model: recipe.model } : {}),
    ...(typeof record.output === "string" ? { output: record.output } : {}),
  };
}

/** Whether a run can go on: it was stopped or cut off, with a checkpoint. */
export function isResumable({ status, hasCheckpoint }: RunRecord): boolean {
  return hasCheckpoint && (status === "stopped" || status === "interrupted" || status === "failed");
}

async function readJson(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    return objectOf(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return undefined;
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
