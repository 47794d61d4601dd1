// Operators that stand in frozen parts only: what their records say of shapes and types against onnxruntime, their parameters, their
// batch, and their older forms.

import assert from "node:assert/strict";
import { stringAttribute, type attributes } from "../../../core/graph/attributes.js";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { DType, Node, Shape, Tensor } from "../../../core/graph/types.js";
import { collectParameters } from "../../../core/autodiff/parameters.js";
import { inferGraph } from "../../../core/ops/infer.js";
import { definitionOf } from "../../../core/ops/index.js";
import { upgradeOpset } from "../../../core/passes/upgrade-opset.js";
import { graphOf, ints, node, ramp } from "../../support/graphs.js";
import { batchOf, known, of, shapeOf } from "../../support/op-facts.js";
import { numbers, runGraph } from "../../support/run-graph.js";

type Settings = Parameters<typeof attributes>[0];
/** Operator, operands (undefined: left out), attributes, number of outputs. */
type Form = readonly [string, readonly (Tensor | undefined)[], Settings?, number?];

const filled = (dtype: DType, shape: readonly number[], value = 1): Tensor => {
  const count = shape.reduce((n, d) => n * d, 1);
  return tensorOf(dtype, Array.from({ length: count }, (_, i) => value + (i % 3)), shape); // prettier-ignore
};
const scale = tensorOf("float32", [0.5], []);
const zero = tensorOf("uint8", [0], []);
const bytes = (...shape: readonly number[]): Tensor => filled("uint8", shape);
const scalar = (value: number): Tensor => tensorOf("int64", [value], []);
const factors = (...values: readonly number[]): Tensor => tensorOf("float32", values);

/** A node of `form`, in `com.microsoft` where its name is written so; its operands are initializers. */
function graphWith([name, operands, settings = {}, outputs = 1]: Form, opset = 21) {
  const [opType, domain] = name.startsWith("ms.") ? [name.slice(3), "com.microsoft"] : [name, ""];
  const inputs = operands.map((tensor, i) => (tensor === undefined ? "" : `x${i}`));
  const made = Array.from({ length: outputs }, (_, i) => `y${i}`);
  const own: Node = { ...node(opType, inputs, made, settings), domain };
  const tensors = Object.fromEntries(operands.flatMap((tensor, i) => (tensor === undefined ? [] : [[`x${i}`, tensor]])));
  return graphOf({ inputs: [], outputs: made.map((o) => ({ name: o, type: undefined })), nodes: [own], tensors, opset });
}

