// Cutting ranges out of axes and padding axes: Slice and Pad, which are each other's gradients.

import * as errors from "../errors.js";
import { floatAttribute, intsAttribute, stringAttribute } from "../graph/attributes.js";
import type { GraphBuilder, Value } from "../graph/builder.js";
import { add, expression, isStatic, unknownDim } from "../graph/dims.js";
import { tensorOf } from "../graph/tensor.js";
import type { Dim, Node } from "../graph/types.js";
import { batchOutside, beyondEnd, range, resolveAxis, sameTypeAs, sizeOf, vector } from "./axes.js";
import { defineOp, type FoldRule, type Site, type UpgradeContext } from "./define.js";
import { pickElements } from "./folding.js";
import { tensorType } from "./rules.js";

/** Bounds this large mean "to the end" whatever the axis (exporters write the largest int32 or int64). */
const endless = 2 ** 31 - 1;

interface Cut {
  readonly axis: number;
  /** Place in the lists of bounds. */
  readonly at: number;
  readonly start: Dim;
  readonly end: Dim;
  readonly step: number;
}

function isGiven(node: Node, input: number): boolean {
  return node.inputs[input] !== undefined && node.inputs[input] !== "";
}

/** The axes that a Slice cuts; undefined where which they are is known only at run time. Unknown bounds are unknown sizes. */
function cutsOf({ node, inputs, numbers }: Site, rank: number): readonly Cut[] | undefined {
  const length = inputs[1].type?.shape?.[0] ?? inputs[1].ints?.length;
  const axes = isGiven(node, 3) ? numbers(3) : typeof length === "number" ? range(length) : undefined;
  const steps = isGiven(node, 4) ? numbers(4) : axes?.map(() => 1);
  if (axes === undefined || steps === undefined) return undefined;
  return axes.map((axis, i) => ({
    axis: resolveAxis(node, axis, rank),
    at: i,
    start: inputs[1].ints?.[i] ?? unknownDim(),
    end: inputs[2].ints?.[i] ?? unknownDim(),
    step: steps[i],
  }));
}

/** Size of an axis of size `d` after a cut. */
function cutSize({ start, end, step }: Cut, d: Dim): Dim {
  if (typeof start === "number" && typeof end === "number") {
    if (typeof d === "number") {
      const { first, stop } = clamp(start, end, step, d);
      return Math.max(0, Math.ceil((stop - first) / step));
    }
    if (step === 1) return symbolicCut(start, end, d);
    if (step === -1 && (start === -1 || start >= endless) && Math.abs(end) >= endless) return d;
  }
  if (step === 1 && start === 0 && end === d) return d;
  return [start, end].some((v) => typeof v === "string" && v.startsWith("?")) ? unknownDim() : expression(`${d}[${start}:${end}:${step}]`);
}

/** Size of `[start:end]` of an axis of unknown size, which is taken not to be empty. */
function symbolicCut(start: number, end: number, d: Dim): Dim {
  const toTheEnd = end >= endless;
  if (start === 0 && toTheEnd) return d;
  if (start >= 0 && toTheEnd) return add(d, -start);
  if (start >= 0 && end < 0) return add(d, end - start);
  if ((start === 0 && end === 1) || (start === -1 && toTheEnd)) return 1;
  if (start === end) return 0;
  return expression(`${d}[${start}:${end}]`);
}

/**
 * Bounds as ONNX clamps them: element `first`, then every `step`, before `stop`. Backwards, an endless `end` of either sign means down to
 * the first element: onnxruntime reads it so.
 */
function clamp(start: number, end: number, step: number, size: number): { first: number; stop: number } {
  const wrap = (v: number): number => (v < 0 ? v + size : v);
  const between = (v: number, low: number, high: number): number => Math.min(Math.max(v, low), high);
  if (step > 0) return { first: between(wrap(start), 0, size), stop: between(wrap(end), 0, size) };
  return { first: between(wrap(start), 0, size - 1), stop: end >= endless ? -1 : between(wrap(end), -1, size - 1) };
}

const foldSlice: FoldRule = (site) => {
  const { ints, type } = site.inputs[0];
  const shape = type?.shape;
  const cuts = ints !== undefined && isStatic(shape) ? cutsOf(site, shape.length) : undefined;
  if (ints === undefined || !isStatic(shape) || cuts === undefined) return [undefined];
  if (cuts.some(({ start, end }) => typeof start !== "number" || typeof end !== "number")) return [undefined];
  const places = shape.map((size, axis) => {
    const cut = cuts.find((c) => c.axis === axis);
    return cut === undefined ? range(size) : placesOf(cut, size);
  });
  return [pickElements(ints, shape, { places })];
};

