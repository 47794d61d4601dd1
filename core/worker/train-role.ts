// The `train` role: one run at a time. A stop is an ordinary message, read between steps.

import type { MessageConnection } from "vscode-jsonrpc/node";
import { selfTest as testRuntime } from "../runtime/self-test.js";
import { train as runTraining } from "../train/train.js";
import { answering } from "./connection.js";
import { selfTest, stop, train, trainEvents } from "./contract.js";
import type { RoleServer } from "./entry.js";
import { eventBatches } from "./event-batches.js";
import { startFeed } from "./feed-client.js";

export function serve(connection: MessageConnection, entry: string): RoleServer {
  let stopRequested = false;
  let running: Promise<unknown> = Promise.resolve();
  connection.onNotification(stop, () => {
    stopRequested = true;
  });
  connection.onRequest(
    train,
    answering((request) => {
      // A starter that is gone cannot be told anything; the run then ends by itself.
      const events = eventBatches((batch) => void connection.sendNotification(trainEvents, batch).catch(() => undefined));
      const run = runTraining(request, {
        emit: (event) => events.add(event),
        stopRequested: () => stopRequested,
        // Wherever the run goes on, its feed is a thread there: what it makes is moved, not copied, and it ends where the run ends.
        startFeed: () => startFeed({ entry }),
      }).finally(() => events.flush());
      running = run.catch(() => undefined);
      return run;
    }),
  );
  connection.onRequest(
    selfTest,
    answering(() => testRuntime()),
  );
  return {
    stop: async () => {
      stopRequested = true;
      await running;
    },
  };
}
