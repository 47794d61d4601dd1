// Tensors whose bytes lie in other files: reading their ranges, within the model's folder only, and laying them out in a new file.

import { closeSync, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { isAbsolute, join, relative, sep, win32 } from "node:path";
import * as errors from "../errors.js";
import { bytesOf } from "../graph/tensor.js";
import type { Tensor } from "../graph/types.js";
import type { ExternalRange, ReadExternal } from "./tensors.js";

/** Node reads at most this many bytes at a time. */
const longestRead = 2 ** 30;

/**
 * Reads ranges of files inside `folder`. Files stay open until `close`.
 * @throws model/external-data from `read`: a path that leaves the folder, no such file, a range beyond its end
 */
export function openExternalData(folder: string): { readonly read: ReadExternal; readonly close: () => void } {
  const files = new Map<string, number>();
  const read: ReadExternal = (range, tensor) => {
    let file = files.get(range.location);
    if (file === undefined) files.set(range.location, (file = openInside(folder, range.location, tensor)));
    return readRange(file, range, tensor);
  };
  return { read, close: () => files.forEach((file) => closeSync(file)) };
}

function openInside(folder: string, location: string, tensor: string): number {
  const refuse = (problem: string): errors.EngineError => errors.externalData(tensor, problem, location);
  if (location === "") throw refuse("no file is named");
  if (isAbsolute(location) || win32.isAbsolute(location)) throw refuse("the path is absolute");
  const path = join(folder, location);
  if (leaves(folder, path)) throw refuse("the path leaves the model's folder");
  try {
    if (leaves(realpathSync(folder), realpathSync(path))) throw refuse("a symbolic link leads out of the model's folder");
    const file = openSync(path, "r");
    if (fstatSync(file).isFile()) return file;
    closeSync(file);
  } catch (error) {
    if (error instanceof errors.EngineError) throw error;
    throw refuse(systemReason(error));
  }
  throw refuse("it is not a regular file");
}

function leaves(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === "" || way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way);
}

function readRange(file: number, { location, offset, length }: ExternalRange, tensor: string): Uint8Array {
  const { size } = fstatSync(file);
  if (offset + length > size) throw errors.externalData(tensor, `expected bytes ${offset} to ${offset + length}, the file has ${size}`, location);
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const got = readSync(file, bytes, done, Math.min(longestRead, length - done), offset + done);
    if (got === 0) throw errors.externalData(tensor, "the file became shorter while it was read", location);
    done += got;
  }
  return bytes;
}

/** The reason of a failed system call in words. */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "ENOENT":
      return "no such file or folder";
    case "EACCES":
    case "EPERM":
      return "no permission";
    case "EROFS":
      return "the folder is read-only";
    case "ENOSPC":
      return "the disk is full";
    case "EISDIR":
      return "it is a folder";
    default:
      return message;
  }
}

/** Tensors that are smaller stay inside the model. */
const smallestOutside = 1024;
/** Tensors start at page boundaries, so that a reader can map them. */
const alignment = 4096;

/** A data file being laid out. */
export interface DataFile {
  /** Gives a tensor its place; undefined where it stays inside the model. */
  readonly place: (tensor: Tensor) => ExternalRange | undefined;
  /** Writes everything that was placed, runs `then`, and only after that puts the file under its name; if either fails, nothing is changed. */
  readonly write: (path: string, then: () => Promise<void>) => Promise<void>;
}

export function layOutDataFile(location: string): DataFile {
  const placed = new Map<Tensor["data"], ExternalRange>();
  let end = 0;
  const place = (tensor: Tensor): ExternalRange | undefined => {
    const { length } = bytesOf(tensor);
    if (length < smallestOutside) return undefined;
    const known = placed.get(tensor.data);
    if (known !== undefined) return known;
    const range = { location, offset: Math.ceil(end / alignment) * alignment, length };
    end = range.offset + length;
    placed.set(tensor.data, range);
    return range;
  };
  return { place, write: (path, then) => writeWhole(path, placed, then) };
}

async function writeWhole(path: string, placed: ReadonlyMap<Tensor["data"], ExternalRange>, then: () => Promise<void>): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, "w");
    try {
      for (const [data, { offset, length }] of placed) {
        for (let done = 0; done < length;) {
          const { bytesWritten } = await file.write(data as Uint8Array, done, Math.min(longestRead, length - done), offset + done);
          done += bytesWritten;
        }
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await then();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
