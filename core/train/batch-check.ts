// Trust, but check: where a model exported for one sample was made to take batches, three distinct samples must give the same results
// together, in another order, and one by one.

import * as errors from "../errors.js";
import type { Graph } from "../graph/types.js";
import type { Executor, HostTensor } from "../runtime/executor.js";

/** Largest difference that still counts as the same, relative to the largest result (or 1). */
const tolerance = 1e-4;

export interface BatchCheck {
  /** The model as it was, for a batch of one, and with its batch freed. Both have the same input and output. */
  readonly single: Graph;
  readonly freed: Graph;
  readonly input: string;
  readonly output: string;
  /** Shape of one sample as the model takes it, its batch axis (1) included. */
  readonly shape: readonly number[];
  /** Up to three different samples. */
  readonly samples: readonly Float32Array[];
}

/** @throws model/batch-mixes where a sample's result depends on the others or on its place among them */
export async function checkBatchFreedom(executor: Executor, check: BatchCheck): Promise<void> {
  const { samples } = check;
  const alone = await runAll(
    executor,
    check.single,
    check,
    samples.map((s) => [s]),
  );
  const rotated = [...samples.slice(1), samples[0]];
  const [together, turned] = await runAll(executor, check.freed, check, [samples, rotated]);
  const expected = alone.flatMap((result) => [...result]);
  const width = expected.length / samples.length;
  const expectedTurned = [...expected.slice(width), ...expected.slice(0, width)];
  const scale = expected.reduce((max, v) => Math.max(max, Math.abs(v)), 1);
  for (const [got, want] of [
    [together, expected],
    [turned, expectedTurned],
  ] as const) {
    const worst = want.reduce((max, v, i) => Math.max(max, Math.abs(v - got[i])), got.length === want.length ? 0 : Infinity);
    if (!(worst <= tolerance * scale)) throw errors.batchMixes(check.output, worst);
  }
}

async function runAll(
  executor: Executor,
  graph: Graph,
  { input, output, shape }: BatchCheck,
  batches: readonly (readonly Float32Array[])[],
): Promise<readonly Float32Array[]> {
  const program = await executor.compile(graph);
  try {
    const results: Float32Array[] = [];
    for (const batch of batches) {
      const data = new Float32Array(batch.reduce((n, sample) => n + sample.length, 0));
      batch.forEach((sample, i) => data.set(sample, i * sample.length));
      const feed: HostTensor = { dtype: "float32", shape: [batch.length, ...shape.slice(1)], data };
      const { [output]: result } = await program.run({ [input]: feed });
      results.push(Float32Array.from(result.data as Float32Array));
    }
    return results;
  } finally {
    await program.dispose();
  }
}
