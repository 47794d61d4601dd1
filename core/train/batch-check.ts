// Trust, but check: where a model exported for one sample was made to take batches, three distinct samples must give the same results
// together, in another order, and one by one.

import * as errors from "../errors.js";
import type { Graph } from "../graph/types.js";
import { float32Of } from "../graph/tensor.js";
import type { Executor, HostTensor } from "../runtime/executor.js";
import { inFloat32 } from "../passes/float32.js";
import { hostTensor, tensorOfHost, asFloat32 } from "../runtime/host-tensor.js";

/** Largest difference that still counts as the same, relative to the largest result (or 1). */
const tolerance = 1e-4;

export interface BatchCheck {
  /** The model as it was, for a batch of one, and with its batch freed. Both have the same input and output. */
  readonly single: Graph;
  readonly freed: Graph;
  readonly input: string;
  readonly output: string;
  /** Up to three different samples, each a batch of one as the model takes it. */
  readonly samples: readonly HostTensor[];
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
  { input, output }: BatchCheck,
  batches: readonly (readonly HostTensor[])[],
): Promise<readonly Float32Array[]> {
  // In half precision, kernels for another batch size round differently by more than the tolerance.
  const program = await executor.compile(inFloat32(graph));
  try {
    const results: Float32Array[] = [];
    for (const batch of batches) {
      const { [output]: result } = await program.run({ [input]: asFloat32(stack(batch)) });
      results.push(float32Of(tensorOfHost(result, result.dtype)));
    }
    return results;
  } finally {
    await program.dispose();
  }
}

function stack(samples: readonly HostTensor[]): HostTensor {
  const { dtype, shape } = samples[0];
  const stacked = hostTensor(dtype, [samples.length, ...shape.slice(1)]);
  samples.forEach((sample, i) => stacked.data.set(sample.data as never, i * sample.data.length));
  return stacked;
}
