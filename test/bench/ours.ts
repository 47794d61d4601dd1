// Our side of the bench: a child process that trains a task and answers requests (see protocol.ts).

import { createInterface } from "node:readline";
import { createExecutor } from "../../core/runtime/select.js";
import type { Replies, Request } from "./protocol.js";
import { Training } from "./training.js";

let training: Training | undefined;

async function answer(request: Request): Promise<Replies[keyof Replies]> {
  if (request.verb === "prepare") {
    const start = performance.now();
    const executor = await createExecutor({ threads: request.body.threads });
    training = await Training.prepare(request.body, executor);
    return { description: executor.description, milliseconds: performance.now() - start };
  }
  if (training === undefined) throw new Error("asked to run before anything was prepared");
  return training.run(request.body.steps);
}

async function serve(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const reply = await answer(JSON.parse(line) as Request).then(
      (body) => ({ body }),
      (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }),
    );
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
}

void serve();
