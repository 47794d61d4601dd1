// A program of its own: tries in a thread what a run does there – load the runtime, train, end – so that a crash of it is found out where it
// costs nothing. It prints what computed and ends with status 0; anything else is a failure.

import { join } from "node:path";
import { EngineError } from "../errors.js";
import { startWorker } from "./client.js";

async function main(): Promise<void> {
  const worker = startWorker("train", { entry: join(__dirname, "worker.js") });
  try {
    console.log(JSON.stringify(await worker.selfTest()));
  } catch (error) {
    console.error(error instanceof EngineError ? error.message : String(error));
    process.exitCode = 1;
  } finally {
    await worker.close();
  }
}

void main();
