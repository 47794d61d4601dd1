// The engine as the extension sees it: workers by role, started when they are first needed, started again when they are needed after they
// ended, and asked to end when the editor does. It knows nothing of VS Code; what it has to know of the editor, its host tells.

import { untrusted, workerEnded } from "../../core/errors.js";
import { startWorker, type WorkerClient } from "../../core/worker/client.js";
import type { DoneEvent, TrainEvent, TrainRequest } from "../../core/worker/contract.js";
import type { WorkerOptions } from "../../core/worker/link.js";

export type Isolation = NonNullable<WorkerOptions["isolation"]>;

/** What the engine asks of the editor. */
export interface EngineHost {
  /** File that workers start from. */
  readonly entry: string;
  /** Where a run computes; may take a while the first time, when it has to be found out. */
  isolation(): Promise<Isolation>;
  /** Whether the folder that is open may be computed on; without trust only our own parser reads files. */
  isTrusted(): boolean;
  /** Told when a run is about to start and when it has ended; the answer to the first is awaited. */
  readonly runs: { started(isolation: Isolation): Promise<void>; ended(isolation: Isolation): void };
  /** What the runtime writes to its standard streams, line by line. */
  readonly onOutput: (line: string) => void;
}

/** A run that is going on. */
export interface EngineRun {
  /** How it ended: also with the reason `stopped`. Rejects with an engine error. */
  readonly done: Promise<DoneEvent>;
  /** Asks it to end between two steps, with a checkpoint. */
  stop(): void;
}

export class EngineService {
  readonly #host: EngineHost;
  #inspector: WorkerClient | undefined;
  readonly #runs = new Set<EngineRun>();
  /** Workers that were started and have not ended yet. */
  readonly #alive = new Set<WorkerClient>();

  #closing = false;

  constructor(host: EngineHost) {
    this.#host = host;
  }

  /** The worker that opens and analyses: it never loads the runtime. Asked for anew each time, so that one that has ended is replaced. */
  inspector(): WorkerClient {
    this.#inspector ??= this.#start("inspect", "thread");
    const worker = this.#inspector;
    void worker.ended.then(() => {
      if (this.#inspector === worker) this.#inspector = undefined;
    });
    return worker;
  }

  /** The same, for requests that read data: pictures are decoded by native code. @throws usage/untrusted */
  trustedInspector(what: string): WorkerClient {
    this.#requireTrust(what);
    return this.inspector();
  }

  /** Starts a run in a worker of its own. @throws usage/untrusted */
  startRun(request: TrainRequest, onEvent: (event: TrainEvent) => void): EngineRun {
    this.#requireTrust("A run");
    let stopped = false;
    let worker: WorkerClient | undefined;
    const go = async (): Promise<DoneEvent> => {
      const isolation = await this.#host.isolation();
      await this.#host.runs.started(isolation);
      try {
        if (this.#closing) throw workerEnded("train", "the editor is closing");
        worker = this.#start("train", isolation);
        const training = worker.train(request, onEvent);
        if (stopped) worker.stop();
        return await training;
      } finally {
        this.#host.runs.ended(isolation);
        this.#runs.delete(run);
        await worker?.close();
      }
    };
    const run: EngineRun = {
      done: go(),
      stop: () => {
        stopped = true;
        worker?.stop();
      },
    };
    this.#runs.add(run);
    return run;
  }

  /** Asks all that goes on to end, and waits until it has. */
  async shutDown(): Promise<void> {
    this.#closing = true;
    for (const run of this.#runs) run.stop();
    await Promise.all([...this.#alive].map((worker) => worker.close()));
  }

  #requireTrust(what: string): void {
    if (!this.#host.isTrusted()) throw untrusted(what);
  }

  #start(role: "inspect" | "train", isolation: Isolation): WorkerClient {
    const worker = startWorker(role, { entry: this.#host.entry, isolation, background: true, onOutput: this.#host.onOutput });
    this.#alive.add(worker);
    void worker.ended.then(() => this.#alive.delete(worker));
    return worker;
  }
}
