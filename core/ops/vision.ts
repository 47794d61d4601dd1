// Operators on images that have no gradient here: resizing, sampling at given positions, regions and boxes.

import { attribute, intAttribute, intsAttribute, stringAttribute } from "../graph/attributes.js";
import { expression, multiply, unknownDim } from "../graph/dims.js";
import { tensorOf } from "../graph/tensor.js";
import type { Attribute, Dim, Node, Shape, TensorType } from "../graph/types.js";
import { resolveAxis } from "./axes.js";
import { convolvedShape } from "./conv.js";
import { parameter, slots, type BatchRule, type Facts, type InferRule, type Site, type Upgrade, type UpgradeContext } from "./define.js";
import { batchFirst, batchOfFirstInput, family, onnxPage } from "./frozen-only.js";
import { tensorType } from "./rules.js";
import { windowAttributes } from "./windows.js";

const image = family({ grad: { unsupported: "sampling between positions is not differentiated" }, page: onnxPage });
const detection = family({ grad: "zero", page: onnxPage });

// ── Resize ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function scaleDim(d: Dim, factor: number): Dim {
  if (factor === 1) return d;
  if (typeof d === "number") return Math.floor(d * factor);
  return Number.isInteger(factor) ? multiply(d, factor) : expression(`floor(${d}×${factor})`);
}

/** The shape that scales or sizes ask for; an axis about which neither is known gets an unknown size. */
function resizedShape(node: Node, x: Shape, scales: Facts | undefined, sizes: Facts | undefined): Shape {
  const axes = intsAttribute(node, "axes")?.map((axis) => resolveAxis(node, axis, x.length)) ?? x.map((_, axis) => axis);
  // Keeping the aspect ratio changes the sizes that were asked for.
  const exact = stringAttribute(node, "keep_aspect_ratio_policy", "stretch") === "stretch";
  return x.map((d, axis) => {
    const at = axes.indexOf(axis);
    if (at < 0) return d;
    if (sizes?.type !== undefined) return exact ? (sizes.ints?.[at] ?? unknownDim()) : unknownDim();
    const factor = scales?.floats?.[at];
    return factor === undefined ? unknownDim() : scaleDim(d, factor);
  });
}

const inferResize: InferRule = ([x], { node, inputs }) => {
  if (x?.shape === undefined) return [x];
  const [scales, sizes] = node.opType === "Upsample" ? [inputs[1], undefined] : [inputs[2], inputs[3]];
  return [tensorType(x.dtype, resizedShape(node, x.shape, scales, sizes))];
};

/** Samples stay apart as long as the axis of the batch keeps its size. */
const batchResize: BatchRule = (axes, { inputs, outputs }) => {
  const [x] = axes;
  if (x === undefined || axes.slice(1).some((axis) => axis !== undefined)) return "its sizes depend on the samples";
  const [before, after] = [inputs[0].type?.shape?.[x.axis], outputs[0]?.type?.shape?.[x.axis]];
  if (before === undefined || after === undefined) return "the shape of its operand is not known";
  return before === after ? [x] : "bakes the batch size in, or resizes along the axis of the batch";
};

const resizeAttributes = {
  antialias: "int",
  axes: "ints",
  coordinate_transformation_mode: "string",
  cubic_coeff_a: "float",
  exclude_outside: "int",
  extrapolation_value: "float",
  keep_aspect_ratio_policy: "string",
  mode: "string",
  nearest_mode: "string",
} as const;

/** Opset 10 knew one way to place samples, which has a name since 11. */
const placeSamples: Upgrade = {
  to: 11,
  rewrite: (node) => {
    const placed: readonly (readonly [string, Attribute])[] = [
      ["coordinate_transformation_mode", attribute("asymmetric")],
      ["nearest_mode", attribute("floor")],
    ];
    return [{ ...node, inputs: [node.inputs[0], "", node.inputs[1]], attributes: new Map([...node.attributes, ...placed]) }];
  },
};

const scalesBecomeInput = (node: Node, { constant }: UpgradeContext): readonly Node[] => {
  const scales = node.attributes.get("scales");
  if (scales?.type !== "floats") return [node];
  const attributes = new Map([...node.attributes].filter(([name]) => name !== "scales"));
  return [{ ...node, inputs: [node.inputs[0], constant(tensorOf("float32", scales.value))], attributes }];
};

// ── regions and grids ───────────────────────────────────────────────────────────────────────────────────────────────

const inferGridSample: InferRule = ([x, grid]) => {
  const spatial = grid?.shape?.slice(1, -1);
  return [x && tensorType(x.dtype, x.shape && spatial && [...x.shape.slice(0, 2), ...spatial])];
};

const inferRegions =
  (sizes: (node: Node) => readonly number[]): InferRule =>
  ([x, regions], { node }) => [x && tensorType(x.dtype, [regions?.shape?.[0] ?? unknownDim(), x.shape?.[1] ?? unknownDim(), ...sizes(node)])];

const regionsOfBatch: BatchRule = () => "gathers regions of the whole batch";

/** Both the image and where to look vary with the sample: one that does not has the batch size baked in. */
const batchTogether =
  (operands: number): BatchRule =>
  (axes, site) =>
    axes.slice(0, operands).some((axis) => axis === undefined)
      ? "pairs samples with an operand that bakes the batch size in"
      : batchFirst(axes, site);

