// Augmentation: random changes to training samples, drawn by seed, epoch and sample alone, so that neither the batch nor a resumed run
// changes them. Here lie the steps and what is drawn for each; the loops over values are in augment-geometry.ts and augment-color.ts.

import * as errors from "../errors.js";
import { elementCount } from "../graph/dims.js";
import { integer, stream, uniform, type Stream } from "../nn/random.js";
import { jitterColors, type ColorFactors } from "./augment-color.js";
import { flipImages, resampleBox, rotateImages, shiftImages, type ImageShape } from "./augment-geometry.js";
import { drawShare } from "./mixup.js";
import { compileTransform, type TransformStep } from "./transforms.js";

/** One step, as a recipe writes it: the key says which. All keep the sample's shape. */
export type AugmentStep =
  /** Mirrors, with a probability of 0.5 unless given. */
  | { readonly flip: "horizontal" | "vertical"; readonly probability?: number | undefined }
  /** Moves by whole pixels, up to these fractions of height and width in each direction. */
  | { readonly shift: readonly [number, number]; readonly fill?: number | undefined }
  /** Turns about the centre, up to so many degrees in each direction. */
  | { readonly rotate: number; readonly fill?: number | undefined }
  /** Cuts out a box and resizes it to the sample's own size. */
  | { readonly resizedCrop: { readonly area: readonly [number, number]; readonly ratio?: readonly [number, number] | undefined } }
  /** Changes brightness, contrast, saturation and hue, in this order. */
  | { readonly colorJitter: ColorJitter }
  /** Mixes with another training sample, the share drawn from Beta(α, α). */
  | { readonly mixup: number };

export interface ColorJitter {
  readonly brightness?: number | undefined;
  readonly contrast?: number | undefined;
  readonly saturation?: number | undefined;
  readonly hue?: number | undefined;
  /** The values of black and of full brightness; results are kept between them. */
  readonly range?: readonly [number, number] | undefined;
}

/** Everything that an augmented sample depends on besides its own values. */
export interface Draw {
  readonly seed: number;
  /** Counts on over the phases of a run. */
  readonly epoch: number;
  /** The sample's index in its source. */
  readonly index: number;
}

/** Another sample that is mixed in, and the share that the sample itself keeps: at least one half. */
export interface Mix {
  readonly partner: number;
  readonly share: number;
}

export interface Augmentation {
  /** Transforms and augments one sample; not for use by several at once. The arrays are as those of the transform and do not overlap. */
  apply(input: Float32Array, output: Float32Array, draw: Draw): void;
  /** What sample `draw.index` is mixed with, where the steps say so: one of `rows`. Targets are mixed in the same shares. */
  readonly mix?: (draw: Draw, rows: Uint32Array) => Mix;
}

/** Changes a sample where it lies. */
type Change = (sample: Float32Array, random: Stream) => void;

/**
 * The transform with the augmentation in it: at the last place before the first `normalize` where the sample has at least two axes, so that it
 * has the size that the model sees and the values of a picture. With steps of no strength it gives the same bits as the transform alone.
 * @throws recipe/augment naming the step (the first is 1), what it needs and what it got; recipe/transform
 */
export function compileAugmentation(steps: readonly AugmentStep[], transform: readonly TransformStep[], inputShape: readonly number[]): Augmentation {
  const place = placeIn(transform, inputShape);
  const before = compileTransform(transform.slice(0, place), inputShape);
  const after = compileTransform(transform.slice(place), before.outputShape, place + 1);
  const changes = steps.map((step, i) => compileStep(step, before.outputShape, i + 1));
  const mixups = steps.flatMap((step, i) => ("mixup" in step ? [{ alpha: step.mixup, number: i + 1 }] : []));
  if (mixups.length > 1) throw errors.badAugment(mixups[1].number, "mixup", "one such step", `another, step ${mixups[0].number}`);
  const sample = new Float32Array(elementCount(before.outputShape));
  return {
    apply(input, output, { seed, epoch, index }) {
      before.apply(input, sample);
      for (const [i, change] of changes.entries()) change(sample, stream(seed, "augment", epoch, index, i));
      after.apply(sample, output);
    },
    ...(mixups.length === 0 ? {} : { mix: (draw: Draw, rows: Uint32Array) => drawMix(mixups[0].alpha, draw, rows) }),
  };
}

/** How many steps of the transform come before the augmentation. */
function placeIn(transform: readonly TransformStep[], inputShape: readonly number[]): number {
  const normalize = transform.findIndex((step) => "normalize" in step);
  const last = normalize < 0 ? transform.length : normalize;
  for (let place = last; place >= 0; place -= 1) if (compileTransform(transform.slice(0, place), inputShape).outputShape.length >= 2) return place;
  return last;
}