/** Forms whose results have shapes that follow from the operands' shapes and constants. */
const exact: readonly Form[] = [
  ["LSTM", [ramp(3, 2, 4), ramp(1, 20, 4), ramp(1, 20, 5)], { hidden_size: 5 }, 3],
  ["LSTM", [ramp(3, 2, 4), ramp(2, 20, 4), ramp(2, 20, 5), ramp(2, 40)], { hidden_size: 5, direction: "bidirectional" }, 3],
  ["GRU", [ramp(3, 2, 4), ramp(1, 15, 4), ramp(1, 15, 5)], { hidden_size: 5 }, 2],
  ["RNN", [ramp(3, 2, 4), ramp(1, 5, 4), ramp(1, 5, 5)], { hidden_size: 5 }, 2],
  ["Resize", [ramp(1, 2, 4, 5), undefined, factors(1, 1, 2, 1.5)], { mode: "nearest" }],
  ["Resize", [ramp(1, 2, 4, 5), undefined, undefined, ints(1, 2, 7, 3)], { mode: "linear" }],
  ["Resize", [ramp(1, 2, 4, 5), undefined, undefined, ints(7, 3)], { mode: "linear", axes: [2, 3] }],
  ["GridSample", [ramp(2, 3, 4, 5), ramp(2, 6, 7, 2)]],
  ["AffineGrid", [ramp(2, 2, 3), ints(2, 3, 4, 5)]],
  ["RoiAlign", [ramp(1, 3, 8, 8), ramp(2, 4), ints(0, 0)], { output_height: 2, output_width: 3 }],
  ["MaxRoiPool", [ramp(1, 3, 8, 8), tensorOf("float32", [0, 0, 0, 4, 4, 0, 1, 1, 5, 5], [2, 5])], { pooled_shape: [2, 3] }],
  ["Col2Im", [ramp(1, 8, 4), ints(4, 4), ints(2, 2)], { strides: [2, 2] }],
  ["CenterCropPad", [ramp(3, 6), ints(4, 4)]],
  ["CenterCropPad", [ramp(3, 6), ints(4)], { axes: [1] }],
  ["TopK", [ramp(3, 5), ints(2)], {}, 2],
  ["TopK", [ramp(3, 5), ints(2)], { axis: 0 }, 2],
  ["Hardmax", [ramp(3, 5)]],
  ["EyeLike", [ramp(3, 5)], { dtype: 7 }],
  ["ReverseSequence", [ramp(3, 2), ints(2, 1)]],
  ["Det", [ramp(2, 3, 3)]],
  ["LRN", [ramp(1, 3, 4, 4)], { size: 3 }],
  ["MeanVarianceNormalization", [ramp(2, 3, 4, 4)]],
  ["MaxUnpool", [ramp(1, 1, 2, 2), tensorOf("int64", [0, 2, 8, 10], [1, 1, 2, 2])], { kernel_shape: [2, 2], strides: [2, 2] }],
  ["QuantizeLinear", [ramp(2, 3), scale, zero]],
  ["DequantizeLinear", [bytes(2, 3), scale, zero]],
  ["DynamicQuantizeLinear", [ramp(2, 3)], {}, 3],
  ["QLinearConv", [bytes(1, 2, 5, 5), scale, zero, bytes(3, 2, 3, 3), scale, zero, scale, zero], { pads: [1, 1, 1, 1] }],
  ["QLinearMatMul", [bytes(2, 3), scale, zero, bytes(3, 4), scale, zero, scale, zero]],
  ["ConvInteger", [bytes(1, 2, 5, 5), bytes(3, 2, 3, 3)]],
  ["MatMulInteger", [bytes(2, 3), bytes(3, 4)]],
  ["Attention", [ramp(2, 3, 8), ramp(2, 5, 8), ramp(2, 5, 8)], { q_num_heads: 2, kv_num_heads: 2 }],
  ["Attention", [ramp(2, 2, 3, 4), ramp(2, 2, 5, 4), ramp(2, 2, 5, 6)]],
  ["RotaryEmbedding", [ramp(1, 2, 3, 4), ramp(5, 2), ramp(5, 2), tensorOf("int64", [0, 1, 2], [1, 3])]],
  ["DFT", [ramp(1, 8, 1)], { onesided: 1 }],
  ["DFT", [ramp(1, 8, 2), undefined, scalar(1)]],
  ["STFT", [ramp(1, 16, 1), scalar(4), undefined, scalar(8)]],
  ["HannWindow", [scalar(5)]],
  ["HammingWindow", [scalar(5)], { output_datatype: 11 }],
  ["BlackmanWindow", [scalar(5)]],
  ["MelWeightMatrix", [scalar(8), scalar(16), scalar(8000), tensorOf("float32", [0], []), tensorOf("float32", [4000], [])]],
  ["NegativeLogLikelihoodLoss", [ramp(2, 3), ints(0, 2)]],
  ["SoftmaxCrossEntropyLoss", [ramp(2, 3), ints(0, 2)], { reduction: "none" }, 2],
  ["TfIdfVectorizer", [ints(1, 2, 3)], tfIdf()],
  ["ms.FusedMatMul", [ramp(2, 3, 4), ramp(2, 5, 4)], { transB: 1 }],
  ["ms.FusedMatMul", [ramp(4, 3), ramp(4, 5)], { transA: 1 }],
  ["ms.FusedGemm", [ramp(4, 3), ramp(4, 5), ramp(5)], { transA: 1, activation: "Relu" }],
  ["ms.FusedConv", [ramp(1, 2, 5, 5), ramp(3, 2, 3, 3)], { activation: "Relu" }],
  ["ms.MatMulNBits", [ramp(2, 3, 32), bytes(8, 1, 16), filled("float32", [8])], { K: 32, N: 8, bits: 4, block_size: 32 }],
  ["ms.DynamicQuantizeMatMul", [ramp(2, 3), bytes(3, 4), scale]],
  ["ms.MatMulIntegerToFloat", [bytes(2, 3), bytes(3, 4), scale, scale]],
  ["ms.Gelu", [ramp(2, 3)]],
  ["ms.QuickGelu", [ramp(2, 3)]],
  ["ms.FastGelu", [ramp(2, 3), ramp(3)]],
  ["ms.BiasGelu", [ramp(2, 3), ramp(3)]],
  ["ms.QLinearAdd", [bytes(2, 3), scale, zero, bytes(3), scale, zero, scale, zero]],
  ["ms.QLinearSigmoid", [bytes(2, 3), scale, zero, scale, zero]],
  ["ms.QLinearGlobalAveragePool", [bytes(1, 3, 4, 4), scale, zero, scale, zero]],
  ["ms.QLinearConcat", [scale, zero, bytes(2, 3), scale, zero, bytes(2, 4), scale, zero], { axis: 1 }],
  ["ms.SkipLayerNormalization", [ramp(1, 2, 4), ramp(1, 2, 4), ramp(4), ramp(4)]],
  ["ms.SkipSimplifiedLayerNormalization", [ramp(1, 2, 4), ramp(1, 2, 4), ramp(4)]],
  ["SimplifiedLayerNormalization", [ramp(1, 2, 4), ramp(4)]],
  ["ms.Attention", [ramp(1, 3, 4), ramp(4, 12), ramp(12)], { num_heads: 2 }],
  ["ms.MultiHeadAttention", [ramp(1, 3, 8), ramp(1, 5, 8), ramp(1, 5, 8)], { num_heads: 2 }],
  ["ms.EmbedLayerNormalization", embedding(), {}, 2],
];

