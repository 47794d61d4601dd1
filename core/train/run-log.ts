// A run's folder, by default `.frostline/runs/<id>/` beside the recipe: `run.json` says how the run stands, `events.jsonl` what happened, one event a
// line. What is in them is decided in train.ts.

import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import * as errors from "../errors.js";
import { nearest } from "../graph/nearest.js";
import type { TrainEvent } from "./events.js";
import { makeFolder, writeAtomic } from "./files.js";
import { takeLock } from "./run-lock.js";

export interface Run {
  /** UTC time and four random characters: readable, and sorted by age. */
  readonly id: string;
  readonly folder: string;
  /** Adds one line to `events.jsonl`, at once: a crash loses at most the last one. @throws run/write */
  append(event: TrainEvent): void;
  /** Replaces `run.json`, atomically. @throws run/write */
  write(record: Readonly<Record<string, unknown>>): Promise<void>;
  /** What `run.json` says so far; undefined for a new run, or where it cannot be read. */
  recorded(): Promise<unknown>;
  close(): void;
}

/** Makes the folder of a new run among those that there are, which is this process's until it is closed. @throws run/write */
export async function createRun(runsFolder: string): Promise<Run> {
  const time = new Date().toISOString().replace(/\.\d+Z$/, "").replaceAll(":", "-"); // prettier-ignore
  const id = `${time}-${randomBytes(2).toString("hex")}`;
  const folder = join(runsFolder, id);
  try {
    await makeFolder(folder);
  } catch (cause) {
    throw errors.cannotWrite(folder, cause);
  }
  return openRun(id, folder);
}

/** Where the runs of a recipe lie: by default in `.frostline/runs` beside it. `setting` is relative to the recipe's folder. */
export function runsFolderOf(recipeFolder: string, setting = join(".frostline", "runs")): string {
  return resolve(recipeFolder, setting);
}

/** The run with an id among those of a folder, or in a folder of its own. @throws usage/run for one that is not there; usage/run-in-use; run/write */
export async function findRun(runsFolder: string, idOrPath: string): Promise<Run> {
  const { id, folder } = await findRunFolder(runsFolder, idOrPath);
  return openRun(id, folder);
}

/** The same, to be read only. @throws usage/run for one that is not there */
export async function findRunFolder(runsFolder: string, idOrPath: string): Promise<{ readonly id: string; readonly folder: string }> {
  for (const folder of [join(runsFolder, idOrPath), resolve(idOrPath)]) {
    const found = await stat(join(folder, "run.json")).catch(() => undefined);
    if (found?.isFile() === true) return { id: basename(resolve(folder)), folder };
  }
  const known = await readdir(runsFolder).catch(() => []);
  throw errors.unknownRun(idOrPath, runsFolder, nearest(idOrPath, known));
}

function openRun(id: string, folder: string): Run {
  const path = join(folder, "events.jsonl");
  const guard = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      throw errors.cannotWrite(path, cause);
    }
  };
  const releaseLock = takeLock(folder, id);
  let file: number;
  try {
    file = guard(() => openSync(path, "a+"));
    // What a crash left of its last line must not run into the next one.
    if (!endsWithNewline(file)) guard(() => writeSync(file, "\n"));
  } catch (error) {
    releaseLock();
    throw error;
  }
  return {
    id,
    folder,
    append: (event) => guard(() => void writeSync(file, `${JSON.stringify(event)}\n`)),
    write: (record) => writeAtomic(join(folder, "run.json"), `${JSON.stringify(record, undefined, 2)}\n`),
    recorded: () => readRecord(join(folder, "run.json")),
    close: () => {
      closeSync(file);
      releaseLock();
    },
  };
}

async function readRecord(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return undefined;
  }
}

function endsWithNewline(file: number): boolean {
  const { size } = fstatSync(file);
  const last = Buffer.alloc(1);
  return size === 0 || (readSync(file, last, 0, 1, size - 1) === 1 && last[0] === 0x0a);
}
