// Fourier transforms, windows, and operators on strings: what stands at the very front of audio and text models, before anything trains.

import { dtypeOfOnnx } from "../graph/dtype-codes.js";
import { intAttribute, intsAttribute } from "../graph/attributes.js";
import { unknownDim } from "../graph/dims.js";
import { tensorOf } from "../graph/tensor.js";
import type { Dim, TensorType } from "../graph/types.js";
import { batchOutside, resolveAxis } from "./axes.js";
import type { InferRule, Site } from "./define.js";
import { batchFirst, batchOfFirstInput, family, onnxPage } from "./frozen-only.js";
import { batchElementwise, inferBroadcast, tensorType } from "./rules.js";

const signal = family({ grad: { unsupported: "Fourier transforms are not differentiated" }, page: onnxPage });
const constant = family({ grad: "zero", page: onnxPage });

// ── signals ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Bins of a transform over `length` samples, of which real ones need half. */
function bins(length: Dim | undefined, onesided: boolean): Dim {
  if (!onesided) return length ?? unknownDim();
  return typeof length === "number" ? Math.floor(length / 2) + 1 : unknownDim();
}

function transformedAxis({ node, inputs, numbers }: Site): number | undefined {
  const rank = inputs[0].type?.shape?.length;
  const given = node.inputs[2] === undefined || node.inputs[2] === "" ? -2 : numbers(2)?.[0];
  return rank === undefined || given === undefined ? undefined : resolveAxis(node, given, rank);
}

const inferDft: InferRule = ([x], site) => {
  const axis = transformedAxis(site);
  if (x?.shape === undefined || axis === undefined) return [x && tensorType(x.dtype, x.shape?.map(unknownDim))];
  const { node, inputs } = site;
  const [onesided, inverse] = [intAttribute(node, "onesided", 0) === 1, intAttribute(node, "inverse", 0) === 1];
  const length = inputs[1]?.type === undefined ? x.shape[axis] : (inputs[1].ints?.[0] ?? unknownDim());
  const parts = onesided && inverse ? 1 : 2;
  return [tensorType(x.dtype, x.shape.map((d, i) => (i === axis ? bins(length, onesided && !inverse) : i === (x.shape?.length ?? 0) - 1 ? parts : d)))];
}; // prettier-ignore

/** signal `[batch, samples, 1 or 2]` → `[batch, frames, bins, 2]` */
const inferStft: InferRule = ([x, , window], { node, numbers }) => {
  const length = numbers(3)?.[0] ?? window?.shape?.[0];
  const step = numbers(1)?.[0];
  const samples = x?.shape?.[1];
  const known = typeof samples === "number" && typeof length === "number" && step !== undefined;
  const frames = known ? Math.floor((samples - length) / step) + 1 : unknownDim();
  return [x && tensorType(x.dtype, [x.shape?.[0] ?? unknownDim(), frames, bins(length, intAttribute(node, "onesided", 1) === 1), 2])];
};

const inferWindow: InferRule = (_, { node, inputs }) => [
  tensorType(dtypeOfOnnx(intAttribute(node, "output_datatype", 1)) ?? "float32", [inputs[0].ints?.[0] ?? unknownDim()]),
];
const windowAttributes = { output_datatype: "int", periodic: "int" } as const;

export const signals = [
  signal("DFT", "The discrete Fourier transform along an axis.", {
    since: 20,
    attributes: { axis: "int", inverse: "int", onesided: "int" },
    infer: inferDft,
    batch: batchOutside((site) => {
      const axis = transformedAxis(site);
      return axis === undefined ? "the axis that it transforms is not known" : [axis];
    }, "transforms"),
    upgrades: [
      {
        to: 20,
        rewrite: (node, { constant: add }) => {
          const attributes = new Map([...node.attributes].filter(([name]) => name !== "axis"));
          const axis = add(tensorOf("int64", [intAttribute(node, "axis", 1)], []));
          return [{ ...node, inputs: [node.inputs[0], node.inputs[1] ?? "", axis], attributes }];
        },
      },
    ],
  }),
  signal("STFT", "The Fourier transforms of overlapping frames.", {
    attributes: { onesided: "int" },
    settings: [2],
    infer: inferStft,
    batch: (axes, site) => (axes[0]?.axis === 0 ? batchOfFirstInput(axes, site) : "cuts frames along the axis of the batch"),
  }),
  constant("HannWindow", "Hann's window.", { attributes: windowAttributes, infer: inferWindow }),
  constant("HammingWindow", "Hamming's window.", { attributes: windowAttributes, infer: inferWindow }),
  constant("BlackmanWindow", "Blackman's window.", { attributes: windowAttributes, infer: inferWindow }),
  constant("MelWeightMatrix", "Weights from frequencies to mel bands.", {
    attributes: { output_datatype: "int" },
    infer: (_, { node, numbers }) => {
      const dtype = dtypeOfOnnx(intAttribute(node, "output_datatype", 1)) ?? "float32";
      return [tensorType(dtype, [bins(numbers(1)?.[0], true), numbers(0)?.[0] ?? unknownDim()])];
    },
  }),
];

// ── text ────────────────────────────────────────────────────────────────────────────────────────────────────────────

const sameShape =
  (dtype: TensorType["dtype"]): InferRule =>
  ([x]) => [x && tensorType(dtype, x.shape)];

export const texts = [
  constant("StringNormalizer", "Changes case and drops stop words.", {
    attributes: { case_change_action: "string", is_case_sensitive: "int", locale: "string", stopwords: "strings" },
    infer: ([x]) => [tensorType("string", x?.shape?.map(unknownDim))],
    batch: () => "drops words from the whole batch",
  }),
  constant("StringConcat", "Strings joined pair by pair.", { infer: inferBroadcast("string"), batch: batchElementwise }),
  constant("StringSplit", "Strings cut at a delimiter.", {
    attributes: { delimiter: "string", maxsplit: "int" },
    infer: ([x]) => [tensorType("string", x?.shape && [...x.shape, unknownDim()]), tensorType("int64", x?.shape)],
    batch: batchFirst,
  }),
  constant("RegexFullMatch", "Whether strings match a pattern.", {
    attributes: { pattern: "string" },
    infer: sameShape("bool"),
    batch: batchElementwise,
  }),
  constant("TfIdfVectorizer", "Counts of n-grams.", {
    attributes: {
      max_gram_length: "int",
      max_skip_count: "int",
      min_gram_length: "int",
      mode: "string",
      ngram_counts: "ints",
      ngram_indexes: "ints",
      pool_int64s: "ints",
      pool_strings: "strings",
      weights: "floats",
    },
    infer: ([x], { node }) => [
      tensorType("float32", x?.shape && [...x.shape.slice(0, -1), 1 + Math.max(-1, ...(intsAttribute(node, "ngram_indexes") ?? []))]),
    ],
    batch: (axes, { inputs }) => (axes[0]?.axis === 0 && inputs[0].type?.shape?.length === 2 ? [axes[0]] : "counts along the axis of the batch"),
  }),
];
