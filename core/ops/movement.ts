// Operators that rearrange, join, cut apart or repeat whole tensors: Transpose, Concat, Split, Expand, Tile, DepthToSpace, SpaceToDepth,
// Trilu. Cutting and padding along axes live in `slice.ts`, picking by index in `indexing.ts`.

import * as errors from "../errors.js";
import { intAttribute, intsAttribute, stringAttribute } from "../graph/attributes.js";
import type { GraphBuilder, Value } from "../graph/builder.js";
import { add, broadcastShapes, divideExactly, expression, formatShape, isStatic, multiply, unknownDim } from "../graph/dims.js";
import { tensorOf } from "../graph/tensor.js";
import type { Dim, Node, Shape, TensorType } from "../graph/types.js";
import { agree, batchOutside, range, resolveAxis, sameTypeAs, sizeOf, vector } from "./axes.js";
import { batchSize, defineOp, operand, slots, type InferRule, type Site } from "./define.js";
import { longestFollowed } from "./facts.js";
import { pickElements } from "./folding.js";
import { repeatForBatch } from "./repeat-for-batch.js";
import { tensorType } from "./rules.js";

// ── Transpose ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** New axis i holds old axis perm[i]; all reversed where the attribute is left out. */
function permutation(node: Node, rank: number): readonly number[] {
  const perm = intsAttribute(node, "perm") ?? range(rank).toReversed();
  if (perm.length !== rank || new Set(perm).size !== rank || perm.some((p) => p < 0 || p >= rank))
    throw errors.shapeMismatch(node, "perm to be a permutation of", `${rank} axes`, `[${perm.join(", ")}]`);
  return perm;
}

const transpose = defineOp({
  type: "Transpose",
  since: 13,
  attributes: { perm: "ints" },
  transparent: true,
  infer: ([x], { node }) => {
    const shape = x?.shape;
    return [x && tensorType(x.dtype, shape && permutation(node, shape.length).map((p) => shape[p]))];
  },
  fold: ({ node, inputs: [{ ints, type }] }) => {
    const shape = type?.shape;
    return [ints !== undefined && isStatic(shape) ? pickElements(ints, shape, { order: permutation(node, shape.length) }) : undefined];
  },
  grad: ({ b, node, inputs: [x], dOutputs }) => [
    () => {
      const perm = permutation(node, b.rank(x));
      return b.transpose(
        dOutputs[0],
        range(perm.length).map((axis) => perm.indexOf(axis)),
      );
    },
  ],
  batch: ([axis], { node, inputs }) => {
    const rank = inputs[0].type?.shape?.length;
    if (axis === undefined || rank === undefined) return "the rank of its operand is not known";
    return [{ ...axis, axis: permutation(node, rank).indexOf(axis.axis) }];
  },
  docs: "Permutes the axes. https://onnx.ai/onnx/operators/onnx__Transpose.html",
});

// ── Concat and Split ────────────────────────────────────────────────────────────────────────────────────────────────

function concatAxis({ node, inputs }: Site): number | undefined {
  const rank = inputs.find((f) => f.type?.shape !== undefined)?.type?.shape?.length;
  return rank === undefined ? undefined : resolveAxis(node, intAttribute(node, "axis", 1), rank);
}

const inferConcat: InferRule = (types, site) => {
  const dtype = types.find((t) => t !== undefined)?.dtype;
  if (dtype === undefined) return [undefined];
  const axis = concatAxis(site);
  const known = types.flatMap((t) => (t?.shape === undefined ? [] : [t.shape]));
  if (axis === undefined) return [tensorType(dtype, undefined)];
  const [first] = known;
  const shape = first.map((_, i) => {
    if (i === axis) return known.length < types.length ? unknownDim() : known.map((s) => s[i]).reduce<Dim>(add, 0);
    return known.reduce<Dim>((size, other) => {
      const merged = other.length === first.length ? agree(size, other[i]) : undefined;
      if (merged === undefined)
        throw errors.shapeMismatch(site.node, `shapes that agree except on axis ${axis} with`, formatShape(first), formatShape(other));
      return merged;
    }, first[i]);
  });
  return [tensorType(dtype, shape)];
};

/** Elements of a vector of which only the length is known. The minus keeps them from counting as sizes, which are never negative. */
function unknownInts({ dtype, shape }: TensorType): readonly Dim[] | undefined {
  const length = shape?.[0];
  if (typeof length !== "number" || length > longestFollowed || (dtype !== "int64" && dtype !== "int32")) return undefined;
  return range(length).map(() => expression(`-${unknownDim()}`));
}

