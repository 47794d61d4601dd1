// The worker of the command line: the bundle beside its own.

import { join } from "node:path";
import { startWorker, type WorkerClient, type WorkerOptions } from "../worker/client.js";
import type { Role } from "../worker/contract.js";

type Isolation = NonNullable<WorkerOptions["isolation"]>;

/** Starts a worker, hands it to `use`, and lets it end whatever comes of that. */
export async function withWorker<T>(role: Role, use: (worker: WorkerClient) => Promise<T>, isolation: Isolation = "thread"): Promise<T> {
  const worker = startWorker(role, { entry: join(__dirname, "worker.js"), isolation });
  try {
    return await use(worker);
  } finally {
    await worker.close();
  }
}
