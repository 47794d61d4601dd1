// The mark that a session leaves while runs go on in its own process: where it is found and its process is gone, the editor may have crashed
// in a run.

import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isRunning, ownIdentity, readIdentity } from "../../core/process-identity.js";

export class SessionMarker {
  readonly #folder: string;
  readonly #path: string;
  #runs = 0;

  /** `folder` is the extension's own, shared by all windows. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#path = join(folder, `${process.pid}-${randomBytes(4).toString("hex")}.session`);
  }

  /** A run is about to start. A mark that cannot be left is left out: the run matters more. */
  async runStarted(): Promise<void> {
    this.#runs += 1;
    try {
      await mkdir(this.#folder, { recursive: true });
      if (this.#runs > 0) await writeFile(this.#path, JSON.stringify(ownIdentity()));
    } catch {
      // Without it a crash would only not be noticed.
    }
  }

  /** A run has ended; the last one takes the mark away. */
  runEnded(): void {
    this.#runs -= 1;
    if (this.#runs <= 0) this.clear();
  }

  /** Takes the mark away at once: the session ends as it should. */
  clear(): void {
    this.#runs = 0;
    try {
      rmSync(this.#path, { force: true });
    } catch {
      // Where it cannot be taken away it could not be left either.
    }
  }

  /** Whether an earlier session went away while a run was going on. Its mark is taken away: this is told once. */
  async foundCrash(): Promise<boolean> {
    const names = await readdir(this.#folder).catch(() => []);
    let found = false;
    for (const path of names.filter((name) => name.endsWith(".session")).map((name) => join(this.#folder, name))) {
      if (path === this.#path) continue;
      const holder = readIdentity(await readFile(path, "utf8").catch(() => ""));
      if (holder !== undefined && isRunning(holder)) continue;
      found = true;
      await rm(path, { force: true });
    }
    return found;
  }
}
