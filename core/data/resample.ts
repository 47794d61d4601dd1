// Loops that change the size of images: resizing, padding and cropping of the last two axes. Which sizes are allowed is decided in transforms.ts.

type Size = readonly [number, number];
type Run = (from: Float32Array, to: Float32Array) => void;

/** Where the values of one output row or column come from: two inputs and the second one's share. */
interface Taps {
  readonly first: Uint32Array;
  readonly second: Uint32Array;
  readonly share: Float32Array;
}

/**
 * `images` × [height, width] → `images` × `to`. Pixels are areas: output i lies at (i + ½) · in ⁄ out − ½, kept within the input, without
 * antialiasing. `nearest` takes the pixel before where two are equally near. Source: ONNX Resize with its defaults and mode `linear`
 * or `nearest`, https://onnx.ai/onnx/operators/onnx__Resize.html; `bilinear` is also PyTorch's interpolate with align_corners=False.
 */
export function resizeImages(options: { images: number; from: Size; to: Size; method: "bilinear" | "nearest" }): Run {
  return options.method === "bilinear" ? bilinear(options) : nearest(options);
}

/** `images` × [height, width] → `images` × `to`, centred; where the border is odd, the larger half is below and to the right. */
export function padImages({ images, from: [height, width], to, value }: { images: number; from: Size; to: Size; value: number }): Run {
  const top = Math.floor((to[0] - height) / 2);
  const left = Math.floor((to[1] - width) / 2);
  return (source, target) => {
    target.fill(value);
    for (let image = 0; image < images; image += 1) {
      for (let y = 0; y < height; y += 1) {
        const start = (image * height + y) * width;
        const into = (image * to[0] + top + y) * to[1] + left;
        for (let x = 0; x < width; x += 1) target[into + x] = source[start + x];
      }
    }
  };
}

/** `images` × [height, width] → their centres, `images` × `to`; where what goes is odd, the larger half goes below and to the right. */
export function cropImages({ images, from: [height, width], to }: { images: number; from: Size; to: Size }): Run {
  const top = Math.floor((height - to[0]) / 2);
  const left = Math.floor((width - to[1]) / 2);
  return (source, target) => {
    for (let image = 0; image < images; image += 1) {
      for (let y = 0; y < to[0]; y += 1) {
        const start = (image * height + top + y) * width + left;
        target.set(source.subarray(start, start + to[1]), (image * to[0] + y) * to[1]);
      }
    }
  };
}

/** Each row is stretched to the new width once, then rows are mixed. */
function bilinear({ images, from: [height, width], to }: { images: number; from: Size; to: Size }): Run {
  const rows = linearTaps(height, to[0]);
  const columns = linearTaps(width, to[1]);
  const stretched = new Float32Array(height * to[1]);
  return (source, target) => {
    for (let image = 0; image < images; image += 1) {
      for (let y = 0; y < height; y += 1) {
        const start = (image * height + y) * width;
        for (let x = 0; x < to[1]; x += 1) {
          const a = source[start + columns.first[x]];
          stretched[y * to[1] + x] = a + (source[start + columns.second[x]] - a) * columns.share[x];
        }
      }
      for (let y = 0; y < to[0]; y += 1) {
        const above = rows.first[y] * to[1];
        const below = rows.second[y] * to[1];
        const share = rows.share[y];
        const into = (image * to[0] + y) * to[1];
        for (let x = 0; x < to[1]; x += 1) {
          const a = stretched[above + x];
          target[into + x] = a + (stretched[below + x] - a) * share;
        }
      }
    }
  };
}

function nearest({ images, from: [height, width], to }: { images: number; from: Size; to: Size }): Run {
  const rows = nearestTaps(height, to[0]);
  const columns = nearestTaps(width, to[1]);
  return (source, target) => {
    for (let image = 0; image < images; image += 1) {
      for (let y = 0; y < to[0]; y += 1) {
        const start = (image * height + rows[y]) * width;
        const into = (image * to[0] + y) * to[1];
        for (let x = 0; x < to[1]; x += 1) target[into + x] = source[start + columns[x]];
      }
    }
  };
}

/** Position of output `i` among the inputs. */
function position(i: number, from: number, to: number): number {
  return Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
}

function linearTaps(from: number, to: number): Taps {
  const taps: Taps = { first: new Uint32Array(to), second: new Uint32Array(to), share: new Float32Array(to) };
  for (let i = 0; i < to; i += 1) {
    const at = position(i, from, to);
    taps.first[i] = Math.floor(at);
    taps.second[i] = Math.min(Math.floor(at) + 1, from - 1);
    taps.share[i] = at - Math.floor(at);
  }
  return taps;
}

function nearestTaps(from: number, to: number): Uint32Array {
  return Uint32Array.from({ length: to }, (_, i) => Math.ceil(position(i, from, to) - 0.5));
}
