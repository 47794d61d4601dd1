// A JSON-RPC connection over a message port or a child process' channel, the same on both sides. What the messages say stands in
// contract.ts.

import {
  AbstractMessageReader,
  AbstractMessageWriter,
  createMessageConnection,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageConnection,
} from "vscode-jsonrpc/node";
import type { ChildProcess } from "node:child_process";
import type { MessagePort, Worker } from "node:worker_threads";
import { toResponseError } from "./contract.js";

/** One end of a channel between two threads or processes. */
export interface Endpoint {
  post(message: Message): void;
  onMessage(listener: (message: Message) => void): void;
  onClose(listener: () => void): void;
  /** No more messages; lets this side's event loop end. */
  close(): void;
}

/** The end at a thread: a worker as its starter sees it, or the port that a worker was given. */
export function threadEndpoint(port: MessagePort | Worker): Endpoint {
  return {
    post: (message) => port.postMessage(message, buffersToMove(message)),
    onMessage: (listener) => port.on("message", listener),
    onClose: (listener) => port.once("terminate" in port ? "exit" : "close", listener),
    close: () => {
      if ("close" in port) port.close();
    },
  };
}

/** Buffers that go with a part of a message, as `moving` says. */
const buffersOf = new WeakMap<object, readonly ArrayBuffer[]>();

/**
 * Marks params or a result: whole buffers of these arrays are moved to another thread, and are gone here, instead of being copied. To a
 * process everything is copied.
 */
export function moving<T extends object>(part: T, arrays: readonly ArrayBufferView[]): T {
  const whole = arrays.map(({ buffer, byteLength }) => (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? buffer : undefined));
  buffersOf.set(part, [...new Set(whole)].filter((buffer) => buffer !== undefined)); // prettier-ignore
  return part;
}

function buffersToMove(message: Message): readonly ArrayBuffer[] {
  const { params, result } = message as { readonly params?: unknown; readonly result?: unknown };
  const part = params ?? result;
  return typeof part === "object" && part !== null ? (buffersOf.get(part) ?? []) : [];
}

/** The end at a process that was started with advanced serialisation: the child as its starter sees it, or the child itself. */
export function processEndpoint(process: NodeJS.Process | ChildProcess): Endpoint {
  return {
    // A message that can no longer be delivered is told of by the channel's end.
    post: (message) => void process.send?.(message, undefined, undefined, () => undefined),
    onMessage: (listener) => process.on("message", listener),
    onClose: (listener) => process.once("disconnect", listener),
    close: () => {
      if (process.connected === true) process.disconnect?.();
    },
  };
}

class EndpointReader extends AbstractMessageReader {
  readonly #listeners = new Set<DataCallback>();

  constructor(endpoint: Endpoint) {
    super();
    endpoint.onMessage((message) => this.#listeners.forEach((listener) => listener(message)));
    endpoint.onClose(() => this.fireClose());
  }

  listen(callback: DataCallback): Disposable {
    this.#listeners.add(callback);
    return { dispose: () => this.#listeners.delete(callback) };
  }
}

class EndpointWriter extends AbstractMessageWriter {
  readonly #endpoint: Endpoint;
  #failures = 0;

  constructor(endpoint: Endpoint) {
    super();
    this.#endpoint = endpoint;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- a failure to post has to come back as a rejection
  async write(message: Message): Promise<void> {
    try {
      this.#endpoint.post(message);
    } catch (cause) {
      this.#failures += 1;
      this.fireError(cause, message, this.#failures);
      throw cause;
    }
  }

  end(): void {
    // The endpoint's owner closes it.
  }
}

/** A connection; it listens once its handlers are in place and `listen` is called. */
export function connect(endpoint: Endpoint): MessageConnection {
  return createMessageConnection(new EndpointReader(endpoint), new EndpointWriter(endpoint));
}

/** A request handler whose failures cross as engine errors. */
export function answering<P, R>(handler: (params: P) => Promise<R>): (params: P) => Promise<R> {
  return async (params) => {
    try {
      return await handler(params);
    } catch (error) {
      throw toResponseError(error);
    }
  };
}
