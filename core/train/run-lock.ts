// The lock of a run's folder: one process at a time works on a run. What a process that is gone left behind does not count.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as errors from "../errors.js";
import { isRunning, ownIdentity, readIdentity, type ProcessIdentity } from "../process-identity.js";

/** Takes the lock of a run; the answer gives it back. @throws usage/run-in-use naming the process that holds it; run/write */
export function takeLock(folder: string, run: string): () => void {
  const path = join(folder, "run.lock");
  const own = JSON.stringify(ownIdentity());
  try {
    const holder = readHolder(path);
    if (holder !== undefined && isRunning(holder)) throw errors.runInUse(run, holder.pid, path);
    rmSync(path, { force: true });
    writeFileSync(path, own, { flag: "wx" });
  } catch (cause) {
    if (cause instanceof errors.EngineError) throw cause;
    const other = readHolder(path);
    throw other === undefined ? errors.cannotWrite(path, cause) : errors.runInUse(run, other.pid, path);
  }
  return () => {
    try {
      rmSync(path, { force: true });
    } catch {
      // It stays behind, and does not count once this process is gone.
    }
  };
}

function readHolder(path: string): ProcessIdentity | undefined {
  try {
    return readIdentity(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
