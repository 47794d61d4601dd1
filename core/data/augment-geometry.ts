// Loops that move the pixels of samples, `channels` × [height, width]: flips, shifts, rotations and crops that are resized back. How far is
// drawn in augment.ts.

export interface ImageShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Mirrors in place: `horizontal` swaps left and right. */
export function flipImages(sample: Float32Array, { channels, height, width }: ImageShape, direction: "horizontal" | "vertical"): void {
  for (let channel = 0; channel < channels; channel += 1) {
    const image = sample.subarray(channel * height * width, (channel + 1) * height * width);
    if (direction === "horizontal") for (let y = 0; y < height; y += 1) image.subarray(y * width, (y + 1) * width).reverse();
    else swapRows(image, height, width);
  }
}

function swapRows(image: Float32Array, height: number, width: number): void {
  for (let y = 0; y < height >> 1; y += 1) {
    const above = image.slice(y * width, (y + 1) * width);
    image.copyWithin(y * width, (height - 1 - y) * width, (height - y) * width);
    image.set(above, (height - 1 - y) * width);
  }
}

/** Moves by whole pixels; what becomes free is filled. */
export function shiftImages(
  from: Float32Array,
  to: Float32Array,
  { channels, height, width }: ImageShape,
  { down, right, fill }: { readonly down: number; readonly right: number; readonly fill: number },
): void {
  to.fill(fill);
  const length = width - Math.abs(right);
  if (length <= 0) return;
  const [source, target] = [Math.max(0, -right), Math.max(0, right)];
  for (let channel = 0; channel < channels; channel += 1) {
    for (let y = Math.max(0, down); y < Math.min(height, height + down); y += 1) {
      const start = (channel * height + y - down) * width + source;
      to.set(from.subarray(start, start + length), (channel * height + y) * width + target);
    }
  }
}

/**
 * Turns about the centre, counter-clockwise where `degrees` is above 0: each pixel takes the value at the place that it comes from, bilinear
 * between the pixels around, those outside counting as `fill`.
 */
export function rotateImages(
  from: Float32Array,
  to: Float32Array,
  image: ImageShape,
  { degrees, fill }: { readonly degrees: number; readonly fill: number },
): void {
  const { channels, height, width } = image;
  const cos = Math.cos((degrees * Math.PI) / 180);
  const sin = Math.sin((degrees * Math.PI) / 180);
  const middleY = (height - 1) / 2;
  const middleX = (width - 1) / 2;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const sourceY = middleY + (x - middleX) * sin + (y - middleY) * cos;
      const sourceX = middleX + (x - middleX) * cos - (y - middleY) * sin;
      const top = Math.floor(sourceY);
      const left = Math.floor(sourceX);
      for (let channel = 0; channel < channels; channel += 1) {
        const base = channel * height * width;
        const above = mix(pixel(from, base, image, top, left, fill), pixel(from, base, image, top, left + 1, fill), sourceX - left);
        const below = mix(pixel(from, base, image, top + 1, left, fill), pixel(from, base, image, top + 1, left + 1, fill), sourceX - left);
        to[base + y * width + x] = mix(above, below, sourceY - top);
      }
    }
  }
}

/** A value of the channel that begins at `base`, or the fill outside. */
function pixel(from: Float32Array, base: number, { height, width }: ImageShape, row: number, column: number, fill: number): number {
  return row < 0 || row >= height || column < 0 || column >= width ? fill : from[base + row * width + column];
}

/** Resizes a box, in fractions of height and width, to the whole: bilinear with half-pixel centres, pixels at the border repeated. */
export function resampleBox(
  from: Float32Array,
  to: Float32Array,
  { channels, height, width }: ImageShape,
  box: { readonly top: number; readonly left: number; readonly height: number; readonly width: number },
): void {
  const size = height * width;
  for (let y = 0; y < height; y += 1) {
    const sourceY = within(box.top * height + (y + 0.5) * box.height - 0.5, height);
    const top = Math.floor(sourceY);
    const bottom = Math.min(top + 1, height - 1);
    for (let x = 0; x < width; x += 1) {
      const sourceX = within(box.left * width + (x + 0.5) * box.width - 0.5, width);
      const left = Math.floor(sourceX);
      const right = Math.min(left + 1, width - 1);
      for (let channel = 0; channel < channels; channel += 1) {
        const base = channel * size;
        const above = mix(from[base + top * width + left], from[base + top * width + right], sourceX - left);
        const below = mix(from[base + bottom * width + left], from[base + bottom * width + right], sourceX - left);
        to[base + y * width + x] = mix(above, below, sourceY - top);
      }
    }
  }
}

function within(position: number, size: number): number {
  return Math.min(Math.max(position, 0), size - 1);
}

function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}
