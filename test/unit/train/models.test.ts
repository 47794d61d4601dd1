// Models of many forms in training: normalisation, dropout, several inputs and outputs, activations at the end, batches and sizes.

import assert from "node:assert/strict";
import * as ort from "onnxruntime-node";
import { float } from "../../../core/graph/attributes.js";
import { numbersOf, tensorOf } from "../../../core/graph/tensor.js";
import type { Attribute, Graph, Tensor } from "../../../core/graph/types.js";
import { readModel } from "../../../core/onnx/file.js";
import { inspectFile } from "../../../core/train/inspect.js";
import { prepareJob } from "../../../core/train/job.js";
import { buildPhaseGraph } from "../../../core/train/phase-graph.js";
import { parseRecipe, resolveRecipe } from "../../../core/train/recipe.js";
import { buildTraining } from "../../../core/train/step-program.js";
import { failure } from "../../support/failure.js";
import { graphOf, info, node } from "../../support/graphs.js";
import { blobs, classifier, noise, recipeOf, weightBytes, Workspace, type Finished } from "../../support/training.js";

const lossesOf = ({ events }: Finished): readonly number[] => events.flatMap((e) => (e.event === "step" ? [e.loss] : []));
const near = (got: ArrayLike<number>, want: ArrayLike<number>, tolerance = 1e-5): void => {
  assert.equal(got.length, want.length);
  for (let i = 0; i < want.length; i++)
    assert.ok(Math.abs(got[i] - want[i]) <= tolerance * Math.max(1, Math.abs(want[i])), `${got[i]} for ${want[i]} at ${i}`);
};