/** Elements that a cut with known bounds takes along an axis. */
function placesOf({ start, end, step }: Cut, size: number): readonly number[] {
  const { first, stop } = clamp(start as number, end as number, step, size);
  return range(Math.max(0, Math.ceil((stop - first) / step))).map((i) => first + i * step);
}

// ── the gradient of Slice: put what was cut out back between zeros ──────────────────────────────────────────────────

type Size = number | Value;

function minus(b: GraphBuilder, a: Size, c: Size): Size {
  if (typeof a === "number" && typeof c === "number") return a - c;
  const asValue = (v: Size): Value => (typeof v === "number" ? b.ints([v]) : v);
  return c === 0 ? a : b.sub(asValue(a), asValue(c));
}

function larger(b: GraphBuilder, a: Size, c: number): Size {
  return typeof a === "number" ? Math.max(a, c) : b.op("Max", [a, b.ints([c])]);
}

function smaller(b: GraphBuilder, a: Size, c: Size): Size {
  if (typeof a === "number" && typeof c === "number") return Math.min(a, c);
  const asValue = (v: Size): Value => (typeof v === "number" ? b.ints([v]) : v);
  return b.op("Min", [asValue(a), asValue(c)]);
}

/** First element that a cut takes from an axis of size `d`; `starts` is the list that its start stands in. */
function firstOf(b: GraphBuilder, { start, step, at }: Cut, starts: Value, d: Size): Size {
  if (start === 0) return 0;
  const last = step > 0 ? d : minus(b, d, 1);
  if (typeof start === "string") {
    const given = b.cast(b.slice(starts, [0], [at], [at + 1]), "int64");
    const size = typeof d === "number" ? b.ints([d]) : d;
    return smaller(b, last, larger(b, b.where(b.less(given, b.ints([0])), b.add(given, size), given), 0));
  }
  if (start < 0) return larger(b, minus(b, d, -Math.max(start, -endless)), 0);
  return smaller(b, last, Math.min(start, endless));
}

/** Gradient of a cut along one axis: `dy` spread to the axis of `x`, zeros elsewhere. */
function uncut(b: GraphBuilder, dy: Value, x: Value, starts: Value, cut: Cut): { spread: Value; before: Size; after: Size } {
  const { axis, step } = cut;
  const d = sizeOf(b, x, axis);
  const first = firstOf(b, cut, starts, d);
  const count = sizeOf(b, dy, axis);
  if (step === 1) return { spread: dy, before: first, after: minus(b, minus(b, d, first), count) };
  const stride = Math.abs(step);
  // A backward cut is a forward one that was reversed.
  const forward = step > 0 ? dy : b.slice(dy, [axis], [-1], [-endless], [-1]);
  const spread = stride === 1 ? forward : spreadOut(b, forward, axis, stride);
  const taken = typeof count === "number" ? count * stride : stride === 1 ? count : b.mul(count, b.ints([stride]));
  const before = step > 0 ? first : minus(b, minus(b, first, taken), -stride);
  return { spread, before, after: minus(b, minus(b, d, before), taken) };
}

/**
 * Adds zeros before and after some axes. The padding is written out for every axis: onnxruntime 1.27's transpose optimizer goes wrong on a
 * Pad that names its axes.
 */
function padAlong(b: GraphBuilder, x: Value, axes: readonly number[], before: readonly Size[], after: readonly Size[]): Value {
  const spread = (sizes: readonly Size[]): readonly Size[] => range(b.rank(x)).map((axis) => (axes.includes(axis) ? sizes[axes.indexOf(axis)] : 0));
  return b.op("Pad", [x, vector(b, [...spread(before), ...spread(after)]), b.zero(x)]);
}

/** Puts `stride − 1` zeros after each element along an axis. */
function spreadOut(b: GraphBuilder, x: Value, axis: number, stride: number): Value {
  const rank = b.rank(x);
  const apart = b.unsqueeze(x, [axis + 1]);
  const padded = padAlong(b, apart, [axis + 1], [0], [stride - 1]);
  const count = sizeOf(b, x, axis);
  const sizes = range(rank).map((i) => {
    if (i !== axis) return sizeOf(b, x, i);
    return typeof count === "number" ? count * stride : b.mul(count, b.ints([stride]));
  });
  return b.reshape(padded, vector(b, sizes));
}

