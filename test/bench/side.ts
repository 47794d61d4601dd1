// One side of the bench: a child process that answers requests, one at a time. What it trains with is its own matter.

import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Replies, Reply, Requests, Verb } from "./protocol.js";

export interface SideCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Lines of a child's error output that a message repeats. */
const keptLines = 2;

export class Side {
  readonly name: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #errorOutput = "";
  #startFailure: string | undefined;
  readonly #ended: Promise<void>;

  constructor({ name, command, args, environment = {} }: SideCommand) {
    this.name = name;
    this.#child = spawn(command, args, { env: { ...process.env, ...environment } });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#child.stderr.on("data", (text: Buffer) => (this.#errorOutput += text.toString()));
    // A child that is gone is told by the missing reply.
    this.#child.stdin.on("error", () => {});
    this.#ended = new Promise((resolve) => {
      this.#child.on("error", (error) => {
        this.#startFailure = error.message;
        resolve();
      });
      this.#child.on("close", () => resolve());
    });
  }

  /** Asks, and waits for the reply. @throws with the child's reason where it has none to give */
  async ask<V extends Verb>(verb: V, body: Requests[V]): Promise<Replies[V]> {
    this.#child.stdin.write(`${JSON.stringify({ verb, body })}\n`);
    const line = await Promise.race([this.#lines.next(), this.#ended.then(() => undefined)]);
    if (line === undefined || line.done === true) throw new Error(await this.#lastWords());
    const reply = JSON.parse(line.value) as Reply;
    if ("error" in reply) throw new Error(reply.error);
    return reply.body as Replies[V];
  }

  async #lastWords(): Promise<string> {
    await this.#ended;
    if (this.#startFailure !== undefined) return this.#startFailure;
    const lines = this.#errorOutput.split("\n").map((line) => line.trim());
    const telling = lines.filter((line) => /error/i.test(line)).slice(-keptLines);
    return telling.length === 0 ? `ended with status ${this.#child.exitCode}` : telling.join(" ");
  }

  /** Peak resident memory so far in bytes; undefined where the system does not tell. */
  peakMemory(): number | undefined {
    try {
      const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.#child.pid}/status`, "utf8"))?.[1];
      return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
    } catch {
      return undefined;
    }
  }

  /** Lets the child end; it does so when its input does. */
  async close(): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }
}
