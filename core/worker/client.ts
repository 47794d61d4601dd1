// The starter's side of a worker: starts it, sends it requests and turns its failures into engine errors. A worker is asked to end,
// never terminated: stopping one in the middle of the runtime's work would take the whole process with it.

import { fork } from "node:child_process";
import { Worker } from "node:worker_threads";
import { ConnectionError, ErrorCodes, ResponseError, type MessageConnection, type RequestType } from "vscode-jsonrpc/node";
import * as errors from "../errors.js";
import type { ErrorData } from "../errors.js";
import type { DoneEvent, TrainEvent, TrainRequest } from "../train/events.js";
import type { InspectReport } from "../train/inspect.js";
import type { VerifyReport } from "../train/verify.js";
import { connect, processEndpoint, threadEndpoint, type Endpoint } from "./connection.js";
import * as contract from "./contract.js";
import type { InspectRequest, Role, VerifyRequest } from "./contract.js";

export interface WorkerOptions {
  /** File that the worker starts from: the built `worker.js`, or `entry.ts` where the sources run directly. */
  readonly entry: string;
  /** Where it runs: a thread (default) or a process of its own, which a crash of the runtime cannot leave. */
  readonly isolation?: "thread" | "process";
}

/** A running worker. Its requests fail with the worker's engine errors, or with `run/worker-ended` if it is gone. */
export interface WorkerClient {
  inspect(request: InspectRequest): Promise<InspectReport>;
  verify(request: VerifyRequest): Promise<VerifyReport>;
  /** Runs to the end of the run; a run that was asked to stop ends with the reason `stopped`. */
  train(request: TrainRequest, onEvent: (event: TrainEvent) => void): Promise<DoneEvent>;
  /** Asks a run that is going on to end between steps. */
  stop(): void;
  /** Lets the worker finish (a run is stopped first) and waits until it has ended. */
  close(): Promise<void>;
}

/** Starts a worker in one role; it loads in the background, and requests wait for it. */
export function startWorker(role: Role, { entry, isolation = "thread" }: WorkerOptions): WorkerClient {
  // Before the runtime can be loaded anywhere, and in the environment of the process itself: threads only have copies of it.
  process.env.ORT_DISABLE_TELEMETRY = "1";
  const { endpoint, ended } = isolation === "thread" ? startThread(role, entry) : startProcess(role, entry);
  const connection = connect(endpoint);
  connection.listen();
  return new Client(connection, ended);
}

interface Started {
  readonly endpoint: Endpoint;
  /** When and why the worker is gone. Never rejects. */
  readonly ended: Promise<errors.EngineError>;
}

function startThread(role: Role, entry: string): Started {
  const worker = new Worker(entry, { workerData: { role } });
  const ended = new Promise<errors.EngineError>((resolve) => {
    worker.once("error", (cause) => resolve(errors.workerEnded(role, cause instanceof Error ? cause.message : String(cause))));
    worker.once("exit", (status) => resolve(errors.workerEnded(role, `exit status ${status}`)));
  });
  return { endpoint: threadEndpoint(worker), ended };
}

function startProcess(role: Role, entry: string): Started {
  const child = fork(entry, [role], { serialization: "advanced", stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const ended = new Promise<errors.EngineError>((resolve) => {
    child.once("error", (cause) => resolve(errors.workerEnded(role, cause.message)));
    child.once("exit", (status, signal) => resolve(errors.workerEnded(role, signal === null ? `exit status ${status}` : `signal ${signal}`)));
  });
  return { endpoint: processEndpoint(child), ended };
}

class Client implements WorkerClient {
  readonly #connection: MessageConnection;
  readonly #ended: Promise<errors.EngineError>;

  constructor(connection: MessageConnection, ended: Promise<errors.EngineError>) {
    this.#connection = connection;
    this.#ended = ended;
  }

  inspect(request: InspectRequest): Promise<InspectReport> {
    return this.#request(contract.inspect, request);
  }

  verify(request: VerifyRequest): Promise<VerifyReport> {
    return this.#request(contract.verify, request);
  }

  async train(request: TrainRequest, onEvent: (event: TrainEvent) => void): Promise<DoneEvent> {
    const subscription = this.#connection.onNotification(contract.trainEvent, onEvent);
    try {
      return await this.#request(contract.train, request);
    } finally {
      subscription.dispose();
    }
  }

  stop(): void {
    // One that is gone has stopped.
    void quietly(async () => this.#connection.sendNotification(contract.stop, {}));
  }

  async close(): Promise<void> {
    // The answer may be lost where the worker has ended before; its end is what counts.
    void quietly(async () => this.#connection.sendRequest(contract.shutdown));
    await this.#ended;
    this.#connection.dispose();
  }

  /** The answer, or why there will be none: whichever comes first. */
  async #request<P, R>(type: RequestType<P, R, ErrorData>, params: P): Promise<R> {
    const gone = this.#ended.then((error): never => {
      throw error;
    });
    try {
      return await Promise.race([this.#send(type, params), gone]);
    } catch (error) {
      if (isClosedConnection(error)) throw await this.#ended;
      throw contract.fromResponseError(error);
    }
  }

  /** A connection that is closed already is told of by a rejection too. */
  async #send<P, R>(type: RequestType<P, R, ErrorData>, params: P): Promise<R> {
    return this.#connection.sendRequest(type, params);
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
