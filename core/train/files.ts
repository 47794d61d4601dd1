// The files of a run: written whole or not at all, with errors that name the path and say what to do, and told apart by their hashes.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, constants, mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { replaceFile } from "../atomic-file.js";
import * as errors from "../errors.js";

/**
 * Makes a folder and those above it where there are none. Node's own recursive mkdir says that nothing exists where a file system is
 * read-only, and on some never answers.
 * @throws the file system's error
 */
export async function makeFolder(path: string, make: (path: string) => Promise<unknown> = mkdir): Promise<void> {
  if ((await stat(path).catch(() => undefined))?.isDirectory() === true) return;
  const parent = dirname(path);
  if (parent !== path) await makeFolder(parent, make);
  try {
    await make(path);
  } catch (cause) {
    // Another process may have been faster.
    if ((await stat(path).catch(() => undefined))?.isDirectory() !== true) throw cause;
  }
}

/**
 * Replaces a file in one step, making its folder where there is none; what was there before stays whole if that fails.
 * @throws run/write
 */
export async function writeAtomic(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await makeFolder(dirname(path));
    await replaceFile(path, content);
  } catch (cause) {
    throw errors.cannotWrite(path, cause);
  }
}

/** Makes sure that a file can be put there, making its folder where there is none. @throws recipe/output for a folder; run/write */
export async function requirePlaceFor(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) throw errors.outputIsFolder(path);
  try {
    await makeFolder(dirname(path));
    await access(dirname(path), constants.W_OK);
  } catch (cause) {
    throw errors.cannotWrite(path, cause);
  }
}

/** SHA-256 of a file's bytes in hex, read as a stream: a model of any size is held once, not twice. @throws the file system's error */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
