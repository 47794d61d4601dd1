// Replacing a file in one step: whoever reads it sees the old content or the new one, never a part. What the file is, and what a failure
// means, is up to the caller.

import { randomBytes } from "node:crypto";
import { open, realpath, rename, rm, stat } from "node:fs/promises";

/**
 * Writes beside the file, flushes to the disk and renames; a link stays a link. On a failure the old file is as it was and nothing else is
 * left. The write-file-atomic package writes once and takes a short write, as a full disk gives it, for a success.
 * @throws the file system's error
 */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const temporary = `${target}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    const mode = (await stat(target).catch(() => undefined))?.mode;
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(content);
      if (mode !== undefined) await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw cause;
  }
}