const slice = defineOp({
  type: "Slice",
  since: 13,
  transparent: true,
  attributes: { starts: "ints", ends: "ints", axes: "ints" },
  settings: [1, 2, 3, 4],
  infer: ([x], site) => {
    if (x?.shape === undefined) return [x && tensorType(x.dtype, undefined)];
    const cuts = cutsOf(site, x.shape.length);
    if (cuts?.some((c) => c.step === 0) === true) throw errors.shapeMismatch(site.node, "steps", "other than 0", "0");
    const shape = x.shape.map((d, axis) => {
      const cut = cuts?.find((c) => c.axis === axis);
      return cuts === undefined ? unknownDim() : cut === undefined ? d : cutSize(cut, d);
    });
    return [tensorType(x.dtype, shape)];
  },
  fold: foldSlice,
  unsupportedForm: ({ inputs, node, numbers }) => {
    const known = [3, 4].every((i) => !isGiven(node, i) || numbers(i) !== undefined);
    return known || inputs[0].type === undefined ? undefined : "its axes or steps are not known before it runs";
  },
  grad: ({ b, node, inputs, dOutputs }) => [
    () => {
      const [x] = inputs;
      const cuts = cutsOf({ node, inputs, numbers: (i) => (isStatic(inputs[i]?.ints) ? inputs[i].ints : undefined) }, b.rank(x)) ?? [];
      let gradient = dOutputs[0];
      const before: Size[] = [];
      const after: Size[] = [];
      for (const cut of cuts) {
        const part = uncut(b, gradient, x, inputs[1], cut);
        gradient = part.spread;
        before.push(part.before);
        after.push(part.after);
      }
      const along = cuts.map((c) => c.axis);
      return sameTypeAs(padAlong(b, gradient, along, before, after), x);
    },
  ],
  batch: batchOutside((site) => {
    const rank = site.inputs[0].type?.shape?.length;
    const cuts = rank === undefined ? undefined : cutsOf(site, rank);
    if (cuts === undefined) return "which axes it cuts is not known before it runs";
    return cuts.filter((c) => !(c.step === 1 && c.start === 0 && typeof c.end === "number" && c.end >= endless)).map((c) => c.axis);
  }, "cuts"),
  upgrades: [
    {
      to: 10,
      rewrite: (node, { constant }) => {
        const list = (name: string): readonly number[] => intsAttribute(node, name) ?? range(intsAttribute(node, "starts")?.length ?? 0);
        const inputs = ["starts", "ends", "axes"].map((name) => constant(tensorOf("int64", list(name).map(safeBound))));
        return [{ ...node, inputs: [node.inputs[0], ...inputs], attributes: new Map() }];
      },
    },
  ],
  docs: "Ranges of axes, with steps. https://onnx.ai/onnx/operators/onnx__Slice.html",
});

/** The extreme int64 values are not exact as numbers; any bound beyond an axis means the same. */
function safeBound(bound: number): number {
  return Math.min(Math.max(bound, -beyondEnd), beyondEnd);
}

// ── Pad ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Padding {
  readonly axis: number;
  readonly before: Dim;
  readonly after: Dim;
}

/** What a Pad adds at each axis; undefined where it is known only at run time. */
function paddings({ node, inputs, numbers }: Site, rank: number): readonly Padding[] | undefined {
  const axes = isGiven(node, 3) ? numbers(3) : range(rank);
  const pads = inputs[1].ints;
  if (axes === undefined || pads === undefined) return undefined;
  if (pads.length !== 2 * axes.length) throw errors.shapeMismatch(node, "pads of", `${2 * axes.length} elements`, String(pads.length));
  return axes.map((axis, i) => ({ axis: resolveAxis(node, axis, rank), before: pads[i], after: pads[i + axes.length] }));
}

const modeOf = (node: Node): string => stringAttribute(node, "mode", "constant");

/**
 * Gradient along one axis of a padding that repeats elements: what was added before and behind goes back to the elements that it came
 * from: by `reflect` those next to the outermost, in reverse, by `edge` the outermost.
 */
function unrepeat(b: GraphBuilder, dy: Value, x: Value, mode: string, { axis, before, after }: Padding): Value {
  const [front, back] = [before as number, after as number];
  const d = sizeOf(b, x, axis);
  const place = (part: Value, at: Size, behind: Size): Value => {
    const gathered = mode === "edge" ? b.reduceSum(part, [axis]) : b.slice(part, [axis], [-1], [-endless], [-1]);
    return padAlong(b, gathered, [axis], [at], [behind]);
  };
  const parts = [b.slice(dy, [axis], [front], [-back || beyondEnd])];
  if (front > 0) {
    const [at, behind] = mode === "edge" ? [0, minus(b, d, 1)] : [1, minus(b, d, front + 1)];
    parts.push(place(b.slice(dy, [axis], [0], [front]), at, behind));
  }
  if (back > 0) {
    const [at, behind] = mode === "edge" ? [minus(b, d, 1), 0] : [minus(b, d, back + 1), 1];
    parts.push(place(b.slice(dy, [axis], [-back], [beyondEnd]), at, behind));
  }
  const shape = dy.type.shape?.map((size, i) => (i === axis ? (x.type.shape?.[axis] ?? size) : size));
  const like: Value = { name: x.name, type: tensorType(x.type.dtype, shape) };
  return b.sum(parts.map((part) => sameTypeAs(part, like))); // prettier-ignore
}

