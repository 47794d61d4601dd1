// Operators on images that have no gradient here: sampling at given positions, regions and boxes. Other sizes live in `resize.ts`.

import { attribute, intAttribute, intsAttribute, stringAttribute } from "../graph/attributes.js";
import { unknownDim } from "../graph/dims.js";
import type { Node, TensorType } from "../graph/types.js";
import { resolveAxis } from "./axes.js";
import { convolvedShape } from "./conv.js";
import { parameter, slots, type BatchRule, type InferRule, type Site } from "./define.js";
import { batchFirst, batchOfFirstInput, family, onnxPage } from "./frozen-only.js";
import { batchResize } from "./resize.js";
import { tensorType } from "./rules.js";
import { windowAttributes } from "./windows.js";

const image = family({ grad: { unsupported: "sampling between positions is not differentiated" }, page: onnxPage });
const detection = family({ grad: "zero", page: onnxPage });

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
