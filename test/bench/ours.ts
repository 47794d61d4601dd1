// Our side of the bench: a child process that trains a task, step by step or as a whole by a recipe, and answers requests (see protocol.ts).

import { readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { createExecutor } from "../../core/runtime/select.js";
import { train } from "../../core/train/train.js";
import type { Replies, Request, WholeRun } from "./protocol.js";
import { Training } from "./training.js";

/** Losses that are compared of a whole run. */
const comparedLosses = 10;

let training: Training | undefined;

async function answer(request: Request): Promise<Replies[keyof Replies]> {
  if (request.verb === "whole") return trainWhole(request.body);
  if (request.verb === "prepare") {
    const start = performance.now();
    const executor = await createExecutor({ threads: request.body.threads });
    training = request.body.onlyWhole ? undefined : await Training.prepare(request.body, executor);
    return { description: executor.description, milliseconds: performance.now() - start };
  }
  if (training === undefined) throw new Error("asked to run before anything was prepared");
  return training.run(request.body.steps);
}

/** Trains by a recipe as the command line does, without features of an earlier run. */
async function trainWhole({ recipe, epochs }: WholeRun): Promise<Replies["whole"]> {
  await rm(join(dirname(recipe), ".frostline"), { recursive: true, force: true });
  const recipeText = JSON.stringify({ ...(JSON.parse(await readFile(recipe, "utf8")) as object), epochs });
  const losses: number[] = [];
  const start = performance.now();
  await train(
    { recipePath: recipe, recipeText },
    {
      emit: (event) => {
        if (event.event === "step" && losses.length < comparedLosses) losses.push(event.loss);
      },
      stopRequested: () => false,
    },
  );
  return { losses, milliseconds: performance.now() - start };
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