describe("models in training", () => {
  let space: Workspace;

  beforeEach(async () => {
    space = await Workspace.create();
    await space.writeTable(blobs(40, 4, 3));
  });
  afterEach(() => space.remove());

  const valuesOf = async (name: string, file = "out.onnx"): Promise<Float64Array> => numbersOf((await space.tensors(file)).get(name) as Tensor);

  describe("batch normalisation", () => {
    const momentum = 0.8;

    /** x [N, 4] → fc (3) → BatchNormalization → logits. */
    function normalised(): Graph {
      return graphOf({
        opset: 15,
        inputs: [info("x", ["N", 4])],
        outputs: [info("logits", ["N", 3])],
        nodes: [
          node("Gemm", ["x", "fc.weight"], ["h"], { transB: 1 }, "/fc/Gemm"),
          node(
            "BatchNormalization",
            ["h", "bn.scale", "bn.bias", "bn.mean", "bn.var"],
            ["logits"],
            { momentum: float(momentum) },
            "/bn/BatchNormalization",
          ),
        ],
        tensors: {
          "fc.weight": noise([3, 4], 1),
          "bn.scale": tensorOf("float32", [1, 0.5, 2]),
          "bn.bias": noise([3], 2),
          "bn.mean": tensorOf("float32", [0.1, -0.2, 0.3]),
          "bn.var": tensorOf("float32", [1, 2, 0.5]),
        },
      });
    }

    beforeEach(() => space.writeGraph(normalised()));

    it("leaves stored statistics alone unless asked, also where its scale trains", async () => {
      const { record } = await space.train({ epochs: 2 });
      near(await valuesOf("bn.mean"), [0.1, -0.2, 0.3], 1e-7);
      near(await valuesOf("bn.var"), [1, 2, 0.5], 1e-7);
      assert.notDeepEqual(await valuesOf("bn.scale"), await valuesOf("bn.scale", "model.onnx"));
      assert.deepEqual(Object.keys(record.proof.spans[0].before), ["bn.mean", "bn.var"]);
      assert.deepEqual(record.plan[0].marks.map((m) => m.mark), ["trainable", "trainable", "trainable", "buffer", "buffer"]); // prettier-ignore
    });

    it("moves running statistics by ONNX's momentum and the population variance", async () => {
      const rows = blobs(40, 4, 3);
      const weight = await valuesOf("fc.weight", "model.onnx");
      // A rate of 0 keeps the weights, so that the statistics can be followed by hand.
      const { record, result } = await space.train({ batchNorm: "update", optimizer: { type: "sgd", learningRate: 0 }, shuffle: false, batchSize: 16, epochs: 1, data: { split: { test: 0 } } }); // prettier-ignore
      const mean = [0.1, -0.2, 0.3];
      const variance = [1, 2, 0.5];
      for (const batch of [rows.slice(0, 16), rows.slice(16, 32), rows.slice(32)]) {
        for (const c of [0, 1, 2]) {
          const h = batch.map(([, ...x]) => x.reduce((sum, v, i) => sum + v * weight[c * 4 + i], 0));
          const m = h.reduce((a, v) => a + v, 0) / h.length;
          const v = h.reduce((a, value) => a + (value - m) ** 2, 0) / h.length;
          mean[c] = mean[c] * momentum + m * (1 - momentum);
          variance[c] = variance[c] * momentum + v * (1 - momentum);
        }
      }
      near(await valuesOf("bn.mean"), mean);
      near(await valuesOf("bn.var"), variance);
      assert.deepEqual(record.proof.spans[0].before, {});
      assert.deepEqual(result.proof, { frozen: 0, unchanged: 0, changed: [] });
    });

    it("normalises by the batch in training and by running statistics in validation", async () => {
      const rows = blobs(40, 4, 3);
      const recipe = { batchNorm: "update", optimizer: { type: "sgd", learningRate: 0 }, shuffle: false, batchSize: 40, epochs: 1 };
      const [loss] = lossesOf(await space.train(recipe));
      const tensors = await space.tensors("model.onnx");
      const [w, scale, bias] = ["fc.weight", "bn.scale", "bn.bias"].map((n) => numbersOf(tensors.get(n) as Tensor));
      const h = rows.map(([, ...x]) => [0, 1, 2].map((c) => x.reduce((sum, v, i) => sum + v * w[c * 4 + i], 0)));
      const mean = [0, 1, 2].map((c) => h.reduce((a, r) => a + r[c], 0) / h.length);
      const variance = [0, 1, 2].map((c) => h.reduce((a, r) => a + (r[c] - mean[c]) ** 2, 0) / h.length);
      const crossEntropy = h.map((r, i) => {
        const logits = r.map((v, c) => ((v - mean[c]) / Math.sqrt(variance[c] + 1e-5)) * scale[c] + bias[c]);
        return Math.log(logits.reduce((a, l) => a + Math.exp(l), 0)) - logits[rows[i][0]];
      });
      near([loss], [crossEntropy.reduce((a, l) => a + l, 0) / h.length]);
    });

    it("keeps the statistics of a frozen layer, and ends the prefix before one that updates", async () => {
      const { record } = await space.train({ batchNorm: "update", freeze: ["bn/*"] });
      near(await valuesOf("bn.mean"), [0.1, -0.2, 0.3], 1e-7);
      assert.equal(record.prefix.executions, 0);
      const { record: updating, events } = await space.train({ batchNorm: "update", freeze: ["fc/*"] });
      assert.ok(updating.prefix.executions > 0);
      assert.equal(events.find((e) => e.event === "plan")?.prefix, "h");
      assert.notDeepEqual(await valuesOf("bn.mean"), await valuesOf("bn.mean", "model.onnx"));
    });

    it("goes on with the running statistics of the best epoch in the next phase, which fixes them", async () => {
      const phases = [
        { epochs: 2, batchNorm: "update" },
        { epochs: 1, freeze: ["bn/*"] },
      ];
      const { record } = await space.train({ phases });
      const mean = await valuesOf("bn.mean");
      await space.train({ phases: phases.slice(0, 1) });
      assert.deepEqual(await valuesOf("bn.mean"), mean);
      assert.deepEqual(Object.keys(record.proof.spans[1].before), ["bn.scale", "bn.bias", "bn.mean", "bn.var"]);
    });
  });

  describe("dropout", () => {
    const dropping = (opset: number): Graph => {
      const graph = classifier({ opset });
      const inputs = opset < 12 ? ["a1"] : ["a1", "ratio"];
      const drop = node("Dropout", inputs, ["d1"], opset < 12 ? { ratio: float(0.5) } : {}, "/drop/Dropout");
      const nodes = [...graph.nodes.slice(0, 2), drop, { ...graph.nodes[2], inputs: ["d1", "fc2.weight", "fc2.bias"] }, ...graph.nodes.slice(3)];
      return {
        ...graph,
        nodes,
        initializers: new Map([...graph.initializers, ...(opset < 12 ? [] : [["ratio", tensorOf("float32", [0.5], [])] as const])]),
      };
    };

    for (const opset of [11, 17]) {
      it(`leaves the model's own inactive unless asked, and keeps the node (opset ${opset})`, async () => {
        await space.writeGraph(classifier({ opset }));
        const plain = lossesOf(await space.train());
        await space.writeGraph(dropping(opset));
        const inactive = await space.train();
        assert.deepEqual(lossesOf(inactive), plain);
        const active = await space.train({ dropout: "active" });
        assert.notDeepEqual(lossesOf(active), plain);
        assert.deepEqual(lossesOf(await space.train({ dropout: "active" })), lossesOf(active), "masks follow from the seed");
        assert.notDeepEqual(
          lossesOf(await space.train({ dropout: "active", seed: 1, shuffle: false })),
          lossesOf(await space.train({ dropout: "active", shuffle: false })),
        );
        const [before, after] = [await readModel(space.path("model.onnx")), await readModel(space.path("out.onnx"))];
        assert.deepEqual(after.graph.nodes, before.graph.nodes);
      });
    }

    it("ends the prefix where it is active", async () => {
      await space.writeGraph(dropping(17));
      const cut = async (dropout: string) => (await space.train({ dropout, freeze: ["*", "!fc3.*"] })).events.find((e) => e.event === "plan")?.prefix;
      assert.deepEqual([await cut("inactive"), await cut("active")], ["a2", "a1"]);
    });
  });

  describe("inputs and outputs", () => {
    /** Two heads on one trunk, and an input that only the second reads. */
    function forked(): Graph {
      const graph = classifier();
      return {
        ...graph,
        inputs: [...graph.inputs, info("z", ["N", 2])],
        nodes: [
          ...graph.nodes,
          node("Gemm", ["a1", "aux.weight"], ["aux"], { transB: 1 }, "/aux/Gemm"),
          node("Concat", ["aux", "z"], ["joined"], { axis: 1 }, "/Concat"),
        ],
        outputs: [...graph.outputs, info("joined", ["N", 4])],
        initializers: new Map([...graph.initializers, ["aux.weight", noise([2, 8], 5)]]),
      };
    }

    beforeEach(() => space.writeGraph(forked()));

    it("asks which output and which input are meant", async () => {
      const output = await failure("recipe/loss-output", () => space.train());
      assert.match(output.message, /2 outputs \("logits", "joined"\)/);
      await failure("recipe/loss-output", () => space.train({ loss: { type: "crossEntropy", output: "logit" } }));
      await failure("recipe/input", () => space.train({ loss: { type: "crossEntropy", output: "logits" } }));
      const also = await failure("recipe/input", () => space.train({ loss: { type: "crossEntropy", output: "joined" }, data: { input: "x" } }));
      assert.match(also.message, /also needs "z"/);
    });

    it("trains for one output, and proves and exports what the others need", async () => {
      const { record } = await space.train({ loss: { type: "crossEntropy", output: "logits" }, data: { input: "x" }, freeze: ["fc1.*"] });
      const marks = Object.fromEntries(record.plan[0].marks.map((m) => [m.name, m.reason === undefined ? m.mark : `${m.mark} ${m.reason}`]));
      assert.equal(marks["aux.weight"], "blocked unused");
      assert.deepEqual(Object.keys(record.proof.spans[0].before), ["fc1.weight", "fc1.bias", "aux.weight"]);
      const { graph } = await readModel(space.path("out.onnx"));
      assert.deepEqual(graph.outputs.map((o) => o.name), ["logits", "joined"]); // prettier-ignore
      const asked = await space.train({ loss: { type: "crossEntropy", output: "logits" }, data: { input: "x" }, freeze: ["*", "!fc3.*", "!aux.*"] });
      assert.match(asked.events.find((e) => e.event === "warning")?.message ?? "", /"aux\.weight" is asked to train.*unused/);
    });
  });

  describe("losses", () => {
    it("takes logits from before a final Softmax, which the export keeps", async () => {
      await space.writeGraph(classifier());
      const logits = await space.train({ data: { split: { test: 0.3 } } });
      const weights = weightBytes(await space.tensors());
      for (const opType of ["Softmax", "LogSoftmax"]) {
        const graph = classifier({ softmax: true });
        await space.writeGraph({ ...graph, nodes: graph.nodes.map((n) => (n.opType === "Softmax" ? { ...n, opType } : n)) });
        const probabilities = await space.train({ data: { split: { test: 0.3 } } });
        assert.deepEqual(lossesOf(probabilities), lossesOf(logits));
        assert.deepEqual(probabilities.result.metrics, logits.result.metrics);
        assert.deepEqual(weightBytes(await space.tensors()), weights);
        assert.equal((await readModel(space.path("out.onnx"))).graph.nodes.at(-1)?.opType, opType);
      }
    });

    it("refuses cross-entropy of sigmoids, and more classes than outputs", async () => {
      const graph = classifier({ softmax: true });
      await space.writeGraph({
        ...graph,
        nodes: graph.nodes.map((n) => (n.opType === "Softmax" ? node("Sigmoid", ["logits"], ["probabilities"]) : n)),
      });
      assert.match((await failure("recipe/loss", () => space.train())).message, /independent probabilities/);
      await space.writeGraph(classifier());
      await space.writeTable(blobs(40, 4, 5));
      await failure("data/rows", () => space.train());
    });

    it("regresses one column and several, with the mean absolute error as told", async () => {
      const head = (units: number) => ({ after: "a2", layers: [{ type: "dense", units }] });
      await space.writeGraph(classifier());
      const rows = blobs(40, 4, 3);
      const one = await space.train({
        head: head(1),
        loss: { type: "meanSquaredError" },
        optimizer: { type: "sgd", learningRate: 0 },
        data: { split: { test: 0.5 } },
      });
      const session = await ort.InferenceSession.create(space.path("out.onnx"));
      const { heldOut } = one.record as unknown as { heldOut: { test: readonly number[] } };
      const held = heldOut.test.map((row) => rows[row - 1]);
      const { [session.outputNames[0]]: output } = await session.run({
        x: new ort.Tensor("float32", Float32Array.from(held.flatMap(([, ...x]) => x)), [held.length, 4]),
      });
      const differences = held.map(([y], i) => Number(output.data[i]) - y);
      near([one.result.metrics.test?.meanAbsoluteError ?? NaN], [differences.reduce((a, d) => a + Math.abs(d), 0) / held.length]);
      near([one.result.metrics.test?.loss ?? NaN], [differences.reduce((a, d) => a + d * d, 0) / held.length]);
      await session.release();
      const label = ["label", "f3"];
      const two = await space
        .train({ head: head(2), loss: { type: "meanSquaredError" }, data: { label, features: ["f0", "f1", "f2", "f2"] } })
        .catch((e: unknown) => e);
      assert.ok(two instanceof Error, "three columns are no sample of four");
      await space.writeTable(rows.map((r) => [...r, r[1] * 2]));
      const both = { head: head(2), loss: { type: "meanSquaredError" }, data: { label: ["label", "f4"], features: ["f*", "!f4"] }, epochs: 12 };
      const losses = lossesOf(await space.train(both));
      assert.ok(losses[losses.length - 1] < losses[0]);
      const error = await failure("recipe/target-columns", () => space.train({ ...both, data: { ...both.data, label: ["label"] } }));
      assert.match(error.message, /got 1 label column/);
    });
  });

  describe("batches and sizes", () => {
    it("counts a smaller last batch by its samples, and takes fewer samples than a batch", async () => {
      await space.writeGraph(classifier());
      const still = { optimizer: { type: "sgd", learningRate: 0 }, epochs: 1, shuffle: false };
      const whole = await space.train({ ...still, batchSize: 40 });
      const parts = await space.train({ ...still, batchSize: 16 });
      assert.deepEqual(lossesOf(parts).length, 3);
      const trainOf = ({ events }: Finished): number => events.flatMap((e) => (e.event === "epoch" ? [e.train.loss] : []))[0];
      near([trainOf(parts)], [lossesOf(whole)[0]]);
      const [a, b, c] = lossesOf(parts);
      near([trainOf(parts)], [(a * 16 + b * 16 + c * 8) / 40], 1e-9);
      const large = await space.train({ ...still, batchSize: 1000 });
      assert.deepEqual(lossesOf(large), lossesOf(whole));
    });

    it("takes the last epoch where nothing is held out", async () => {
      await space.writeGraph(classifier());
      const { result, events } = await space.train({ epochs: 3 });
      assert.deepEqual(result.metrics, { phases: [{ phase: "train", epoch: 3 }], best: "train" });
      assert.equal(result.confusionMatrix, undefined);
      assert.ok(events.every((e) => e.event !== "epoch" || e.validation === undefined));
    });

    it("frees a batch of 1 that only the types hold, in training and in the export", async () => {
      await space.writeGraph(classifier());
      await space.train({ freeze: ["fc1.*"] });
      const open = weightBytes(await space.tensors());
      await space.writeGraph(classifier({ batch: 1 }));
      await space.train({ freeze: ["fc1.*"] });
      assert.deepEqual(weightBytes(await space.tensors()), open);
      const session = await ort.InferenceSession.create(space.path("out.onnx"));
      const { logits } = await session.run({ x: new ort.Tensor("float32", new Float32Array(20), [5, 4]) });
      assert.deepEqual(logits.dims, [5, 3]);
      await session.release();
    });

    /** Mixes samples behind fc1: subtracts the mean over the batch. */
    function mixing(): Graph {
      const graph = classifier({ batch: 1 });
      const mean = node("ReduceMean", ["a1"], ["m1"], { axes: [0], keepdims: 1 }, "/mix/ReduceMean");
      const sub = node("Sub", ["a1", "m1"], ["s1"], {}, "/mix/Sub");
      return {
        ...graph,
        nodes: [...graph.nodes.slice(0, 2), mean, sub, { ...graph.nodes[2], inputs: ["s1", "fc2.weight", "fc2.bias"] }, ...graph.nodes.slice(3)],
      };
    }

    it("trains a model that only takes one sample at a time with batches of 1, and refuses larger ones with the cut", async () => {
      await space.writeGraph(mixing());
      const error = await failure("model/batch", () => space.train());
      assert.match(error.message, /ReduceMean/);
      assert.match(error.hint ?? "", /"a1"/);
      const cold = await space.train({ batchSize: 1, epochs: 1, freeze: ["fc1.*"] });
      assert.equal(lossesOf(cold).length, 40);
      assert.equal(cold.record.prefix.executions, 40, "one by one");
      const bytes = weightBytes(await space.tensors());
      const warm = await space.train({ batchSize: 1, epochs: 1, freeze: ["fc1.*"] });
      assert.equal(warm.record.prefix.executions, 0);
      assert.deepEqual(weightBytes(await space.tensors()), bytes);
      await space.train({ head: { after: "a1", layers: [{ type: "dense", units: 3 }] } });
    });

    it("takes the sizes of dynamic axes from the data", async () => {
      const graph = graphOf({
        opset: 13,
        inputs: [info("image", ["N", 1, "H", "W"])],
        outputs: [info("logits", ["N", 3])],
        nodes: [
          node("Conv", ["image", "conv1.weight"], ["c1"], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2] }, "/conv1/Conv"),
          node("Relu", ["c1"], ["r1"], {}, "/Relu"),
          node("Conv", ["r1", "conv2.weight", "conv2.bias"], ["c2"], { kernel_shape: [3, 3] }, "/conv2/Conv"),
          node("GlobalAveragePool", ["c2"], ["pooled"], {}, "/GlobalAveragePool"),
          node("Flatten", ["pooled"], ["flat"], { axis: 1 }, "/Flatten"),
          node("Gemm", ["flat", "fc.weight", "fc.bias"], ["logits"], { transB: 1 }, "/fc/Gemm"),
        ],
        tensors: {
          "conv1.weight": noise([4, 1, 3, 3], 1),
          "conv2.weight": noise([5, 4, 3, 3], 2),
          "conv2.bias": noise([5], 3),
          "fc.weight": noise([3, 5], 4),
          "fc.bias": noise([3], 5),
        },
      });
      await space.writeGraph(graph);
      const transform = [{ reshape: [1, 2, 2] }, { resize: [12, 10] }];
      const { record, result } = await space.train({ data: { transform, split: { test: 0.2 } }, freeze: ["conv1.*"] });
      assert.ok(record.prefix.executions > 0);
      assert.equal(result.reason, "completed");
      assert.deepEqual((await readModel(space.path("out.onnx"))).graph.inputs, (await readModel(space.path("model.onnx"))).graph.inputs);
      const misfit = await failure("recipe/sample-shape", () => space.train({ data: { transform: [{ reshape: [2, 2] }] } }));
      assert.match(misfit.message, /takes \[1, H, W\] a sample, data\.transform gives \[2, 2\]/);
    });

    it("runs the prefix no time from a warm cache, also where only a run tells the shape of its results", async () => {
      const graph = classifier();
      const branch = (name: string, op: string): Graph => ({
        ...graphOf({ inputs: [], outputs: [info(name)], nodes: [node(op, ["a1"], [name])] }),
        opsets: graph.opsets,
      });
      const choose = node("If", ["yes"], ["a1b"], { then_branch: { type: "graph", value: branch("t", "Relu") }, else_branch: { type: "graph", value: branch("e", "Tanh") } }, "/If"); // prettier-ignore
      await space.writeGraph({
        ...graph,
        nodes: [...graph.nodes.slice(0, 2), choose, { ...graph.nodes[2], inputs: ["a1b", "fc2.weight", "fc2.bias"] }, ...graph.nodes.slice(3)],
        initializers: new Map([...graph.initializers, ["yes", tensorOf("bool", [1], [])]]),
        valueTypes: new Map([["a1b", info("a1b", ["N", "K"])]]),
      });
      const recipe = { freeze: ["fc1.*"] };
      const cold = await space.train(recipe);
      assert.ok(cold.record.prefix.executions >= 3);
      assert.equal((await space.train(recipe)).record.prefix.executions, 0);
    });
  });

  it("refuses to train a quantised tensor by name", async () => {
    const graph = classifier();
    const dequantise = node("DequantizeLinear", ["q", "scale"], ["fc1.weight"], {}, "/fc1/DequantizeLinear");
    const initializers = new Map([...graph.initializers, ["q", tensorOf("int8", Array.from({ length: 32 }, (_, i) => i - 16), [8, 4])] as const, ["scale", tensorOf("float32", [0.05], [])] as const]); // prettier-ignore
    initializers.delete("fc1.weight");
    await space.writeGraph({ ...graph, nodes: [dequantise, ...graph.nodes], initializers });
    const error = await failure("recipe/quantised", () => space.train());
    assert.match(error.message, /"q" is quantised \(int8\)/);
    const { record } = await space.train({ freeze: ["q"] });
    assert.ok("q" in record.proof.spans[0].before);
  });

  it("calls nodes without a name by their place in the file, whatever a cut removes", async () => {
    const graph = classifier();
    const unnamed = [node("Neg", ["x"], ["side"]), node("Tanh", ["side"], ["also"]), ...graph.nodes.map((n) => ({ ...n, name: "" }))];
    await space.writeGraph({ ...graph, nodes: unnamed, outputs: [...graph.outputs, info("also", ["N", 4])] });
    const report = await inspectFile(space.path("model.onnx"));
    const pathOf = (name: string) => report.parameters.find((p) => p.name === name)?.path;
    assert.equal(pathOf("fc2.weight"), "Gemm_4/weight");
    const head = { after: "a2", layers: [{ type: "dense", units: 3 }] };
    const { record } = await space.train({ head, freeze: ["*", "!head.*", "!Gemm_4/weight"], epochs: 1 });
    const marks = record.plan[0].marks.map((m) => [m.name, m.mark]);
    assert.deepEqual(marks.find(([name]) => name === "fc2.weight"), ["fc2.weight", "trainable"]); // prettier-ignore
  });

  it("proves each of the weights in subgraphs, also where their names repeat", async () => {
    const graph = classifier();
    const branch = (seed: number): Attribute => {
      const value = graphOf({ inputs: [], outputs: [info("t")], nodes: [node("Mul", ["a1", "inner"], ["t"], {}, "/gate/Mul")], tensors: { inner: noise([8], seed) } }); // prettier-ignore
      return { type: "graph", value: { ...value, opsets: graph.opsets } };
    };
    const choose = node("If", ["yes"], ["a1b"], { then_branch: branch(5), else_branch: branch(6) }, "/If");
    await space.writeGraph({
      ...graph,
      nodes: [...graph.nodes.slice(0, 2), choose, { ...graph.nodes[2], inputs: ["a1b", "fc2.weight", "fc2.bias"] }, ...graph.nodes.slice(3)],
      initializers: new Map([...graph.initializers, ["yes", tensorOf("bool", [1], [])]]),
      valueTypes: new Map([["a1b", info("a1b", ["N", 8])]]),
    });
    const { record } = await space.train({ freeze: ["*", "!fc3.*"] });
    assert.deepEqual(Object.keys(record.proof.spans[0].before), ["fc1.weight", "fc1.bias", "gate/scale", "gate/scale (2)", "fc2.weight", "fc2.bias"]);
  });

  it("makes no gradient for what is frozen", async () => {
    await space.writeGraph(classifier());
    const trainingOf = async (freeze: readonly string[]) => {
      const recipe = resolveRecipe(parseRecipe(JSON.stringify(recipeOf({ freeze })), "test"), space.path("test.finetune.json"));
      const job = await prepareJob(recipe);
      const built = buildPhaseGraph({ whole: job.model.graph, graph: job.graph, batch: job.batch }, job.phases[0], job.context);
      return buildTraining({ ...built, ...job.context, boundary: [] });
    };
    const all = await trainingOf([]);
    const some = await trainingOf(["fc1.*", "fc2.bias"]);
    assert.deepEqual([...some.gradients.keys()], ["fc2.weight", "fc3.weight", "fc3.bias"]);
    assert.ok(some.graph.nodes.length < all.graph.nodes.length - 4);
    // Frozen tensors that the suffix still reads are constants of it; what trains is fed.
    assert.ok(some.graph.initializers.has("fc2.bias"));
    assert.ok(!some.graph.initializers.has("fc1.weight"));
    assert.deepEqual(some.graph.inputs.map((i) => i.name), ["a1", "fc2.weight", "fc3.weight", "fc3.bias", "labels"]); // prettier-ignore
  });
});
