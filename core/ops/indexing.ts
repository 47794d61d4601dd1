// Picking and placing elements by index: Gather, GatherElements, GatherND, ScatterElements, ScatterND, and the running sum CumSum.

import * as errors from "../errors.js";
import { intAttribute } from "../graph/attributes.js";
import type { GraphBuilder, Value } from "../graph/builder.js";
import { formatShape, isStatic } from "../graph/dims.js";
import type { Dim, Node } from "../graph/types.js";
import { batchOutside, range, resolveAxis, sameTypeAs } from "./axes.js";
import { defineOp, parameter, slots, type BatchAxis, type GradientRule, type InferRule, type Site } from "./define.js";
import { tensorType } from "./rules.js";

// ── Gather ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function gatherAxis(node: Node, rank: number): number {
  return resolveAxis(node, intAttribute(node, "axis", 0), rank);
}

/** Up to this many rows the gradient of a look-up is a product with a one-hot matrix; beyond it, adding row by row is cheaper. */
const oneHotRows = 512;

/** Up to this many uses of one element, the gradient of a look-up at constant indices is a sum of look-ups. */
const fewUses = 4;

/** Indices counted from the front. */
function fromFront(b: GraphBuilder, indices: Value, size: Value): Value {
  const wide = b.cast(indices, "int64");
  return b.where(b.less(wide, b.ints([0])), b.add(wide, size), wide);
}

/**
 * Gradient of picking constant `picked` elements along `axis` of size `size`: element j collects what its places in `picked` hold,
 * read with a Gather from `dy` with a slice of zeros behind it. `dy` has one axis at `axis` for the indices.
 */
function collectConstant(b: GraphBuilder, dy: Value, axis: number, picked: readonly number[], size: number): Value {
  const places = range(size).map((j) => range(picked.length).filter((i) => picked[i] === j));
  const [before, after] = [range(b.rank(dy)).map(() => 0), range(b.rank(dy)).map((i) => (i === axis ? 1 : 0))];
  const covered = places.every((p) => p.length === places[0].length);
  const padded = covered ? dy : b.op("Pad", [dy, b.ints([...before, ...after]), b.zero(dy)]);
  const uses = Math.max(...places.map((p) => p.length), 1);
  return b.sum(range(uses).map((n) => b.gather(padded, b.ints(places.map((p) => p[n] ?? picked.length)), axis)));
}

/** Gradient of `rows` looked up from a table of `size` rows: [n, width] → [size, width]. Repeated indices add up. */
function collectRows(b: GraphBuilder, rows: Value, indices: Value, size: Value, tableRows: Dim | undefined, like: Value): Value {
  const flat = fromFront(b, b.reshape(indices, [-1]), size);
  if (typeof tableRows === "number" && tableRows <= oneHotRows) {
    const all = b.op("Range", [b.scalar("int64", 0), b.squeeze(size, [0]), b.scalar("int64", 1)]);
    const hits = b.cast(b.equal(b.unsqueeze(all, [1]), b.unsqueeze(flat, [0])), like.type.dtype);
    return b.matmul(hits, rows);
  }
  const table = b.op("Expand", [b.zero(like), b.concat([size, b.dim(rows, 1)], 0)]);
  const columns = b.expandLike(b.unsqueeze(flat, [1]), rows);
  return b.op("ScatterElements", [table, columns, rows], { attributes: { axis: 0, reduction: "add" } });
}

const gradGather: GradientRule = ({ b, node, inputs: [x, indices], dOutputs }) => [
  () => {
    const rank = b.rank(x);
    const axis = gatherAxis(node, rank);
    const size = x.type.shape?.[axis];
    const picked = indices.ints;
    const indexRank = b.rank(indices);
    if (isStatic(picked) && indexRank <= 1 && typeof size === "number") {
      const positive = picked.map((i) => (i < 0 ? i + size : i));
      const dy = indexRank === 0 ? b.unsqueeze(dOutputs[0], [axis]) : dOutputs[0];
      const uses = Math.max(...positive.map((i) => positive.filter((j) => j === i).length), 0);
      if (uses <= fewUses) return sameTypeAs(collectConstant(b, dy, axis, positive, size), x);
    }
    // The axes of the indices first, the others behind them, as a matrix with one row per index.
    const outRank = rank - 1 + indexRank;
    const indexAxes = range(indexRank).map((i) => axis + i);
    const others = range(outRank).filter((i) => !indexAxes.includes(i));
    const moved = b.transpose(dOutputs[0], [...indexAxes, ...others]);
    const rows = b.op("Flatten", [moved], { attributes: { axis: indexRank } });
    const table = collectRows(b, rows, indices, b.dim(x, axis), size, x);
    const order = [axis, ...range(rank).filter((i) => i !== axis)];
    const sizes = isStatic(x.type.shape) ? b.ints(order.map((i) => (x.type.shape as readonly number[])[i])) : b.gather(b.shape(x), b.ints(order), 0);
    const back = b.transpose(b.reshape(table, sizes), range(rank).map((i) => order.indexOf(i))); // prettier-ignore
    return sameTypeAs(back, x);
  },
];

