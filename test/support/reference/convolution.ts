// Conv and ConvTranspose of any rank, with groups, strides, dilations and every form of padding, one product at a time.

import { intAttribute, intsAttribute, stringAttribute } from "../../../core/graph/attributes.js";
import type { Node } from "../../../core/graph/types.js";
import { float64, indicesOf, offset, product, values, type Kernel } from "./kernel.js";

export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padsBefore: readonly number[];
  readonly padsAfter: readonly number[];
}

/** The window of a convolution or pooling node over an input of the given spatial sizes. */
export function windowOf(node: Node, spatial: readonly number[], kernel: readonly number[]): Window {
  const rank = spatial.length;
  const strides = intsAttribute(node, "strides") ?? spatial.map(() => 1);
  const dilations = intsAttribute(node, "dilations") ?? spatial.map(() => 1);
  const pads = intsAttribute(node, "pads") ?? Array.from({ length: 2 * rank }, () => 0);
  const auto = stringAttribute(node, "auto_pad", "NOTSET");
  if (!auto.startsWith("SAME")) {
    const given = auto === "VALID" ? pads.map(() => 0) : pads;
    return { kernel, strides, dilations, padsBefore: given.slice(0, rank), padsAfter: given.slice(rank) };
  }
  const totals = spatial.map((size, i) => Math.max(0, (Math.ceil(size / strides[i]) - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - size));
  const small = totals.map((t) => Math.floor(t / 2));
  const large = totals.map((t, i) => t - small[i]);
  const [padsBefore, padsAfter] = auto === "SAME_UPPER" ? [small, large] : [large, small];
  return { kernel, strides, dilations, padsBefore, padsAfter };
}

const conv: Kernel = (node, [x, w, bias]) => {
  const [batch, channels, ...spatial] = x.shape;
  const [filters, perGroup, ...kernel] = w.shape;
  const window = windowOf(node, spatial, kernel);
  const { strides, dilations, padsBefore, padsAfter } = window;
  const group = intAttribute(node, "group", 1);
  const sizes = spatial.map((size, i) => Math.floor((size + padsBefore[i] + padsAfter[i] - (kernel[i] - 1) * dilations[i] - 1) / strides[i]) + 1);
  const shape = [batch, filters, ...sizes];
  const out = new Float64Array(product(shape));
  let o = 0;
  for (const [n, f, ...at] of indicesOf(shape)) {
    let sum = (bias as typeof bias | undefined) === undefined ? 0 : values(bias)[f];
    const first = Math.floor(f / (filters / group)) * perGroup;
    for (const [c, ...tap] of indicesOf([perGroup, ...kernel])) {
      const from = at.map((p, i) => p * strides[i] + tap[i] * dilations[i] - padsBefore[i]);
      if (from.some((p, i) => p < 0 || p >= spatial[i])) continue;
      sum += values(x)[offset([batch, channels, ...spatial], [n, first + c, ...from])] * values(w)[offset(w.shape, [f, c, ...tap])];
    }
    out[o++] = sum;
  }
  return [float64(shape, out)];
};

const convTranspose: Kernel = (node, [x, w, bias]) => {
  const [batch, channels, ...spatial] = x.shape;
  const [, perGroup, ...kernel] = w.shape;
  const group = intAttribute(node, "group", 1);
  const extra = intsAttribute(node, "output_padding") ?? spatial.map(() => 0);
  const wanted = intsAttribute(node, "output_shape")?.slice(-spatial.length);
  const auto = stringAttribute(node, "auto_pad", "NOTSET");
  const strides = intsAttribute(node, "strides") ?? spatial.map(() => 1);
  const dilations = intsAttribute(node, "dilations") ?? spatial.map(() => 1);
  const full = spatial.map((size, i) => (size - 1) * strides[i] + extra[i] + (kernel[i] - 1) * dilations[i] + 1);
  const target = wanted ?? (auto.startsWith("SAME") ? spatial.map((size, i) => size * strides[i]) : undefined);
  const pads = intsAttribute(node, "pads") ?? Array.from({ length: 2 * spatial.length }, () => 0);
  const totals = target?.map((size, i) => full[i] - size);
  const before = totals?.map((t) => (auto === "SAME_UPPER" ? Math.floor(t / 2) : t - Math.floor(t / 2))) ?? pads.slice(0, spatial.length);
  const sizes = target ?? full.map((size, i) => size - pads[i] - pads[i + spatial.length]);
  const filters = perGroup * group;
  const shape = [batch, filters, ...sizes];
  const out = new Float64Array(product(shape));
  if ((bias as typeof bias | undefined) !== undefined) {
    let o = 0;
    for (const [, f] of indicesOf(shape)) out[o++] = values(bias)[f];
  }
  for (const [n, c, ...at] of indicesOf(x.shape)) {
    const value = values(x)[offset(x.shape, [n, c, ...at])];
    const first = Math.floor(c / (channels / group)) * perGroup;
    for (const [f, ...tap] of indicesOf([perGroup, ...kernel])) {
      const to = at.map((p, i) => p * strides[i] + tap[i] * dilations[i] - before[i]);
      if (to.some((p, i) => p < 0 || p >= sizes[i])) continue;
      out[offset(shape, [n, first + f, ...to])] += value * values(w)[offset(w.shape, [c, f, ...tap])];
    }
  }
  return [float64(shape, out)];
};

export const convolution: Readonly<Record<string, Kernel>> = { Conv: conv, ConvTranspose: convTranspose };
