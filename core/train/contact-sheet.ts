// A picture of some samples as the model sees them, side by side.

import { encodePng } from "../data/image-decode.js";
import * as errors from "../errors.js";
import type { SampleSource } from "../data/source.js";
import type { Transform } from "../data/transforms.js";
import { elementCount } from "../graph/dims.js";
import { writeAtomic } from "./files.js";

/** Samples in a row of the picture. */
const perRow = 8;
/** Small samples are enlarged, and large ones made smaller, to about this many pixels. */
const cellSize = 96;
const gap = 4;

/**
 * Writes samples `rows` after the transforms, [1 or 3, height, width] each, as a PNG: black is their least value, white their greatest.
 * @throws usage/preview for samples that are no images; data/images without a decoder; run/write
 */
export async function writeContactSheet(path: string, source: SampleSource, transform: Transform, rows: readonly number[]): Promise<void> {
  const { outputShape: shape } = transform;
  if (shape.length !== 3 || (shape[0] !== 1 && shape[0] !== 3)) throw errors.noPicture(shape);
  const [channels, height, width] = shape;
  const raw = new Float32Array(elementCount(source.sampleShape));
  const samples: Float32Array[] = [];
  let [least, greatest] = [Infinity, -Infinity];
  for (const row of rows) {
    const sample = new Float32Array(elementCount(shape));
    await source.read(row, raw, 0);
    transform.apply(raw, sample);
    for (const value of sample) [least, greatest] = [Math.min(least, value), Math.max(greatest, value)];
    samples.push(sample);
  }
  const zoom = cellSize / Math.max(height, width);
  const [cellHeight, cellWidth] = [height, width].map((size) => Math.max(1, Math.round(size * (zoom > 1 ? Math.floor(zoom) : zoom))));
  const columns = Math.min(perRow, samples.length);
  const sheet = {
    width: columns * (cellWidth + gap) + gap,
    height: Math.ceil(samples.length / columns) * (cellHeight + gap) + gap,
  };
  const pixels = new Uint8Array(sheet.width * sheet.height * 3).fill(128);
  const span = greatest > least ? greatest - least : 1;
  for (const [i, sample] of samples.entries()) {
    const left = gap + (i % columns) * (cellWidth + gap);
    const top = gap + Math.floor(i / columns) * (cellHeight + gap);
    for (let y = 0; y < cellHeight; y += 1)
      for (let x = 0; x < cellWidth; x += 1) {
        const at = Math.floor((y * height) / cellHeight) * width + Math.floor((x * width) / cellWidth);
        for (let c = 0; c < 3; c += 1) {
          const value = sample[(channels === 1 ? 0 : c * height * width) + at];
          pixels[((top + y) * sheet.width + left + x) * 3 + c] = Math.round((255 * (value - least)) / span);
        }
      }
  }
  await writeAtomic(path, await encodePng(pixels, sheet));
}
