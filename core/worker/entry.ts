// Where every worker starts, as a thread or as a process: it finds its role, loads what that role needs and nothing else, serves until
// it is asked to shut down, and then ends by itself.

import { parentPort, workerData } from "node:worker_threads";
import type { MessageConnection } from "vscode-jsonrpc/node";
import { answering, connect, processEndpoint, threadEndpoint, type Endpoint } from "./connection.js";
import { roles, shutdown, type Role } from "./contract.js";

/** What a role offers to the entry once its handlers are in place. */
export interface RoleServer {
  /** Ends what is going on and answers when it has ended. */
  stop(): Promise<void>;
}

/** `entry` is the file that this worker was started from. */
type Serve = (connection: MessageConnection, entry: string) => RoleServer;

const servers: Readonly<Record<Role, () => Promise<{ readonly serve: Serve }>>> = {
  inspect: () => import("./inspect-role.js"),
  train: () => import("./train-role.js"),
  feed: () => import("./feed-role.js"),
};

/** The role this thread or process was started in. */
function ownRole(): Role {
  const name: unknown = parentPort === null ? process.argv[2] : (workerData as { readonly role?: unknown }).role;
  return roles.find((role) => role === name) ?? "inspect";
}

function ownEndpoint(): Endpoint {
  if (parentPort !== null) return threadEndpoint(parentPort);
  // Ctrl-C and a closed terminal reach a whole group of processes; whoever started this one decides what they mean.
  for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
  return processEndpoint(process);
}

async function start(): Promise<void> {
  const endpoint = ownEndpoint();
  const connection = connect(endpoint);
  const { serve } = await servers[ownRole()]();
  const server = serve(connection, __filename);
  connection.onRequest(
    shutdown,
    answering(async () => {
      await server.stop();
      // After the answer: with its port closed and nothing left to do, the thread ends by itself.
      setImmediate(() => endpoint.close());
      return null;
    }),
  );
  connection.onClose(() => void server.stop());
  connection.listen();
}

void start();