function drawMix(alpha: number, { seed, epoch, index }: Draw, rows: Uint32Array): Mix {
  const partner = rows[integer(stream(seed, "mixup partner", epoch, index), 0, rows.length)];
  const share = drawShare(alpha, stream(seed, "mixup share", epoch, index, 0), stream(seed, "mixup share", epoch, index, 1));
  return { partner, share: Math.max(share, 1 - share) };
}

function compileStep(step: AugmentStep, shape: readonly number[], number: number): Change {
  if ("mixup" in step) return () => undefined;
  const refuse = (expected: string, got: string): Error => errors.badAugment(number, Object.keys(step)[0], expected, got);
  if (shape.length < 2) throw refuse("samples with at least two axes, [height, width] (reshape before)", `[${shape.join(", ")}]`);
  const image: ImageShape = { channels: elementCount(shape.slice(0, -2)), height: shape[shape.length - 2], width: shape[shape.length - 1] };
  if ("flip" in step) {
    const { flip, probability = 0.5 } = step;
    return (sample, random) => {
      if (uniform(random, 0) < probability) flipImages(sample, image, flip);
    };
  }
  if ("colorJitter" in step) return compileJitter(step.colorJitter, image, refuse);
  // Geometric steps read from a copy.
  const copy = new Float32Array(elementCount(shape));
  const moved = (move: (from: Float32Array, to: Float32Array, random: Stream) => void): Change => {
    return (sample, random) => {
      copy.set(sample);
      move(copy, sample, random);
    };
  };
  if ("shift" in step) {
    const { shift, fill = 0 } = step;
    return moved((from, to, random) => {
      const down = Math.round(between(random, 0, -shift[0], shift[0]) * image.height);
      const right = Math.round(between(random, 1, -shift[1], shift[1]) * image.width);
      shiftImages(from, to, image, { down, right, fill });
    });
  }
  if ("rotate" in step) {
    const { rotate, fill = 0 } = step;
    return moved((from, to, random) => rotateImages(from, to, image, { degrees: between(random, 0, -rotate, rotate), fill }));
  }
  const { area, ratio = defaultRatio } = step.resizedCrop;
  return moved((from, to, random) => resampleBox(from, to, image, drawBox(area, ratio, random)));
}

/** How much wider, relative to the sample's own shape, a box may be than it is high. */
const defaultRatio = [3 / 4, 4 / 3] as const;

/**
 * A box in fractions of height and width. Its area is uniform between the bounds; the logarithm of its ratio is uniform where a box of that
 * area fits. Source: torchvision.transforms.RandomResizedCrop, https://docs.pytorch.org/vision/stable/transforms.html
 */
function drawBox(area: readonly [number, number], ratio: readonly [number, number], random: Stream): Parameters<typeof resampleBox>[3] {
  const share = between(random, 0, area[0], area[1]);
  const limit = -Math.log(share);
  const clamp = (value: number): number => Math.min(Math.max(value, -limit), limit);
  const logRatio = between(random, 1, clamp(Math.log(ratio[0])), clamp(Math.log(ratio[1])));
  const width = Math.min(1, Math.sqrt(share * Math.exp(logRatio)));
  const height = Math.min(1, Math.sqrt(share / Math.exp(logRatio)));
  return { top: uniform(random, 2) * (1 - height), left: uniform(random, 3) * (1 - width), height, width };
}

function compileJitter(settings: ColorJitter, image: ImageShape, refuse: (expected: string, got: string) => Error): Change {
  const { brightness = 0, contrast = 0, saturation = 0, hue = 0, range = [0, 1] } = settings;
  if (image.channels !== 3 && (saturation > 0 || hue > 0)) throw refuse("3 channels for saturation and hue", String(image.channels));
  if (!(range[0] < range[1])) throw refuse("a range from a lower to a higher value", `[${range.join(", ")}]`);
  return (sample, random) => {
    // A strength of 0 leaves the values alone, also those outside the range.
    const factor = (strength: number, at: number): number | undefined =>
      strength === 0 ? undefined : between(random, at, Math.max(0, 1 - strength), 1 + strength);
    const factors: ColorFactors = {
      brightness: factor(brightness, 0),
      contrast: factor(contrast, 1),
      saturation: factor(saturation, 2),
      turn: hue === 0 ? undefined : between(random, 3, -hue, hue),
    };
    jitterColors(sample, image, factors, range);
  };
}

function between(random: Stream, index: number, low: number, high: number): number {
  return low + (high - low) * uniform(random, index);
}
