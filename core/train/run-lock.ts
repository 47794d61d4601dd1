// The lock of a run's folder: one process at a time works on a run. What a process that is gone left behind does not count.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as errors from "../errors.js";

interface Holder {
  readonly pid: number;
  /** When the process started, as the system counts it; empty where it does not say. */
  readonly started: string;
}

/** Takes the lock of a run; the answer gives it back. @throws usage/run-in-use naming the process that holds it; run/write */
export function takeLock(folder: string, run: string): () => void {
  const path = join(folder, "run.lock");
  const own = JSON.stringify({ pid: process.pid, started: startOf(process.pid) } satisfies Holder);
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

function readHolder(path: string): Holder | undefined {
  try {
    const { pid, started } = JSON.parse(readFileSync(path, "utf8")) as Partial<Holder>;
    return typeof pid === "number" && Number.isInteger(pid) && pid > 0 ? { pid, started: String(started) } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the process is still there: another one with its number has another start. */
function isRunning({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return startOf(pid) === started;
}

/** Field 22 of Linux' `/proc/PID/stat`, the start in clock ticks since the machine's; the name before it may hold spaces. */
function startOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return "";
  }
}
