// A run's folder, `.frostline/runs/<id>/` beside the recipe: `run.json` says how the run stands, `events.jsonl` what happened, one event a
// line. What is in them is decided in train.ts.

import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
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

/** Makes the folder of a new run, which is this process's until it is closed. @throws run/write */
export async function createRun(recipeFolder: string): Promise<Run> {
  const time = new Date().toISOString().replace(/\.\d+Z$/, "").replaceAll(":", "-"); // prettier-ignore
  const id = `${time}-${randomBytes(2).toString("hex")}`;
  const folder = join(runsFolder(recipeFolder), id);
  try {
    await makeFolder(folder);
  } catch (cause) {
    throw errors.cannotWrite(folder, cause);
  }
  return openRun(id, folder);
}

/** The run with an id, or in a folder. @throws usage/run for one that is not there; usage/run-in-use; run/write */
export async function findRun(recipeFolder: string, idOrPath: string): Promise<Run> {
  const candidates = [join(runsFolder(recipeFolder), idOrPath), isAbsolute(idOrPath) ? idOrPath : resolve(idOrPath)];
  for (const folder of candidates) {
    const found = await stat(join(folder, "run.json")).catch(() => undefined);
    if (found?.isFile() === true)
      return openRun(
        folder
          .split(/[\\/]/)
          .filter((part) => part !== "")
          .at(-1) ?? idOrPath,
        folder,
      );
  }
  const known = await readdir(runsFolder(recipeFolder)).catch(() => []);
  throw errors.unknownRun(idOrPath, runsFolder(recipeFolder), nearest(idOrPath, known));
}

function runsFolder(recipeFolder: string): string {
  return join(recipeFolder, ".frostline", "runs");
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