const pad = defineOp({
  type: "Pad",
  since: 18,
  attributes: { mode: "string", pads: "ints", value: "float" },
  settings: [1, 2, 3],
  infer: ([x], site) => {
    if (x?.shape === undefined) return [x && tensorType(x.dtype, undefined)];
    const list = paddings(site, x.shape.length);
    const shape = x.shape.map((d, axis) => {
      const at = list?.find((p) => p.axis === axis);
      return list === undefined ? unknownDim() : at === undefined ? d : add(d, add(at.before, at.after));
    });
    return [tensorType(x.dtype, shape)];
  },
  unsupportedForm: (site) => {
    const [rank, mode] = [site.inputs[0].type?.shape?.length, modeOf(site.node)];
    if (mode === "constant") return undefined;
    if (mode !== "reflect" && mode !== "edge") return `padding by "${mode}" is only computed, not differentiated`;
    const list = rank === undefined ? undefined : paddings(site, rank);
    const counted = list?.every(({ before, after }) => typeof before === "number" && typeof after === "number" && before >= 0 && after >= 0);
    return counted === true ? undefined : `how many elements its mode "${mode}" repeats is not known before it runs`;
  },
  grad: ({ b, node, inputs, dOutputs }) => [
    () => {
      const [x, pads, , axes] = inputs;
      if (modeOf(node) !== "constant") {
        const site = { node, inputs, numbers: (i: number) => (isStatic(inputs[i]?.ints) ? inputs[i].ints : undefined) };
        const list = (paddings(site, b.rank(x)) ?? []).filter(({ before, after }) => before !== 0 || after !== 0);
        return sameTypeAs(list.reduce((dy, padding) => unrepeat(b, dy, x, modeOf(node), padding), dOutputs[0]), x); // prettier-ignore
      }
      if (isStatic(pads.ints) && pads.ints.every((p) => p >= 0) && (axes === undefined || isStatic(axes.ints))) {
        const along = isStatic(axes?.ints) ? axes.ints : range(b.rank(x));
        const used = range(along.length).filter((i) => pads.ints?.[i] !== 0 || pads.ints[i + along.length] !== 0);
        const ends = used.map((i) => -(pads.ints?.[i + along.length] as number) || beyondEnd);
        if (used.length === 0) return dOutputs[0];
        return sameTypeAs(b.slice(dOutputs[0], used.map((i) => along[i]), used.map((i) => pads.ints?.[i] as number), ends), x); // prettier-ignore
      }
      // Negative padding crops: what was added is cropped, what was cropped is zero.
      const back = isStatic(pads.ints) ? b.ints(pads.ints.map((p) => -p)) : b.neg(pads);
      if (!isStatic(axes?.ints)) return sameTypeAs(b.op("Pad", [dOutputs[0], back, b.zero(x), axes]), x);
      const along = axes.ints.map((axis) => resolveAxis(node, axis, b.rank(x)));
      const entry = (i: number): Value => b.slice(back, [0], [i], [i + 1]);
      const [before, after] = [range(along.length).map(entry), range(along.length).map((i) => entry(i + along.length))];
      return sameTypeAs(padAlong(b, dOutputs[0], along, before, after), x);
    },
  ],
  batch: batchOutside((site) => {
    const rank = site.inputs[0].type?.shape?.length;
    const list = rank === undefined ? undefined : paddings(site, rank);
    if (list === undefined) return "which axes it pads is not known before it runs";
    return list.filter((p) => p.before !== 0 || p.after !== 0).map((p) => p.axis);
  }, "pads"),
  upgrades: [
    {
      to: 11,
      rewrite: (node, context) => {
        const attributes = new Map([...node.attributes].filter(([name]) => name === "mode"));
        const pads = context.constant(tensorOf("int64", intsAttribute(node, "pads") ?? []));
        return [{ ...node, inputs: [node.inputs[0], pads, paddingValue(node, context)], attributes }];
      },
    },
  ],
  docs: "Adds elements before and after axes; negative padding removes them. https://onnx.ai/onnx/operators/onnx__Pad.html",
});

/** The value that an old Pad holds as an attribute, as an input of its operand's type. */
function paddingValue(node: Node, { constant, facts }: UpgradeContext): string {
  const dtype = facts(node.inputs[0]).type?.dtype ?? "float32";
  return constant(tensorOf(dtype, [floatAttribute(node, "value", 0)], []));
}

export const slicing = [slice, pad];