const gather = defineOp({
  type: "Gather",
  since: 13,
  attributes: { axis: "int" },
  slot: slots([parameter("weight")]),
  settings: [1],
  infer: ([x, indices], { node }) => {
    if (x?.shape === undefined || indices?.shape === undefined) return [x && tensorType(x.dtype, undefined)];
    const axis = gatherAxis(node, x.shape.length);
    return [tensorType(x.dtype, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)])];
  },
  fold: ({ inputs: [x, indices], numbers }) => {
    const picked = numbers(1);
    const from = x.ints;
    if (from === undefined || picked === undefined || x.type?.shape?.length !== 1 || (indices.type?.shape?.length ?? 2) > 1) return [undefined];
    const elements = picked.map((i) => from.at(i));
    return [elements.includes(undefined) ? undefined : (elements as Dim[])];
  },
  grad: gradGather,
  batch: ([axis, indexAxis], { node, inputs }) => {
    const [rank, indexRank] = inputs.map((f) => f.type?.shape?.length);
    if (rank === undefined || indexRank === undefined) return "the ranks of its operands are not known";
    const along = gatherAxis(node, rank);
    if (axis !== undefined && indexAxis !== undefined) return "both what it picks from and the indices vary with the sample";
    if (indexAxis !== undefined) return [{ ...indexAxis, axis: along + indexAxis.axis }];
    const own = axis as BatchAxis;
    if (own.axis === along) return "picks along the axis of the batch";
    return [own.axis < along ? own : { ...own, axis: own.axis - 1 + indexRank }];
  },
  docs: "Slices of a tensor at given indices, e.g. rows of an embedding table. https://onnx.ai/onnx/operators/onnx__Gather.html",
});

// ── element by element ──────────────────────────────────────────────────────────────────────────────────────────────

const ownAxis = ({ node, inputs }: Site): readonly number[] | string => {
  const rank = inputs[0].type?.shape?.length;
  return rank === undefined ? "the rank of its operand is not known" : [gatherAxis(node, rank)];
};

const gatherElements = defineOp({
  type: "GatherElements",
  since: 13,
  attributes: { axis: "int" },
  settings: [1],
  infer: ([x, indices], { node }) => {
    if (x?.shape !== undefined && indices?.shape !== undefined && x.shape.length !== indices.shape.length)
      throw errors.shapeMismatch(node, "indices of rank", String(x.shape.length), formatShape(indices.shape));
    return [x && tensorType(x.dtype, indices?.shape)];
  },
  grad: ({ b, node, inputs: [x, indices], dOutputs }) => [
    () => {
      const attributes = { axis: gatherAxis(node, b.rank(x)), reduction: "add" };
      return sameTypeAs(b.op("ScatterElements", [b.zerosLike(x), indices, dOutputs[0]], { attributes }), x);
    },
  ],
  batch: batchOutside(ownAxis, "picks"),
  docs: "Picks one element per index along an axis. https://onnx.ai/onnx/operators/onnx__GatherElements.html",
});

const gatherND = defineOp({
  type: "GatherND",
  since: 13,
  attributes: { batch_dims: "int" },
  settings: [1],
  infer: ([x, indices], { node }) => {
    const depth = indices?.shape?.at(-1);
    if (x?.shape === undefined || indices?.shape === undefined || typeof depth !== "number") return [x && tensorType(x.dtype, undefined)];
    const shared = intAttribute(node, "batch_dims", 0);
    return [tensorType(x.dtype, [...indices.shape.slice(0, -1), ...x.shape.slice(shared + depth)])];
  },
  grad: { unsupported: "its gradient adds into places that are known only at run time, which the runtime does not do reliably" },
  docs: "Picks slices at index tuples. https://onnx.ai/onnx/operators/onnx__GatherND.html",
});

/** Scattering keeps the type of the tensor that it writes to. */
const inferFirst: InferRule = ([x]) => [x];

const scatterElements = defineOp({
  type: "ScatterElements",
  since: 18,
  attributes: { axis: "int", reduction: "string" },
  settings: [1],
  infer: inferFirst,
  grad: { unsupported: "whether indices repeat is known only at run time, and then the result depends on their order" },
  batch: batchOutside(ownAxis, "places"),
  docs: "Writes elements at given indices along an axis. https://onnx.ai/onnx/operators/onnx__ScatterElements.html",
});

const scatterND = defineOp({
  type: "ScatterND",
  since: 18,
  attributes: { reduction: "string" },
  settings: [1],
  infer: inferFirst,
  grad: { unsupported: "whether indices repeat is known only at run time, and then the result depends on their order" },
  docs: "Writes slices at index tuples. https://onnx.ai/onnx/operators/onnx__ScatterND.html",
});

const cumSum = defineOp({
  type: "CumSum",
  since: 14,
  attributes: { exclusive: "int", reverse: "int" },
  settings: [1],
  infer: inferFirst,
  // An element is part of the sums from its own on: the same running sum from the other end.
  grad: ({ b, node, inputs: [, axis], dOutputs }) => [
    () => {
      const attributes = { exclusive: intAttribute(node, "exclusive", 0), reverse: 1 - intAttribute(node, "reverse", 0) };
      return b.op("CumSum", [dOutputs[0], axis], { attributes });
    },
  ],
  batch: batchOutside(({ node, inputs, numbers }) => {
    const rank = inputs[0].type?.shape?.length;
    const axis = numbers(1)?.[0];
    return rank === undefined || axis === undefined ? "the axis that it sums along is not known before it runs" : [resolveAxis(node, axis, rank)];
  }, "sums"),
  docs: "Running sum along an axis. https://onnx.ai/onnx/operators/onnx__CumSum.html",
});

export const indexing = [gather, gatherElements, gatherND, scatterElements, scatterND, cumSum];