const concat = defineOp({
  type: "Concat",
  since: 13,
  attributes: { axis: "int" },
  slot: () => operand("operand"),
  infer: inferConcat,
  fold: ({ inputs }) => {
    const parts = inputs.map(({ type, ints }) => (type?.shape?.length === 1 ? (ints ?? unknownInts(type)) : undefined));
    return [parts.includes(undefined) ? undefined : (parts as (readonly Dim[])[]).flat()];
  },
  foldFloats: ({ inputs }) => {
    const parts = inputs.map((f) => (f.type?.shape?.length === 1 ? f.floats : undefined));
    return parts.includes(undefined) ? undefined : (parts as (readonly number[])[]).flat();
  },
  grad: ({ b, node, inputs, dOutputs }) => {
    const axis = resolveAxis(node, intAttribute(node, "axis", 1), b.rank(inputs[0]));
    const sizes = inputs.map((x) => x.type.shape?.[axis]);
    if (isStatic(sizes as Shape)) {
      const ends = (sizes as number[]).map((_, i) => (sizes as number[]).slice(0, i + 1).reduce((sum, d) => sum + d, 0));
      return inputs.map((_, i) => () => b.slice(dOutputs[0], [axis], [ends[i] - (sizes[i] as number)], [ends[i]]));
    }
    let parts: readonly Value[] | undefined;
    const split = (): readonly Value[] => {
      const lengths = vector(
        b,
        inputs.map((x) => sizeOf(b, x, axis)),
      );
      return b.ops("Split", [dOutputs[0], lengths], { attributes: { axis }, outputs: inputs.length });
    };
    return inputs.map((x, i) => () => sameTypeAs((parts ??= split())[i], x));
  },
  batch: (axes, site) => {
    const along = concatAxis(site);
    if (along === undefined) return "the ranks of its operands are not known";
    const found = batchOutside(() => [along], "joins")(axes, site);
    const axis = typeof found === "string" ? undefined : found[0];
    if (axis === undefined) return found;
    const size = batchSize(axis, site.batch);
    const baked = site.inputs.findIndex((f) => f.type?.shape !== undefined && f.type.shape[axis.axis] !== size);
    return baked < 0 ? found : `bakes the batch size in: joins samples with ${formatShape(site.inputs[baked].type?.shape)}`;
  },
  freeBatch: (axes, site, context) => {
    const input = axes.findIndex((axis) => axis !== undefined);
    const axis = axes[input];
    if (axis === undefined || concatAxis(site) === axis.axis) return undefined;
    const constants = range(axes.length).filter((i) => axes[i] === undefined);
    return repeatForBatch(site, context, { input, axis }, constants.map((i) => ({ input: i, axis: axis.axis }))); // prettier-ignore
  },
  docs: "Joins tensors along one axis. https://onnx.ai/onnx/operators/onnx__Concat.html",
});

/** Sizes of the parts that a Split makes. */
function splitSizes(site: Site): readonly Dim[] {
  const { node, inputs } = site;
  const count = node.outputs.length;
  if (node.inputs[1] !== undefined && node.inputs[1] !== "") {
    const sizes = inputs[1].ints;
    if (sizes !== undefined && sizes.length !== count) throw errors.shapeMismatch(node, "sizes of", `${count} parts`, String(sizes.length));
    return sizes ?? range(count).map(unknownDim);
  }
  const whole = inputs[0].type?.shape?.[splitAxis(site) ?? 0];
  if (whole === undefined) return range(count).map(unknownDim);
  const parts = intAttribute(node, "num_outputs", count);
  if (typeof whole !== "number") {
    const even = divideExactly(whole, parts);
    return range(count).map((i) => even ?? expression(i + 1 < parts ? `ceil(${whole}/${parts})` : `last(${whole}/${parts})`));
  }
  const each = Math.ceil(whole / parts);
  return range(count).map((i) => (i + 1 < parts ? each : whole - each * (parts - 1)));
}

function splitAxis({ node, inputs }: Site): number | undefined {
  const rank = inputs[0].type?.shape?.length;
  return rank === undefined ? undefined : resolveAxis(node, intAttribute(node, "axis", 0), rank);
}

