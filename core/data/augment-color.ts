// Loops that change the colours of samples, `channels` × [height, width]: brightness, contrast, saturation and hue. How much is drawn in
// augment.ts. Sources: torchvision.transforms.ColorJitter, https://docs.pytorch.org/vision/stable/transforms.html

import type { ImageShape } from "./augment-geometry.js";

/** What values are multiplied by; undefined leaves them alone. */
export interface ColorFactors {
  readonly brightness: number | undefined;
  readonly contrast: number | undefined;
  readonly saturation: number | undefined;
  /** Turns of the colour wheel: 1 goes once round. */
  readonly turn: number | undefined;
}

/** Shares of red, green and blue in a grey level (ITU-R BT.601). */
export const luma = [0.299, 0.587, 0.114] as const;

/**
 * Changes a sample in place. Brightness multiplies, contrast stretches about the mean grey level, saturation away from each pixel's own;
 * each result is kept within the range. The last two are for three channels; grey levels of other numbers of channels are their mean.
 */
export function jitterColors(sample: Float32Array, image: ImageShape, factors: ColorFactors, [low, high]: readonly [number, number]): void {
  const { brightness, contrast, saturation, turn } = factors;
  const size = image.height * image.width;
  if (brightness !== undefined) for (let i = 0; i < sample.length; i += 1) sample[i] = clamp(low + (sample[i] - low) * brightness, low, high);
  if (contrast !== undefined) {
    const mean = meanGrey(sample, image.channels, size);
    for (let i = 0; i < sample.length; i += 1) sample[i] = clamp(mean + (sample[i] - mean) * contrast, low, high);
  }
  if (saturation !== undefined) {
    for (let i = 0; i < size; i += 1) {
      const grey = luma[0] * sample[i] + luma[1] * sample[i + size] + luma[2] * sample[i + 2 * size];
      for (let at = i; at < sample.length; at += size) sample[at] = clamp(grey + (sample[at] - grey) * saturation, low, high);
    }
  }
  if (turn !== undefined) turnHue(sample, size, turn, low, high);
}

function meanGrey(sample: Float32Array, channels: number, size: number): number {
  let sum = 0;
  for (let channel = 0; channel < channels; channel += 1) {
    let own = 0;
    for (let i = channel * size; i < (channel + 1) * size; i += 1) own += sample[i];
    sum += own * (channels === 3 ? luma[channel] : 1 / channels);
  }
  return sum / size;
}

/** Turns the hue of each pixel; its largest and smallest channel stay as they are. Source: Smith, "Color gamut transform pairs", 1978 (HSV). */
function turnHue(sample: Float32Array, size: number, turn: number, low: number, high: number): void {
  for (let i = 0; i < size; i += 1) {
    const r = clamp(sample[i], low, high);
    const g = clamp(sample[i + size], low, high);
    const b = clamp(sample[i + 2 * size], low, high);
    const most = Math.max(r, g, b);
    const spread = most - Math.min(r, g, b);
    if (spread === 0) continue;
    const sixth = most === r ? (g - b) / spread : most === g ? 2 + (b - r) / spread : 4 + (r - g) / spread;
    const hue = (((sixth + 6 * turn) % 6) + 6) % 6;
    // How far each channel is below the largest, as a function of the hue: 0 for two sixths, then a slope, then all of the spread.
    for (let channel = 0; channel < 3; channel += 1) {
      const k = (5 - 2 * channel + hue) % 6;
      sample[i + channel * size] = most - spread * Math.max(0, Math.min(k, 4 - k, 1));
    }
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
