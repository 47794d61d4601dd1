// Samples as the model's input takes them: read, transformed and, in training, augmented. What an augmentation does is in core/data/augment.ts.

import type { Augmentation, Mix } from "../data/augment.js";
import type { SampleSource } from "../data/source.js";
import type { Transform } from "../data/transforms.js";
import { elementCount } from "../graph/dims.js";
import { tensorOf } from "../graph/tensor.js";
import type { TensorType } from "../graph/types.js";
import type { HostTensor } from "../runtime/executor.js";
import { hostTensorOf } from "../runtime/host-tensor.js";

/** What of a job decides its samples. */
export interface SampleJob {
  readonly source: SampleSource;
  readonly transform: Transform;
  /** Of the training samples, where the recipe has one. */
  readonly augmentation?: Augmentation;
  readonly input: { readonly type: TensorType; readonly sampleShape: readonly number[] };
  readonly recipe: { readonly seed: number };
  readonly split: { readonly train: Uint32Array };
}

/**
 * Samples `indices`, [count, …]; what they leave open is zero. With an `epoch` (of all phases together) they are training samples, augmented
 * as in that epoch. A sample is the same whichever others it is read with. They are written to `into` where it is as long as they are.
 */
export async function readSamples(
  job: SampleJob,
  indices: readonly number[],
  count: number,
  epoch?: number,
  into?: Float32Array,
): Promise<HostTensor> {
  const { transform, input } = job;
  const size = elementCount(transform.outputShape);
  const data = into?.length === count * size ? into : new Float32Array(count * size);
  data.fill(0, indices.length * size);
  const slots = indices.map((_, i) => data.subarray(i * size, (i + 1) * size));
  const { augmentation } = job;
  if (epoch === undefined || augmentation === undefined) {
    const raw = await readRaw(job.source, indices);
    for (const [i, slot] of slots.entries()) transform.apply(raw[i], slot);
  } else {
    await readAugmented(job, augmentation, indices, epoch, slots);
  }
  const shape = [count, ...input.sampleShape];
  return input.type.dtype === "float32" ? { dtype: "float32", shape, data } : hostTensorOf(tensorOf(input.type.dtype, data, shape));
}

/** What training samples are mixed with in an epoch; undefined where nothing is. */
export function mixesOf(job: SampleJob, indices: readonly number[], epoch: number): readonly Mix[] | undefined {
  const mix = job.augmentation?.mix;
  return mix && indices.map((index) => mix({ seed: job.recipe.seed, epoch, index }, job.split.train));
}

async function readAugmented(
  job: SampleJob,
  augmentation: Augmentation,
  indices: readonly number[],
  epoch: number,
  slots: readonly Float32Array[],
): Promise<void> {
  const { seed } = job.recipe;
  const mixes = mixesOf(job, indices, epoch) ?? [];
  const raw = await readRaw(job.source, [...indices, ...mixes.map((mix) => mix.partner)]);
  const other = new Float32Array(slots[0]?.length ?? 0);
  for (const [i, slot] of slots.entries()) {
    augmentation.apply(raw[i], slot, { seed, epoch, index: indices[i] });
    if (mixes.length === 0) continue;
    const { partner, share } = mixes[i];
    augmentation.apply(raw[indices.length + i], other, { seed, epoch, index: partner });
    for (let at = 0; at < slot.length; at += 1) slot[at] = share * slot[at] + (1 - share) * other[at];
  }
}

/** All at once: a source that decodes does several at the same time. */
async function readRaw(source: SampleSource, indices: readonly number[]): Promise<readonly Float32Array[]> {
  const size = elementCount(source.sampleShape);
  const all = new Float32Array(indices.length * size);
  await Promise.all(indices.map(async (index, i) => source.read(index, all, i * size)));
  return indices.map((_, i) => all.subarray(i * size, (i + 1) * size));
}