const split = defineOp({
  type: "Split",
  since: 18,
  transparent: true,
  attributes: { axis: "int", split: "ints", num_outputs: "int" },
  settings: [1],
  infer: ([x], site) => {
    const axis = splitAxis(site);
    if (x?.shape === undefined || axis === undefined) return site.node.outputs.map(() => x && tensorType(x.dtype, undefined));
    const { shape } = x;
    const sizes = splitSizes(site);
    const sum = isStatic(sizes) ? sizes.reduce((a, d) => a + d, 0) : undefined;
    if (sum !== undefined && typeof shape[axis] === "number" && sum !== shape[axis])
      throw errors.shapeMismatch(site.node, `parts of axis ${axis} that sum to`, String(shape[axis]), String(sum));
    return sizes.map((size) => tensorType(x.dtype, shape.map((d, i) => (i === axis ? size : d)))); // prettier-ignore
  },
  fold: (site) => {
    const sizes = splitSizes(site);
    const { ints } = site.inputs[0];
    if (ints === undefined || !isStatic(sizes) || site.inputs[0].type?.shape?.length !== 1) return [];
    let at = 0;
    return sizes.map((size) => ints.slice(at, (at += size)));
  },
  unsupportedForm: ({ node }) => (node.outputs.includes("") ? "one of its parts is left out" : undefined),
  grad: ({ b, node, inputs: [x], dOutputs }) => [
    () => {
      const axis = resolveAxis(node, intAttribute(node, "axis", 0), b.rank(x));
      return sameTypeAs(b.concat([...dOutputs], axis), x);
    },
  ],
  batch: batchOutside((site) => {
    const axis = splitAxis(site);
    return axis === undefined ? "the rank of its operand is not known" : [axis];
  }, "splits"),
  upgrades: [
    {
      to: 13,
      rewrite: (node, { constant }) => {
        const sizes = intsAttribute(node, "split");
        if (sizes === undefined) return [node];
        const attributes = new Map([...node.attributes].filter(([name]) => name !== "split"));
        return [{ ...node, inputs: [node.inputs[0], constant(tensorOf("int64", sizes))], attributes }];
      },
    },
    {
      to: 18,
      rewrite: (node) => {
        if (node.inputs.length > 1 && node.inputs[1] !== "") return [node];
        const parts = { type: "int", value: BigInt(node.outputs.length) } as const;
        return [{ ...node, attributes: new Map([...node.attributes, ["num_outputs", parts]]) }];
      },
    },
  ],
  docs: "Cuts a tensor into parts along one axis. https://onnx.ai/onnx/operators/onnx__Split.html",
});

// ── Expand and Tile ─────────────────────────────────────────────────────────────────────────────────────────────────

const expand = defineOp({
  type: "Expand",
  since: 13,
  settings: [1],
  slot: slots([operand("operand")]),
  infer: ([x], { node, inputs }) => {
    if (x?.shape === undefined) return [x && tensorType(x.dtype, undefined)];
    const length = inputs[1].type?.shape?.[0];
    const target = inputs[1].ints ?? (typeof length === "number" ? range(length).map(unknownDim) : undefined);
    if (target === undefined) return [tensorType(x.dtype, undefined)];
    const shape = broadcastShapes([x.shape, target]);
    if (shape === undefined) throw errors.shapeMismatch(node, "a shape that broadcasts with", formatShape(x.shape), formatShape(target));
    return [tensorType(x.dtype, shape)];
  },
  fold: ({ inputs: [x, target] }) => {
    const [count] = target.ints ?? [];
    if (x.ints === undefined || target.ints?.length !== 1 || typeof count !== "number") return [undefined];
    return [x.ints.length === 1 && count <= 64 ? range(count).map(() => (x.ints as readonly Dim[])[0]) : x.ints];
  },
  grad: ({ dOutputs }) => [() => dOutputs[0]],
  batch: ([axis, target], { inputs, outputs }) => {
    const [from, to] = [inputs[0].type?.shape?.length, outputs[0]?.type?.shape?.length];
    if (target !== undefined) return "its shape depends on the samples";
    if (axis === undefined || from === undefined || to === undefined) return "the rank of its result is not known";
    return [{ ...axis, axis: axis.axis + to - from }];
  },
  docs: "Broadcasts a tensor to a shape. https://onnx.ai/onnx/operators/onnx__Expand.html",
});