function tfIdf(): Settings {
  return {
    mode: "TF", min_gram_length: 1, max_gram_length: 1, max_skip_count: 0, ngram_counts: [0], ngram_indexes: [0, 1, 4], pool_int64s: [1, 2, 3],
  }; // prettier-ignore
}

function embedding(): readonly (Tensor | undefined)[] {
  const ids = tensorOf("int32", [0, 1, 2], [1, 3]);
  return [ids, undefined, ramp(5, 4), ramp(4, 4), undefined, ramp(4), ramp(4)];
}

/** Forms whose results have sizes that only the values tell. */
const open: readonly (readonly [Form, Shape])[] = [
  [
    ["Compress", [ramp(3, 4), tensorOf("bool", [1, 0, 1])], { axis: 0 }],
    ["?", 4],
  ],
  [["Compress", [ramp(3, 4), tensorOf("bool", [1, 0, 1])]], ["?"]],
  [["Unique", [ramp(5)], {}, 1], ["?"]],
  [
    ["NonMaxSuppression", [filled("float32", [1, 3, 4], 0), ramp(1, 1, 3), scalar(2)]],
    ["?", 3],
  ],
];

describe("records of operators for frozen parts", () => {
  for (const form of exact) {
    it(`know the types and shapes of ${form[0]} (form ${exact.indexOf(form)})`, async () => {
      const graph = graphWith(form, ["Attention", "RotaryEmbedding"].includes(form[0]) ? 23 : 21);
      const facts = inferGraph(graph, { trustDeclared: false });
      const results = await runGraph(graph);
      for (const { name } of graph.outputs)
        assert.deepEqual([facts.get(name)?.type?.dtype, facts.get(name)?.type?.shape], [results[name].dtype, results[name].shape], name);
    });
  }

  for (const [form, want] of open) {
    it(`know the rank of ${form[0]} (${form[1].length} operands, ${Object.keys(form[2] ?? {}).join(" ")})`, async () => {
      const graph = graphWith(form);
      const type = inferGraph(graph).get("y0")?.type;
      const { y0 } = await runGraph(graph);
      assert.equal(type?.dtype, y0.dtype);
      assert.deepEqual(type?.shape?.map((d) => (typeof d === "string" ? "?" : d)), want); // prettier-ignore
      assert.equal(y0.shape.length, want.length);
    });
  }

  it("scale symbolic sizes in Resize", () => {
    const scales = { type: of([4]).type, floats: [1, 1, 2, 0.5] };
    assert.deepEqual(shapeOf("Resize", [of(["N", 3, "H", "W"]), { type: undefined }, scales]), ["N", 3, "2*H", "(floor(W×0.5))"]);
  });
});

describe("parameters in frozen parts", () => {
  const pathsOf = (form: Form): readonly string[] => collectParameters(graphWith(form)).map(({ path }) => path);

  it("are the weights of recurrent layers", () => {
    assert.deepEqual(pathsOf(["LSTM", [ramp(3, 2, 4), ramp(1, 20, 4), ramp(1, 20, 5), ramp(1, 40)], { hidden_size: 5 }]), [
      "LSTM_0/weight",
      "LSTM_0/recurrence",
      "LSTM_0/bias",
    ]);
  });

  it("include quantised weights, but no scales or zero points", () => {
    assert.deepEqual(pathsOf(["DequantizeLinear", [bytes(2, 3), factors(1, 2), bytes(2)]]), ["DequantizeLinear_0/weight"]);
    assert.deepEqual(pathsOf(["ms.MatMulNBits", [ramp(2, 32), bytes(8, 1, 16), factors(1, 2)], { K: 32, N: 8 }]), ["MatMulNBits_0/weight"]);
  });
});

