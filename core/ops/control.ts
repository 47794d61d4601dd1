// Control flow, sequences and optional values. What their subgraphs and elements are is known only where the file declares it.

import { tensorType } from "./rules.js";
import { family, inferNothing, onnxPage } from "./frozen-only.js";
import type { OpDefinition } from "./define.js";

const flow = family({ grad: { unsupported: "gradients do not pass through control flow" }, page: onnxPage });
const sequence = family({ grad: { unsupported: "gradients do not pass through sequences" }, page: onnxPage });
const fact = family({ grad: "zero", page: onnxPage });

/** Sequences and their elements have types of their own, or none that can be followed. */
const opaque = (type: string, docs: string, rest: Partial<OpDefinition> = {}): OpDefinition => sequence(type, docs, { infer: inferNothing, ...rest });

export const control = [
  flow("If", "One of two subgraphs.", { infer: inferNothing, attributes: { then_branch: "graph", else_branch: "graph" } }),
  flow("Loop", "A subgraph, again and again.", { infer: inferNothing, attributes: { body: "graph" } }),
  flow("Scan", "A subgraph over the slices of tensors.", {
    infer: inferNothing,
    attributes: {
      body: "graph",
      num_scan_inputs: "int",
      scan_input_axes: "ints",
      scan_input_directions: "ints",
      scan_output_axes: "ints",
      scan_output_directions: "ints",
      directions: "ints",
    },
  }),
  opaque("SequenceEmpty", "A sequence without elements.", { attributes: { dtype: "int" } }),
  opaque("SequenceConstruct", "A sequence of tensors."),
  opaque("SequenceInsert", "A sequence with one more element."),
  opaque("SequenceErase", "A sequence with one element less."),
  opaque("SequenceAt", "An element of a sequence."),
  opaque("SequenceMap", "A subgraph over the elements of a sequence.", { attributes: { body: "graph" } }),
  opaque("SplitToSequence", "The parts of a tensor as a sequence.", { attributes: { axis: "int", keepdims: "int" } }),
  opaque("ConcatFromSequence", "The elements of a sequence, joined.", { attributes: { axis: "int", new_axis: "int" } }),
  opaque("Optional", "A value that may be missing.", { attributes: { type: "type" } }),
  opaque("OptionalGetElement", "The value of an optional one."),
  fact("SequenceLength", "The number of elements.", { infer: () => [tensorType("int64", [])] }),
  fact("OptionalHasElement", "Whether a value is there.", { infer: () => [tensorType("bool", [])] }),
];