const tile = defineOp({
  type: "Tile",
  since: 13,
  settings: [1],
  infer: ([x], { inputs }) => {
    const repeats = inputs[1].ints;
    return [x && tensorType(x.dtype, x.shape?.map((d, i) => (repeats === undefined ? unknownDim() : multiply(d, repeats[i]))))]; // prettier-ignore
  },
  grad: ({ b, inputs: [x, repeats], dOutputs }) => [
    () => {
      // [r0·d0, r1·d1] is [r0, d0, r1, d1] in memory: what was repeated is summed.
      const axes = range(b.rank(x));
      const count = (i: number): number | Value => (isStatic(repeats.ints) ? repeats.ints[i] : b.slice(repeats, [0], [i], [i + 1]));
      const sizes = axes.flatMap((i) => [count(i), sizeOf(b, x, i)]);
      const parted = b.reshape(dOutputs[0], vector(b, sizes));
      const sum = b.reduceSum(parted, axes.map((i) => 2 * i), false); // prettier-ignore
      return sameTypeAs(sum, x);
    },
  ],
  batch: ([axis], { node, numbers }) => {
    const repeats = numbers(1);
    if (axis === undefined || repeats === undefined) return "how often it repeats is not known before it runs";
    return repeats[axis.axis] === 1 ? node.outputs.map(() => axis) : "repeats the batch";
  },
  docs: "Repeats a tensor along its axes. https://onnx.ai/onnx/operators/onnx__Tile.html",
});

// ── blocks of pixels ────────────────────────────────────────────────────────────────────────────────────────────────

/** [N, C, H, W] with H and W divided by `block` and C times its square, or back. */
function inferBlocks(grow: boolean): InferRule {
  return ([x], { node }) => {
    if (x?.shape?.length !== 4) return [x && tensorType(x.dtype, undefined)];
    const [n, c, h, w] = x.shape;
    const block = intAttribute(node, "blocksize");
    const up = (d: Dim, by: number): Dim => multiply(d, by);
    const down = (d: Dim, by: number): Dim => {
      const part = divideExactly(d, by);
      if (part === undefined && typeof d === "number") throw errors.shapeMismatch(node, "a size divisible by", String(by), String(d));
      return part ?? expression(`${d}/${by}`);
    };
    const shape = grow ? [n, down(c, block ** 2), up(h, block), up(w, block)] : [n, up(c, block ** 2), down(h, block), down(w, block)];
    return [tensorType(x.dtype, shape)];
  };
}

/** Undoes DepthToSpace in its CRD order: [N, C, H·k, W·k] → [N, C·k·k, H, W]. */
function gatherColumns(b: GraphBuilder, dy: Value, x: Value, block: number): Value {
  const [n, , h, w] = range(4).map((axis) => sizeOf(b, x, axis));
  const apart = b.reshape(dy, vector(b, [n, sizeOf(b, dy, 1), h, block, w, block]));
  return sameTypeAs(b.reshape(b.transpose(apart, [0, 1, 3, 5, 2, 4]), b.shape(x)), x);
}

const batchBlocks = batchOutside(() => [1, 2, 3], "moves pixels");

const depthToSpace = defineOp({
  type: "DepthToSpace",
  since: 13,
  attributes: { blocksize: "int", mode: "string" },
  infer: inferBlocks(true),
  grad: ({ b, node, inputs: [x], dOutputs }) => [
    () => {
      const block = intAttribute(node, "blocksize");
      if (stringAttribute(node, "mode", "DCR") === "CRD") return gatherColumns(b, dOutputs[0], x, block);
      return sameTypeAs(b.op("SpaceToDepth", [dOutputs[0]], { attributes: { blocksize: block } }), x);
    },
  ],
  batch: batchBlocks,
  docs: "Moves channels into blocks of pixels. https://onnx.ai/onnx/operators/onnx__DepthToSpace.html",
});

const spaceToDepth = defineOp({
  type: "SpaceToDepth",
  since: 13,
  attributes: { blocksize: "int" },
  infer: inferBlocks(false),
  grad: ({ b, node, inputs: [x], dOutputs }) => [
    () => {
      const back = b.op("DepthToSpace", [dOutputs[0]], { attributes: { blocksize: intAttribute(node, "blocksize"), mode: "DCR" } });
      return sameTypeAs(back, x);
    },
  ],
  batch: batchBlocks,
  docs: "Moves blocks of pixels into channels. https://onnx.ai/onnx/operators/onnx__SpaceToDepth.html",
});

const trilu = defineOp({
  type: "Trilu",
  since: 14,
  attributes: { upper: "int" },
  settings: [1],
  infer: ([x]) => [x],
  grad: ({ b, node, inputs: [, k], dOutputs }) => [() => b.op("Trilu", [dOutputs[0], k], { attributes: { upper: intAttribute(node, "upper", 1) } })],
  batch: batchOutside(({ inputs }) => {
    const rank = inputs[0].type?.shape?.length;
    return rank === undefined ? "the rank of its operand is not known" : [rank - 2, rank - 1];
  }, "cuts a triangle out"),
  docs: "The upper or lower triangle of matrices. https://onnx.ai/onnx/operators/onnx__Trilu.html",
});

export const movement = [transpose, concat, split, expand, tile, depthToSpace, spaceToDepth, trilu];
