// Writing the files of a run: whole or not at all, with errors that name the path and say what to do.

import { access, constants, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { replaceFile } from "../atomic-file.js";
import * as errors from "../errors.js";

/**
 * Replaces a file in one step, making its folder where there is none; what was there before stays whole if that fails.
 * @throws run/write
 */
export async function writeAtomic(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await replaceFile(path, content);
  } catch (cause) {
    throw errors.cannotWrite(path, cause);
  }
}

/** Makes a folder where there is none, and makes sure that files can be put there. @throws run/write */
export async function requireFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK);
  } catch (cause) {
    throw errors.cannotWrite(path, cause);
  }
}
