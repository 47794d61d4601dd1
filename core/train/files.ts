// Writing the files of a run: whole or not at all, with errors that name the path and say what to do.

import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import writeFileAtomic from "write-file-atomic";
import * as errors from "../errors.js";

/**
 * Replaces a file in one step, making its folder where there is none; what was there before stays whole if that fails.
 * @throws run/write
 */
export async function writeAtomic(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomic(path, typeof content === "string" ? content : Buffer.from(content.buffer, content.byteOffset, content.byteLength));
  } catch (cause) {
    throw errors.cannotWrite(path, cause);
  }
}
