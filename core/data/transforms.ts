// Transforms: what a recipe does to each sample before the model sees it. Here lie the steps, their shapes and how they are chained; the
// loops that resample images are in resample.ts.

import * as errors from "../errors.js";
import { cropImages, padImages, resizeImages } from "./resample.js";

/** One step, as a recipe writes it: the key says which. */
export type TransformStep =
  /** The same values in another shape. */
  | { readonly reshape: readonly number[] }
  /** Linear map that takes the two values of `from` to those of `to`; not clamped. */
  | { readonly scale: { readonly from: readonly [number, number]; readonly to: readonly [number, number] } }
  /** (x − mean) ⁄ std, by index of the first axis; one entry stands for all. */
  | { readonly normalize: { readonly mean: readonly number[]; readonly std: readonly number[] } }
  /** The last two axes resampled to [height, width]. */
  | { readonly resize: readonly [number, number]; readonly method?: "bilinear" | "nearest" | undefined }
  /** The last two axes padded to [height, width], the sample in the centre. */
  | { readonly pad: readonly [number, number]; readonly value?: number | undefined }
  /** The centre of the last two axes, [height, width] of it. */
  | { readonly crop: readonly [number, number] }
  /** The one entry of the first axis, this many times. */
  | { readonly repeat: number };

export interface Transform {
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  /** Shapes and steps with their defaults filled in, as JSON whose text is the same for the same transform. */
  readonly description: string;
  /** Its output has no value that is not in its input: it only changes the shape. */
  readonly keepsValues: boolean;
  /** Transforms one sample. The input stays as it is; both arrays are as long as their shapes say and do not overlap. */
  apply(input: Float32Array, output: Float32Array): void;
}

/** Reads a sample from one array and writes the result to another. */
type Run = (from: Float32Array, to: Float32Array) => void;

interface Stage {
  readonly shape: readonly number[];
  /** Whether it may write where it reads. */
  readonly inPlace: boolean;
  readonly prepare: () => Run;
}

/** A sample with more values than this is a mistyped size. */
const longestSample = 2 ** 28;

/**
 * Prepares the steps for samples of one shape. A transform reuses its working memory, so it is not for use by several at once.
 * @throws recipe/transform naming the step (the first is number `first`), what it needs and what it got
 */
export function compileTransform(steps: readonly TransformStep[], inputShape: readonly number[], first = 1): Transform {
  const stages: Stage[] = [];
  let shape = inputShape;
  for (const [i, step] of steps.entries()) {
    const stage = compileStep(step, shape, first + i);
    if (!stage.shape.every((size) => Number.isInteger(size) && size > 0) || elements(stage.shape) > longestSample) {
      throw errors.badTransform(first + i, kindOf(step), `sizes from 1, and at most ${longestSample} values`, show(stage.shape));
    }
    shape = stage.shape;
    if (!("reshape" in step)) stages.push(stage);
  }
  return {
    inputShape,
    outputShape: shape,
    description: JSON.stringify({ input: inputShape, steps: steps.map(canonical), output: shape }),
    keepsValues: stages.length === 0,
    apply: chain(stages),
  };
}

/** Runs stages one after the other: in the output where they can, else through arrays that are kept. */
function chain(stages: readonly Stage[]): Transform["apply"] {
  const runs = stages.map((stage) => stage.prepare());
  const lastMove = stages.findLastIndex((stage) => !stage.inPlace);
  const buffers = stages.map((stage, i) => (stage.inPlace && i > 0 ? undefined : i < lastMove ? new Float32Array(elements(stage.shape)) : undefined));
  return (input, output) => {
    let current = input;
    for (const [i, run] of runs.entries()) {
      const target = i >= lastMove ? output : (buffers[i] ?? current);
      run(current, target);
      current = target;
    }
    if (runs.length === 0) output.set(input);
  };
}

