// Runs the built command line as its users do: as a process of its own.

import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import type { TrainEvent } from "../../core/train/events.js";

const entry = join(__dirname, "../../dist/cli.js");

export interface CliOptions {
  readonly cwd?: string;
  /** Called with all of standard output so far whenever there is more of it. */
  readonly onOutput?: (stdout: string, child: ChildProcess) => void;
  /** A module that is loaded into the process and its threads first. */
  readonly preload?: string;
  /** Largest size of a file that the process may write, in KiB: what a full disk looks like. POSIX only. */
  readonly fileLimit?: number;
  /** What the environment has besides. */
  readonly env?: Readonly<Record<string, string>>;
  /** File that standard output goes to instead. POSIX only. */
  readonly into?: string;
}

export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function frostline(args: readonly string[], { cwd, onOutput, preload, fileLimit, env, into }: CliOptions = {}): Promise<CliResult> {
  const script = `${fileLimit === undefined ? "" : `ulimit -f ${fileLimit}; `}exec "$@"${into === undefined ? "" : ` > ${into}`}`;
  const [command, all] =
    fileLimit === undefined && into === undefined
      ? [process.execPath, [entry, ...args]]
      : ["bash", ["-c", script, "bash", process.execPath, entry, ...args]];
  const child = spawn(command, all, {
    ...(cwd === undefined ? {} : { cwd }),
    env: {
      ...process.env,
      ...env,
      NO_COLOR: "1",
      FORCE_COLOR: undefined,
      ...(preload === undefined ? {} : { NODE_OPTIONS: `--require ${preload}` }),
    },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    onOutput?.(stdout, child);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, stdout, stderr }));
  });
}

/** The objects of `--json` output, one a line. */
export function events(stdout: string): readonly TrainEvent[] {
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as TrainEvent);
}

/** The first event of a kind. */
export function eventOf<K extends TrainEvent["event"]>(all: readonly TrainEvent[], kind: K): Extract<TrainEvent, { event: K }> {
  const found = all.find((e) => e.event === kind);
  if (found === undefined) throw new Error(`no "${kind}" among ${all.map((e) => e.event).join(", ")}`);
  return found as Extract<TrainEvent, { event: K }>;
}