function inferCol2Im([x]: readonly (TensorType | undefined)[], { inputs, node }: Site): readonly (TensorType | undefined)[] {
  const block = inputs[2]?.ints;
  const channels = x?.shape?.[1];
  const count =
    block?.every((d) => typeof d === "number") === true && typeof channels === "number" ? channels / block.reduce((n, d) => n * d, 1) : undefined;
  const rank = inputs[1]?.type?.shape?.[0];
  const size = inputs[1]?.ints ?? (typeof rank === "number" ? Array.from({ length: rank }, unknownDim) : undefined);
  return [x && tensorType(x.dtype, size && [x.shape?.[0] ?? unknownDim(), count ?? unknownDim(), ...size])].slice(0, node.outputs.length);
}

function inferCenterCropPad([x]: readonly (TensorType | undefined)[], { node, inputs }: Site): readonly (TensorType | undefined)[] {
  const shape = x?.shape;
  const axes = intsAttribute(node, "axes")?.map((axis) => resolveAxis(node, axis, shape?.length ?? 0)) ?? shape?.map((_, axis) => axis);
  return [x && tensorType(x.dtype, shape?.map((d, axis) => (axes?.includes(axis) === true ? (inputs[1]?.ints?.[axes.indexOf(axis)] ?? unknownDim()) : d)))];
} // prettier-ignore

export const vision = [
  image("Resize", "Another size, by interpolation.", {
    attributes: resizeAttributes,
    settings: [1, 2, 3],
    infer: inferResize,
    batch: batchResize,
    upgrades: [placeSamples],
  }),
  image("Upsample", "A larger size; Resize since opset 10.", {
    attributes: { mode: "string", scales: "floats" },
    settings: [1],
    infer: inferResize,
    batch: batchResize,
    upgrades: [
      { to: 9, rewrite: scalesBecomeInput },
      { to: 10, rewrite: (node) => [{ ...node, opType: "Resize" }] },
    ],
  }),
  image("GridSample", "Elements at the positions that a grid names.", {
    attributes: { align_corners: "int", mode: "string", padding_mode: "string" },
    infer: inferGridSample,
    batch: batchTogether(2),
    upgrades: [
      {
        to: 20,
        rewrite: (node) => {
          const mode = stringAttribute(node, "mode", "bilinear");
          return [
            {
              ...node,
              attributes: new Map([...node.attributes, ["mode", attribute(mode.replace("bilinear", "linear").replace("bicubic", "cubic"))]]),
            },
          ];
        },
      },
    ],
  }),
  image("AffineGrid", "The grid that an affine map of positions makes.", {
    attributes: { align_corners: "int" },
    infer: ([theta], { inputs }) => {
      const size = inputs[1]?.ints;
      return [theta && tensorType(theta.dtype, size && [size[0], ...size.slice(2), size.length - 2])];
    },
  }),
  image("RoiAlign", "Regions of an image, each resampled to one size.", {
    attributes: {
      coordinate_transformation_mode: "string",
      mode: "string",
      output_height: "int",
      output_width: "int",
      sampling_ratio: "int",
      spatial_scale: "float",
    },
    settings: [1],
    infer: inferRegions((node) => [intAttribute(node, "output_height", 1), intAttribute(node, "output_width", 1)]),
    batch: regionsOfBatch,
    upgrades: [
      {
        to: 16,
        rewrite: (node) => [
          { ...node, attributes: new Map([...node.attributes, ["coordinate_transformation_mode", attribute("output_half_pixel")]]) },
        ],
      },
    ],
  }),
  image("MaxRoiPool", "The largest elements of regions of an image.", {
    attributes: { pooled_shape: "ints", spatial_scale: "float" },
    settings: [1],
    infer: inferRegions((node) => intsAttribute(node, "pooled_shape") ?? []),
    batch: regionsOfBatch,
  }),
  image("DeformConv", "A convolution whose taps lie where offsets put them.", {
    attributes: { ...windowAttributes, group: "int", offset_group: "int" },
    slot: slots([undefined, parameter("weight"), undefined, parameter("bias")]),
    infer: ([x, w], { node }) => [x && tensorType(x.dtype, convolvedShape(node, x.shape, w?.shape))],
    batch: (axes, site) => (axes[2] === undefined ? "pairs samples with an operand that bakes the batch size in" : batchFirst(axes, site)),
  }),
  image("Col2Im", "Blocks added up to an image.", {
    attributes: { dilations: "ints", pads: "ints", strides: "ints" },
    infer: inferCol2Im,
    batch: (axes, site) => (axes[0]?.axis === 0 ? batchOfFirstInput(axes, site) : "adds up blocks along the axis of the batch"),
  }),
  image("CenterCropPad", "Cropped or padded to a size, around the centre.", {
    attributes: { axes: "ints" },
    infer: inferCenterCropPad,
    batch: batchResize,
  }),
  detection("NonMaxSuppression", "Boxes that do not overlap a better one.", {
    attributes: { center_point_box: "int" },
    infer: () => [tensorType("int64", [unknownDim(), 3])],
    batch: () => "collects the boxes of the whole batch",
  }),
  detection("ImageDecoder", "Pixels of an encoded image.", {
    attributes: { pixel_format: "string" },
    infer: () => [tensorType("uint8", [unknownDim(), unknownDim(), unknownDim()])],
  }),
];