describe("the batch in frozen parts", () => {
  it("keeps its axis where an operator leaves it alone", () => {
    assert.deepEqual(batchOf("LSTM", [of([5, "N", 4]), of([1, 20, 4]), of([1, 20, 5])], [1, undefined, undefined]), [2, 1]);
    assert.deepEqual(batchOf("Resize", [of(["N", 3, 4, 4]), { type: undefined }, { type: undefined }, known("N", 3, 8, 8)], [0]), [0, 1]);
    assert.deepEqual(batchOf("TopK", [of(["N", 5]), known(2)], [0]), [0, 1]);
    assert.deepEqual(batchOf("DequantizeLinear", [of(["N", 5], "uint8"), of([])], [0]), [0, 1]);
    assert.deepEqual(batchOf("MatMulInteger", [of(["N", 5], "uint8"), of([5, 6], "uint8")], [0, undefined]), [0, 1]);
  });

  it("is mixed or baked in otherwise, with the reason", () => {
    assert.match(String(batchOf("LSTM", [of(["N", 1, 4]), of([1, 20, 4]), of([1, 20, 5])], [0, undefined, undefined])), /steps along/);
    assert.match(
      String(batchOf("Resize", [of(["N", 3, 4, 4]), { type: undefined }, { type: undefined }, known(1, 3, 8, 8)], [0])),
      /bakes the batch size in/,
    );
    assert.match(String(batchOf("TopK", [of(["N"]), known(2)], [0])), /sorts along/);
    assert.match(String(batchOf("DynamicQuantizeLinear", [of(["N", 5])], [0])), /whole batch/);
    assert.match(String(batchOf("NonMaxSuppression", [of(["N", 5, 4]), of(["N", 2, 5])], [0, 0])), /whole batch/);
  });

  it("cannot be told in control flow", () => {
    assert.equal(definitionOf({ opType: "If", domain: "" })?.batch, undefined);
  });
});

describe("older forms of operators for frozen parts", () => {
  const older: readonly (readonly [Form, number])[] = [
    [["Upsample", [ramp(1, 1, 2, 3)], { mode: "nearest", scales: { type: "floats", value: [1, 1, 2, 3] } }], 8],
    [["Upsample", [ramp(1, 1, 2, 3), factors(1, 1, 2, 2)], { mode: "linear" }], 9],
    [["Resize", [ramp(1, 1, 4, 3), factors(1, 1, 0.5, 2)], { mode: "nearest" }], 10],
    [["Resize", [ramp(1, 1, 4, 3), factors(1, 1, 2, 2)], { mode: "linear" }], 10],
    [["GridSample", [ramp(1, 1, 3, 3), ramp(1, 2, 2, 2)], { mode: "bilinear" }], 16],
    [["GridSample", [ramp(1, 1, 4, 4), ramp(1, 2, 2, 2)], { mode: "bicubic" }], 16],
    [["Scatter", [ramp(3, 2), tensorOf("int64", [0, 1], [1, 2]), ramp(1, 2)]], 9],
    [["Hardmax", [ramp(2, 3, 2)]], 11],
    [["DFT", [ramp(1, 4, 3, 2)], { axis: 1 }], 17],
    [["DFT", [ramp(1, 4, 3, 2)], { axis: 2, inverse: 1 }], 17],
    [["TopK", [ramp(2, 4)], { k: 2 }, 2], 9],
  ];

  for (const [form, opset] of older) {
    it(`compute the same after the upgrade: ${form[0]} of opset ${opset} (${older.findIndex(([f]) => f === form)})`, async () => {
      const graph = graphWith(form, opset);
      const [before, after] = [await runGraph(graph), await runGraph(upgradeOpset(graph))];
      for (const { name } of graph.outputs) assert.deepEqual([after[name].shape, numbers(after[name])], [before[name].shape, numbers(before[name])]);
    });
  }
});

it("RoiAlign of opset 10 keeps placing samples without half a pixel", () => {
  const [upgraded] = upgradeOpset(graphWith(["RoiAlign", [ramp(1, 2, 6, 6), ramp(1, 4), ints(0)]], 10)).nodes;
  assert.equal(stringAttribute(upgraded, "coordinate_transformation_mode"), "output_half_pixel");
});

describe("why an operator cannot be trained", () => {
  for (const opType of ["GridSample", "LSTM", "If", "SequenceAt", "QuantizeLinear", "Attention", "DFT", "LpPool"]) {
    it(`is said of ${opType}`, () => {
      const stance = definitionOf({ opType, domain: "" })?.grad;
      assert.ok(typeof stance === "object" && stance.unsupported.length > 10);
    });
  }
});
