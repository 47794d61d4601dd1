// The self-test of the runtime where it is loaded: a few training steps on the small model of the provider check. Whether the numbers are
// right is check.ts's matter; here it counts that steps can be taken, and that the loss falls.

import * as errors from "../errors.js";
import { trainingCheck } from "./check.js";
import { chooseExecutor } from "./select.js";

const steps = 3;
const learningRate = 0.05;

export interface SelfTestReport {
  /** What computed. */
  readonly runtime: string;
  /** The loss of each step. */
  readonly losses: readonly number[];
}

/** Loads the runtime and trains. @throws run/runtime-missing; run/self-test where the loss does not fall */
export async function selfTest(): Promise<SelfTestReport> {
  const { executor } = await chooseExecutor({ spinning: false });
  const { graph, feeds, outputs } = trainingCheck();
  const program = await executor.compile(graph);
  const losses: number[] = [];
  try {
    for (let step = 0; step < steps; step++) {
      const results = await program.run(feeds);
      losses.push(Number(results[outputs.get("loss") ?? ""].data[0]));
      for (const [what, output] of outputs) if (what in feeds) descend(feeds[what].data as Float32Array, results[output].data as Float32Array);
    }
  } finally {
    await program.dispose();
  }
  if (!losses.every((loss, i) => i === 0 || loss < losses[i - 1])) throw errors.selfTestFailed(losses);
  return { runtime: executor.description, losses };
}

/** In place: feeds that change are seen by the next step. */
function descend(weight: Float32Array, gradient: Float32Array): void {
  for (let i = 0; i < weight.length; i++) weight[i] -= learningRate * gradient[i];
}
