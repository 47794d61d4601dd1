// The worker of the command line: the bundle beside its own.

import { join } from "node:path";
import { startWorker, type WorkerClient } from "../worker/client.js";
import type { WorkerOptions } from "../worker/link.js";

type Isolation = NonNullable<WorkerOptions["isolation"]>;

/** Starts a worker, hands it to `use`, and lets it end whatever comes of that. */
export async function withWorker<T>(
  role: Parameters<typeof startWorker>[0],
  use: (worker: WorkerClient) => Promise<T>,
  isolation: Isolation = "thread",
): Promise<T> {
  const worker = startWorker(role, { entry: join(__dirname, "worker.js"), isolation });
  try {
    return await use(worker);
  } finally {
    await worker.close();
  }
}
