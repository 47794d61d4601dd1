// The starter's side of any worker: starts it, sends it requests and turns its failures into engine errors. A worker is asked to end,
// never terminated: stopping one in the middle of the runtime's work would take the whole process with it.

import { fork } from "node:child_process";
import { constants, setPriority } from "node:os";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { Worker } from "node:worker_threads";
import {
  ConnectionError,
  ErrorCodes,
  ResponseError,
  type Disposable,
  type MessageConnection,
  type NotificationType,
  type RequestType,
} from "vscode-jsonrpc/node";
import * as errors from "../errors.js";
import type { ErrorData } from "../errors.js";
import { connect, processEndpoint, threadEndpoint, type Endpoint } from "./connection.js";
import { fromResponseError, shutdown, type Role } from "./contract.js";

export interface WorkerOptions {
  /** File that the worker starts from: the built `worker.js`, or `entry.ts` where the sources run directly. */
  readonly entry: string;
  /** Where it runs: a thread (default) or a process of its own, which a crash of the runtime cannot leave. */
  readonly isolation?: "thread" | "process";
  /** Leave the machine to others where it is short: a process of its own gets a lower priority (a thread shares its process'). */
  readonly background?: boolean;
  /** Takes what the worker writes to its standard streams, line by line, in place of the starter's own streams. */
  readonly onOutput?: (line: string) => void;
}

/** A worker that was started, and what can be said to it. Requests fail with its engine errors, or with `run/worker-ended` if it is gone. */
export class WorkerLink {
  /** Settled once the worker is gone: what requests are told then. Never rejects. */
  readonly ended: Promise<errors.EngineError>;
  readonly #connection: MessageConnection;
  /** Ends the requests that wait for an answer. */
  readonly #waiting = new Set<(error: errors.EngineError) => void>();
  #gone = false;

  /** It loads in the background, and requests wait for it. */
  constructor(role: Role, options: WorkerOptions) {
    // Before the runtime can be loaded anywhere, and in the environment of the process itself: threads only have copies of it.
    process.env.ORT_DISABLE_TELEMETRY = "1";
    const { endpoint, ended } = options.isolation === "process" ? startProcess(role, options) : startThread(role, options);
    this.ended = ended;
    void ended.then((error) => {
      this.#gone = true;
      this.#waiting.forEach((reject) => reject(error));
    });
    this.#connection = connect(endpoint);
    this.#connection.listen();
  }

  on<P>(type: NotificationType<P>, listener: (params: P) => void): Disposable {
    return this.#connection.onNotification(type, listener);
  }

  /** The answer, or why there will be none: whichever comes first. */
  async request<P, R>(type: RequestType<P, R, ErrorData>, params: P): Promise<R> {
    if (this.#gone) throw await this.ended;
    let waiting: ((error: errors.EngineError) => void) | undefined;
    try {
      return await new Promise<R>((resolve, reject) => {
        waiting = reject;
        this.#waiting.add(reject);
        this.#send(type, params).then(resolve, reject);
      });
    } catch (error) {
      if (isClosedConnection(error)) throw await this.ended;
      throw fromResponseError(error);
    } finally {
      if (waiting !== undefined) this.#waiting.delete(waiting);
    }
  }

  /** Says something that needs no answer; one that is gone does not hear it. */
  notify<P>(type: NotificationType<P>, params: P): void {
    void quietly(async () => this.#connection.sendNotification(type, params));
  }

  /** Lets the worker finish and waits until it has ended. */
  async close(): Promise<void> {
    // The answer may be lost where the worker has ended before; its end is what counts.
    void quietly(async () => this.#connection.sendRequest(shutdown));
    await this.ended;
    this.#connection.dispose();
  }

  /** A connection that is closed already is told of by a rejection too. */
  async #send<P, R>(type: RequestType<P, R, ErrorData>, params: P): Promise<R> {
    return this.#connection.sendRequest(type, params);
  }
}

interface Started {
  readonly endpoint: Endpoint;
  /** When and why the worker is gone. Never rejects. */
  readonly ended: Promise<errors.EngineError>;
}

function startThread(role: Role, { entry, onOutput }: WorkerOptions): Started {
  const own = onOutput !== undefined;
  const worker = new Worker(entry, { workerData: { role }, stdout: own, stderr: own });
  if (own) forwardLines([worker.stdout, worker.stderr], onOutput);
  const ended = new Promise<errors.EngineError>((resolve) => {
    worker.once("error", (cause) => resolve(errors.workerEnded(role, cause instanceof Error ? cause.message : String(cause))));
    worker.once("exit", (status) => resolve(errors.workerEnded(role, `exit status ${status}`)));
  });
  return { endpoint: threadEndpoint(worker), ended };
}

function startProcess(role: Role, { entry, background = false, onOutput }: WorkerOptions): Started {
  const stream = onOutput === undefined ? "inherit" : "pipe";
  const child = fork(entry, [role], {
    serialization: "advanced",
    stdio: ["ignore", stream, stream, "ipc"],
    // Where the starter is Electron, its executable has to be told to be Node; Node itself does not look at it.
    env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" },
    // A debugger's port is the starter's.
    execArgv: process.execArgv.filter((argument) => !argument.startsWith("--inspect")),
  });
  if (onOutput !== undefined) forwardLines([child.stdout, child.stderr], onOutput);
  if (background) child.once("spawn", () => lowerPriority(child.pid));
  const ended = new Promise<errors.EngineError>((resolve) => {
    child.once("error", (cause) => resolve(errors.workerEnded(role, cause.message)));
    child.once("exit", (status, signal) => resolve(errors.workerEnded(role, signal === null ? `exit status ${status}` : `signal ${signal}`)));
  });
  return { endpoint: processEndpoint(child), ended };
}

function forwardLines(streams: readonly (Readable | null)[], onLine: (line: string) => void): void {
  for (const stream of streams) if (stream !== null) createInterface({ input: stream }).on("line", onLine);
}

function lowerPriority(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended already, or the system does not let it: it then computes as others do.
  }
}

/** The connection was closed under a request, or before it. */
function isClosedConnection(error: unknown): boolean {
  return error instanceof ConnectionError || (error instanceof ResponseError && error.code === ErrorCodes.PendingResponseRejected);
}

/** Sends what needs no answer. */
async function quietly(send: () => Promise<unknown>): Promise<void> {
  try {
    await send();
  } catch {
    // The worker is gone already.
  }
}
