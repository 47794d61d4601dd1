// What every reader of data files needs of them: that they are there, and the file system's failures in words.

import { readdir, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import * as errors from "../errors.js";
import { nearest } from "../graph/nearest.js";

/** @throws data/no-file with the nearest names; data/unreadable */
export async function assertFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => error as NodeJS.ErrnoException);
  if (found instanceof Error) {
    if (found.code !== "ENOENT" && found.code !== "ENOTDIR") throw errors.unreadableData(path, found.message);
    const siblings = await readdir(dirname(path)).catch(() => []);
    throw errors.noDataFile(path, nearest(basename(path), siblings));
  }
  if (found.isDirectory()) throw errors.unreadableData(path, "it is a folder");
}

/** Turns failures of reading into errors that name the file. @throws data/unreadable */
export async function guardFile<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Error && "syscall" in error) throw errors.unreadableData(path, error.message);
    throw error;
  }
}
