// AveragePool, GlobalAveragePool, GlobalMaxPool and MaxUnpool, which have no float64 kernel in onnxruntime, one window at a time.

import { intAttribute, intsAttribute } from "../../../core/graph/attributes.js";
import { windowOf } from "./convolution.js";
import { float64, indicesOf, offset, product, values, type Kernel } from "./kernel.js";

const averagePool: Kernel = (node, [x]) => {
  const [batch, channels, ...spatial] = x.shape;
  const kernel = intsAttribute(node, "kernel_shape") ?? [];
  const { strides, dilations, padsBefore, padsAfter } = windowOf(node, spatial, kernel);
  const countPads = intAttribute(node, "count_include_pad", 0) === 1;
  const round = intAttribute(node, "ceil_mode", 0) === 1 ? Math.ceil : Math.floor;
  const sizes = spatial.map((size, i) => {
    const room = size + padsBefore[i] + padsAfter[i] - (kernel[i] - 1) * dilations[i] - 1;
    const count = round(room / strides[i]) + 1;
    // A window that would start in the padding behind the input is dropped.
    return (count - 1) * strides[i] >= size + padsBefore[i] ? count - 1 : count;
  });
  const shape = [batch, channels, ...sizes];
  const out = new Float64Array(product(shape));
  let o = 0;
  for (const [n, c, ...at] of indicesOf(shape)) {
    let sum = 0;
    let count = 0;
    for (const tap of indicesOf(kernel)) {
      const from = at.map((p, i) => p * strides[i] + tap[i] * dilations[i] - padsBefore[i]);
      const inside = from.every((p, i) => p >= 0 && p < spatial[i]);
      if (inside) sum += values(x)[offset(x.shape, [n, c, ...from])];
      if (inside || (countPads && from.every((p, i) => p < spatial[i] + padsAfter[i]))) count += 1;
    }
    out[o++] = sum / count;
  }
  return [float64(shape, out)];
};

const globalAveragePool: Kernel = (_, [x]) => {
  const [batch, channels, ...spatial] = x.shape;
  const area = product(spatial);
  const means = Float64Array.from({ length: batch * channels }, (_, i) => {
    return values(x).slice(i * area, (i + 1) * area).reduce((a, v) => a + v, 0) / area; // prettier-ignore
  });
  return [float64([batch, channels, ...spatial.map(() => 1)], means)];
};

const globalMaxPool: Kernel = (_, [x]) => {
  const [batch, channels, ...spatial] = x.shape;
  const area = product(spatial);
  const maxima = Float64Array.from({ length: batch * channels }, (_, i) => Math.max(...values(x).slice(i * area, (i + 1) * area)));
  return [float64([batch, channels, ...spatial.map(() => 1)], maxima)];
};

/** Pooled elements at the places that they came from, zeros elsewhere; the shape is always given. */
const maxUnpool: Kernel = (_, [x, places, sizes]) => {
  const shape = Array.from(sizes.data as BigInt64Array, Number);
  const out = new Float64Array(product(shape));
  Array.from(places.data as BigInt64Array, Number).forEach((place, i) => (out[place] = values(x)[i]));
  return [float64(shape, out)];
};

export const pooling: Readonly<Record<string, Kernel>> = {
  AveragePool: averagePool,
  GlobalAveragePool: globalAveragePool,
  GlobalMaxPool: globalMaxPool,
  MaxUnpool: maxUnpool,
};