function compileStep(step: TransformStep, shape: readonly number[], number: number): Stage {
  const refuse = (expected: string, got: string): Error => errors.badTransform(number, kindOf(step), expected, got);
  if ("reshape" in step) {
    if (elements(step.reshape) !== elements(shape)) {
      throw refuse(`a shape of ${elements(shape)} values, as ${show(shape)} has`, `${show(step.reshape)}, which has ${elements(step.reshape)}`);
    }
    return { shape: step.reshape, inPlace: true, prepare: () => () => undefined };
  }
  if ("scale" in step) {
    const { from, to } = step.scale;
    if (from[0] === from[1]) throw refuse("two different values in `from`", `${from[0]} twice`);
    const slope = (to[1] - to[0]) / (from[1] - from[0]);
    const run: Run = (source, target) => {
      for (let i = 0; i < target.length; i += 1) target[i] = to[0] + (source[i] - from[0]) * slope;
    };
    return { shape, inPlace: true, prepare: () => run };
  }
  if ("normalize" in step) return { shape, inPlace: true, prepare: normalize(step.normalize, shape, refuse) };
  if ("repeat" in step) {
    if (shape.length === 0 || shape[0] !== 1) throw refuse("a first axis of size 1 (reshape to [1, …] before)", show(shape));
    const size = elements(shape);
    const run: Run = (source, target) => {
      for (let i = 0; i < step.repeat; i += 1) target.set(source, i * size);
    };
    return { shape: [step.repeat, ...shape.slice(1)], inPlace: false, prepare: () => run };
  }
  if (shape.length < 2) throw refuse("at least two axes, [height, width] (reshape before)", show(shape));
  const images = elements(shape.slice(0, -2));
  const [height, width] = shape.slice(-2);
  const to = "resize" in step ? step.resize : "crop" in step ? step.crop : step.pad;
  const next = { shape: [...shape.slice(0, -2), ...to], inPlace: false };
  if ("resize" in step) {
    return { ...next, prepare: () => resizeImages({ images, from: [height, width], to, method: step.method ?? "bilinear" }) };
  }
  if ("crop" in step) {
    if (to[0] > height || to[1] > width) throw refuse(`a size of at most ${show([height, width])}, the sample's own`, show(to));
    return { ...next, prepare: () => cropImages({ images, from: [height, width], to }) };
  }
  if (to[0] < height || to[1] < width) throw refuse(`a size of at least ${show([height, width])}, the sample's own`, show(to));
  return { ...next, prepare: () => padImages({ images, from: [height, width], to, value: step.value ?? 0 }) };
}

function normalize(
  { mean, std }: { readonly mean: readonly number[]; readonly std: readonly number[] },
  shape: readonly number[],
  refuse: (expected: string, got: string) => Error,
): () => Run {
  const channels = shape[0] ?? 1;
  for (const [name, list] of [
    ["mean", mean],
    ["std", std],
  ] as const) {
    const expected = channels === 1 ? `one ${name}` : `1 or ${channels} entries in ${name}, as ${show(shape)} has channels`;
    if (list.length !== 1 && list.length !== channels) throw refuse(expected, `${list.length} entries`);
  }
  if (std.some((s) => !(s > 0))) throw refuse("entries above 0 in std", show(std));
  const size = elements(shape) / channels;
  return () => (source, target) => {
    for (let channel = 0; channel < channels; channel += 1) {
      const centre = mean.length === 1 ? mean[0] : mean[channel];
      const spread = std.length === 1 ? std[0] : std[channel];
      for (let i = channel * size; i < (channel + 1) * size; i += 1) target[i] = (source[i] - centre) / spread;
    }
  };
}

/** The step with its defaults filled in and its keys in a fixed order. */
function canonical(step: TransformStep): TransformStep {
  if ("reshape" in step) return { reshape: step.reshape };
  if ("scale" in step) return { scale: { from: step.scale.from, to: step.scale.to } };
  if ("normalize" in step) return { normalize: { mean: step.normalize.mean, std: step.normalize.std } };
  if ("resize" in step) return { resize: step.resize, method: step.method ?? "bilinear" };
  if ("pad" in step) return { pad: step.pad, value: step.value ?? 0 };
  if ("crop" in step) return { crop: step.crop };
  return { repeat: step.repeat };
}

function kindOf(step: TransformStep): string {
  return Object.keys(canonical(step))[0];
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function show(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}
