// Writing for people and for programs: the two streams, colours where they can be seen, and a reader that goes away.

import picocolors from "picocolors";
import { cannotWrite, exitCodeOf, type EngineError } from "../errors.js";
import type { Colors } from "../text/colors.js";

/** Where a command writes. Nothing is written any more once the reader of the output is gone. */
export interface Terminal {
  readonly json: boolean;
  /** Standard output is a terminal: progress may be drawn in place. */
  readonly interactive: boolean;
  readonly colors: Colors;
  /** A line for people on standard output; left out with `--json`. */
  line(text?: string): void;
  /** An object as one line of JSON on standard output; only with `--json`. */
  record(value: object): void;
  /** A line on standard error; left out with `--json`. */
  note(text: string): void;
  /** An error: a JSON object on standard output, or a message and a hint on standard error. */
  fail(error: EngineError): void;
  /** Calls back when the reader of the output is gone. */
  onClosed(listener: () => void): void;
}

export function createTerminal(json: boolean): Terminal {
  const { stdout, stderr } = process;
  const colors = picocolors.createColors(picocolors.isColorSupported && stdout.isTTY);
  const errorColors = picocolors.createColors(picocolors.isColorSupported && stderr.isTTY);
  let closed = false;
  const listeners: (() => void)[] = [];
  const close = (): void => {
    closed = true;
    listeners.splice(0).forEach((listener) => listener());
  };
  stdout.on("error", (cause: NodeJS.ErrnoException) => {
    // A reader that has seen enough is no failure; a disk that is full is one, and the process says so when it ends.
    if (cause.code !== "EPIPE" && !closed) {
      const failure = cannotWrite("standard output", cause);
      stderr.write(`${errorColors.red("error")}: ${failure.message}\n`);
      process.exitCode = exitCodeOf(failure);
      process.once("exit", () => (process.exitCode = exitCodeOf(failure)));
    }
    close();
  });
  // Nobody is left to be told.
  stderr.on("error", () => undefined);
  const write = (text: string): void => {
    if (!closed) stdout.write(`${text}\n`);
  };
  return {
    json,
    interactive: stdout.isTTY && !json,
    colors,
    line: (text = "") => {
      if (!json) write(text);
    },
    record: (value) => {
      if (json) write(JSON.stringify(value));
    },
    note: (text) => {
      if (!json) stderr.write(`${text}\n`);
    },
    fail: ({ code, message, hint }) => {
      if (json) write(JSON.stringify({ event: "error", code, message, ...(hint === undefined ? {} : { hint }) }));
      else stderr.write(`${errorColors.red("error")}: ${message}\n${hint === undefined ? "" : `${errorColors.dim("hint")}: ${hint}\n`}`);
    },
    onClosed: (listener) => {
      if (closed) listener();
      else listeners.push(listener);
    },
  };
}
