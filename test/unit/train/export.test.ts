// What a run exports: the base model's own nodes, proven frozen tensors, metadata, and the accuracy that was reported.

import assert from "node:assert/strict";
import fs from "node:fs/promises";
import { readFile, readdir, writeFile } from "node:fs/promises";
import * as ort from "onnxruntime-node";
import { castTensor } from "../../../core/graph/tensor.js";
import type { Graph, Tensor } from "../../../core/graph/types.js";
import { readModel, writeModel } from "../../../core/onnx/file.js";
import type { TrainEvent } from "../../../core/train/events.js";
import { readTrainingMetadata } from "../../../core/train/metadata.js";
import { verifyModels } from "../../../core/train/verify.js";
import { failure } from "../../support/failure.js";
import { graphOf, info, modelOf, node } from "../../support/graphs.js";
import { blobs, classifier, noise, weightBytes, Workspace } from "../../support/training.js";

const headed = {
  head: { after: "a2", layers: [{ type: "dropout", rate: 0.3 }, { type: "dense", units: 4 }, { type: "activation", function: "relu" }, { type: "dropout", rate: 0.2 }, { type: "dense", units: 3 }] }, // prettier-ignore
  data: { split: { validation: 0.2, test: 0.4 } },
};

describe("export", () => {
  let space: Workspace;

  beforeEach(async () => {
    space = await Workspace.create();
    await space.writeGraph(classifier({ softmax: true }), "model.onnx", { metadata: new Map([["author", "someone"]]), producerName: "maker" });
    await space.writeTable(blobs(90, 4, 3));
  });
  afterEach(() => space.remove());

  it("keeps the base model's nodes field by field, and its metadata beside its own", async () => {
    await space.train({ freeze: ["fc1.*"] });
    const [before, after] = [await readModel(space.path("model.onnx")), await readModel(space.path("out.onnx"))];
    assert.deepEqual(after.graph.nodes, before.graph.nodes);
    assert.deepEqual(after.graph.inputs, before.graph.inputs);
    assert.deepEqual(after.graph.outputs, before.graph.outputs);
    assert.deepEqual(after.graph.opsets, before.graph.opsets);
    assert.deepEqual([after.irVersion, after.producerName], [before.irVersion, before.producerName]);
    assert.equal(after.metadata.get("author"), "someone");
    const { baseModel, version, labels, transform, cut } = readTrainingMetadata(after.metadata);
    assert.match(baseModel ?? "", /^[0-9a-f]{64}$/);
    assert.match(version ?? "", /^\d+\.\d+\.\d+/);
    assert.deepEqual([labels, transform, cut], [undefined, [], undefined]);
  });

  it("writes a head without its dropout and its ratios, which reads through plain onnxruntime with the reported accuracy", async () => {
    const rows = blobs(90, 4, 3);
    const names = ["left", "middle", "right"];
    await space.writeTable(rows.map(([label, ...x]) => [names[label], ...x]));
    const transform = [{ scale: { from: [0, 2], to: [0, 1] } }, { normalize: { mean: [0.1], std: [0.5] } }];
    const { result, record } = await space.train({ ...headed, data: { ...headed.data, transform } });
    const { graph, metadata } = await readModel(space.path("out.onnx"));
    assert.ok(!graph.nodes.some((n) => n.opType === "Dropout"));
    assert.deepEqual([...graph.initializers.keys()].sort(), ["fc1.bias", "fc1.weight", "fc2.bias", "fc2.weight", "head.0.bias", "head.0.weight", "head.1.bias", "head.1.weight"]); // prettier-ignore
    const told = readTrainingMetadata(metadata);
    assert.deepEqual(told.labels, names);
    assert.deepEqual(told.transform, transform);
    assert.deepEqual(told.cut, { after: "a2", removed: ["fc3.weight", "fc3.bias"] });
    const session = await ort.InferenceSession.create(space.path("out.onnx"));
    const { heldOut } = record as unknown as { heldOut: { test: readonly number[] } };
    let right = 0;
    const confusion = names.map(() => [0, 0, 0]);
    for (const row of heldOut.test) {
      const [label, ...x] = rows[row - 1];
      const feed = Float32Array.from(x, (v) => (v / 2 - 0.1) / 0.5);
      const output = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", feed, [1, 4]) });
      const scores = [...(output[session.outputNames[0]].data as Float32Array)];
      const said = scores.indexOf(Math.max(...scores));
      confusion[label][said] += 1;
      if (said === label) right += 1;
    }
    assert.equal(result.metrics.test?.accuracy, right / heldOut.test.length);
    assert.deepEqual(result.confusionMatrix, { labels: names, counts: confusion });
    await session.release();
  });

  it("passes verification against its base model", async () => {
    await space.train({ head: headed.head, phases: [{ epochs: 1 }, { epochs: 1, freeze: ["fc1.*"] }] });
    const [before, after] = [await readModel(space.path("model.onnx")), await readModel(space.path("out.onnx"))];
    const report = verifyModels(before, after);
    assert.deepEqual(
      [report.same, report.changed],
      [
        ["fc1.weight", "fc1.bias"],
        ["fc2.weight", "fc2.bias"],
      ],
    );
  });

  it("leaves no other files beside the model", async () => {
    await space.train(headed);
    assert.deepEqual((await readdir(space.folder)).sort(), [".frostline", "data.csv", "model.onnx", "out.onnx"]);
  });

  it("writes external data beside the model where the base model had it", async () => {
    const graph = graphOf({
      opset: 17,
      inputs: [info("x", ["N", 4])],
      outputs: [info("logits", ["N", 3])],
      nodes: [
        node("Gemm", ["x", "wide.weight"], ["h"], {}, "/wide/Gemm"),
        node("Relu", ["h"], ["a"], {}, "/Relu"),
        node("Gemm", ["a", "fc.weight"], ["logits"], {}, "/fc/Gemm"),
      ],
      tensors: { "wide.weight": noise([4, 100], 1), "fc.weight": noise([100, 3], 2) },
    });
    await writeModel(modelOf(graph), space.path("model.onnx"), { limit: 1000 });
    const { result } = await space.train({ freeze: ["wide*"] });
    assert.deepEqual(result.proof, { frozen: 1, unchanged: 1, changed: [] });
    const files = [".frostline", "data.csv", "model.onnx", "model.onnx.data", "out.onnx", "out.onnx.data"];
    assert.deepEqual((await readdir(space.folder)).sort(), files);
    const session = await ort.InferenceSession.create(space.path("out.onnx"));
    assert.deepEqual(session.outputNames, ["logits"]);
    await session.release();
    const [before, after] = [weightBytes(await space.tensors("model.onnx")), weightBytes(await space.tensors())];
    assert.deepEqual(
      Object.keys(before).map((name) => before[name] === after[name]),
      [true, false],
    );
  });

  describe("proof", () => {
    /** Runs with the bytes of every file read so far, by the end of its name, handed to `onRead` as they come. */
    async function watchingReads<T>(ending: string, onRead: (bytes: Buffer) => void, run: () => Promise<T>): Promise<T> {
      const { readFile: original } = fs;
      const watched = async (path: string, options?: BufferEncoding): Promise<string | Buffer> => {
        const content = await original(path, options);
        if (Buffer.isBuffer(content) && path.endsWith(ending)) onRead(content);
        return content;
      };
      Object.assign(fs, { readFile: watched });
      try {
        return await run();
      } finally {
        Object.assign(fs, { readFile: original });
      }
    }

    const bytesOfTensor = async (name: string): Promise<Buffer> => Buffer.from((await space.tensors("model.onnx")).get(name)?.data as Uint8Array);

    /** Changes a tensor of the model in memory at the given step. */
    async function tamperedRun(tensorName: string, step: number): Promise<unknown> {
      const wanted = await bytesOfTensor(tensorName);
      const buffers: Buffer[] = [];
      const tamper = (event: TrainEvent): void => {
        if (event.event === "step" && event.step === step) for (const buffer of buffers) buffer[buffer.indexOf(wanted)] ^= 1;
      };
      return watchingReads("model.onnx", (bytes) => void buffers.push(bytes), () => space.train({ freeze: ["fc1.*"] }, { emit: tamper })); // prettier-ignore
    }

    it("fails a run in which a frozen tensor changed, exports nothing and leaves an earlier file", async () => {
      await writeFile(space.path("out.onnx"), "earlier");
      const error = await failure("check/proof", () => tamperedRun("fc1.weight", 5));
      assert.match(error.message, /1 frozen tensor changed in phase "train": "fc1\.weight"/);
      assert.equal(await readFile(space.path("out.onnx"), "utf8"), "earlier");
      const [run] = await readdir(space.path(".frostline/runs"));
      const record = await space.record(run);
      assert.equal(record.status, "failed");
      assert.equal(record.error?.code, "check/proof");
      assert.deepEqual(record.proof.summary, { frozen: 2, unchanged: 1, changed: ["fc1.weight"] });
    });

    it("does not mind what happens to the first values of tensors that train", async () => {
      await tamperedRun("fc2.weight", 5);
      assert.ok((await space.bytes()).length > 0);
    });

    it("reads the last state back from the file", async () => {
      // The span has been closed: only the file can tell.
      await writeFile(space.path("out.onnx"), "earlier");
      const wanted = await bytesOfTensor("fc1.weight");
      const flip = (bytes: Buffer): void => void (bytes[bytes.indexOf(wanted)] ^= 1);
      const error = await failure("check/proof", () => watchingReads("out.onnx", flip, () => space.train({ freeze: ["fc1.*"] })));
      assert.match(error.message, /fc1\.weight/);
      assert.equal(await readFile(space.path("out.onnx"), "utf8"), "earlier");
      assert.deepEqual((await readdir(space.folder)).sort(), [".frostline", "data.csv", "model.onnx", "out.onnx"]);
    });
  });

  describe("forms of models", () => {
    const shapeOf = (tensor: Tensor | undefined): string => `${tensor?.dtype} [${tensor?.shape.join()}]`;

    it("gives Constant nodes their new values in place", async () => {
      const graph = classifier({ opset: 9 });
      const constants = [...graph.initializers].map(([name, value]) => node("Constant", [], [name], { value }, `constant ${name}`));
      await space.writeGraph({ ...graph, nodes: [...constants, ...graph.nodes], initializers: new Map() });
      await space.train({ freeze: ["fc1.*"] });
      const [before, after] = [await readModel(space.path("model.onnx")), await readModel(space.path("out.onnx"))];
      assert.equal(after.graph.initializers.size, 0);
      const valueOf = (g: Graph, name: string): Tensor =>
        (g.nodes.find((n) => n.outputs[0] === name)?.attributes.get("value") as { value: Tensor }).value;
      for (const name of graph.initializers.keys()) {
        const [old, fresh] = [valueOf(before.graph, name), valueOf(after.graph, name)];
        assert.equal(shapeOf(fresh), shapeOf(old));
        assert.equal(Buffer.compare(old.data as Uint8Array, fresh.data as Uint8Array) !== 0, !name.startsWith("fc1"), name);
      }
      // The same weights as initializers train to the same values.
      const trained = Object.fromEntries([...graph.initializers.keys()].map((name) => [name, Buffer.from(valueOf(after.graph, name).data as Uint8Array).toString("hex")])); // prettier-ignore
      await space.writeGraph(graph);
      await space.train({ freeze: ["fc1.*"] });
      assert.deepEqual(weightBytes(await space.tensors()), trained);
    });

    it("takes initializers that are listed as inputs, and lists them again", async () => {
      const graph = classifier({ opset: 8 });
      const listed = [...graph.initializers].map(([name, { shape }]) => info(name, shape));
      await space.writeGraph({ ...graph, inputs: [...graph.inputs, ...listed] }, "model.onnx", { irVersion: 3 });
      await space.train({ freeze: ["fc1.*"] });
      const session = await ort.InferenceSession.create(space.path("out.onnx"));
      await session.release();
      const after = weightBytes(await space.tensors());
      await space.writeGraph(graph);
      await space.train({ freeze: ["fc1.*"] });
      assert.deepEqual(weightBytes(await space.tensors()), after);
    });

    it("trains every opset to the same weights, but for the form of its nodes", async () => {
      let reference: Readonly<Record<string, string>> | undefined;
      for (const opset of [7, 9, 11, 12, 13, 15, 18, 20, 21, 22, 23]) {
        await space.writeGraph(classifier({ opset, softmax: true }), "model.onnx", { irVersion: opset > 21 ? 10 : 8 });
        const { result } = await space.train({ freeze: ["fc1.*"], epochs: 1 });
        assert.equal(result.reason, "completed");
        const { graph } = await readModel(space.path("out.onnx"));
        assert.equal(graph.opsets.get(""), opset);
        reference ??= weightBytes(graph.initializers);
        assert.deepEqual(weightBytes(graph.initializers), reference, `opset ${opset}`);
      }
    });

    for (const dtype of ["float16", "bfloat16"] as const) {
      it(`trains ${dtype} weights with float32 masters and rounds back`, async () => {
        await space.writeGraph(classifier({ dtype }), "model.onnx", { irVersion: 9 });
        const recipe = { freeze: ["fc1.*"], epochs: 6 };
        const { result, record } = await space.train({ ...recipe, data: { split: { test: 0.2 } } });
        assert.ok((result.metrics.test?.accuracy ?? 0) > 0.5);
        assert.ok(record.prefix.executions > 0);
        const [before, after] = [await space.tensors("model.onnx"), await space.tensors()];
        for (const [name, tensor] of before) {
          assert.equal(shapeOf(after.get(name)), shapeOf(tensor));
          assert.equal(weightBytes(before)[name] === weightBytes(after)[name], name.startsWith("fc1"), name);
        }
      });
    }

    it("rounds once, at the end: half floats train to what float32 trains to", async () => {
      await space.writeTable(blobs(90, 4, 3).map(([label, ...x]) => [label, ...x.map((v) => Math.round(v * 4) / 4)]));
      for (const dtype of ["float16", "bfloat16"] as const) {
        const graph = classifier({ dtype });
        await space.writeGraph(graph, "model.onnx", { irVersion: 9 });
        await space.train({ phases: [{ epochs: 1 }, { epochs: 1 }] });
        const half = weightBytes(await space.tensors());
        await space.writeGraph({
          ...classifier(),
          initializers: new Map([...graph.initializers].map(([name, tensor]) => [name, castTensor(tensor, "float32")])),
        });
        await space.train({ phases: [{ epochs: 1 }, { epochs: 1 }] });
        const full = await space.tensors();
        assert.deepEqual(weightBytes(new Map([...full].map(([name, tensor]) => [name, castTensor(tensor, dtype)]))), half);
      }
    });

    it("trains float64 weights", async () => {
      await space.writeGraph(classifier({ dtype: "float64" }));
      await space.train({ freeze: ["fc1.*"], epochs: 3 });
      const [before, after] = [await space.tensors("model.onnx"), await space.tensors()];
      for (const [name, tensor] of before) {
        assert.equal(shapeOf(after.get(name)), shapeOf(tensor));
        assert.equal(weightBytes(before)[name] === weightBytes(after)[name], name.startsWith("fc1"), name);
      }
    });

    it("counts a tensor that two layers use once", async () => {
      const tied = graphOf({
        inputs: [info("x", ["N", 4])],
        outputs: [info("y", ["N", 4])],
        nodes: [
          node("MatMul", ["x", "w"], ["h"], {}, "/one/MatMul"),
          node("Relu", ["h"], ["a"]),
          node("Transpose", ["w"], ["wt"], { perm: [1, 0] }),
          node("MatMul", ["a", "wt"], ["y"], {}, "/two/MatMul"),
        ],
        tensors: { w: noise([4, 4], 5) },
      });
      await space.writeGraph(tied);
      const { record, events } = await space.train({ optimizer: { type: "sgd", learningRate: 1e-3 }, batchSize: 90 });
      assert.deepEqual(record.plan[0].marks.map(({ name, mark }) => [name, mark]), [["w", "trainable"]]); // prettier-ignore
      const losses = events.flatMap((e) => (e.event === "step" ? [e.loss] : []));
      assert.ok(losses[1] < losses[0]);
    });

    it("keeps a model's functions", async () => {
      const body = { name: "Layer", domain: "local", overload: "", inputs: ["x", "w", "b"], outputs: ["y"], attributes: [], attributeDefaults: new Map(), opsets: new Map([["", 17]]), valueTypes: new Map(), nodes: [node("Gemm", ["x", "w", "b"], ["h"], { transB: 1 }, "gemm"), node("Relu", ["h"], ["y"], {}, "relu")] } as const; // prettier-ignore
      const plain = classifier();
      const call = (x: string, layer: string, y: string) => ({
        ...node("Layer", [x, `${layer}.weight`, `${layer}.bias`], [y], {}, layer),
        domain: "local",
      });
      const graph: Graph = {
        ...plain,
        opsets: new Map([...plain.opsets, ["local", 1]]),
        nodes: [call("x", "fc1", "a1"), call("a1", "fc2", "a2"), plain.nodes[4]],
        functions: new Map([["local::Layer", body]]),
      };
      await space.writeGraph(graph);
      const { record } = await space.train({ freeze: ["fc1.*"] });
      const after = await readModel(space.path("out.onnx"));
      assert.deepEqual(after.graph.nodes, (await readModel(space.path("model.onnx"))).graph.nodes);
      assert.equal(after.graph.functions.size, 1);
      assert.deepEqual(Object.keys(record.proof.spans[0].before), ["fc1.weight", "fc1.bias"]);
      const trained = weightBytes(after.graph.initializers);
      await space.writeGraph(plain);
      await space.train({ freeze: ["fc1.*"] });
      assert.deepEqual(weightBytes(await space.tensors()), trained);
      await space.writeGraph(graph);
      await space.train({ ...headed, epochs: 1 });
      assert.ok(!(await readModel(space.path("out.onnx"))).graph.nodes.some((n) => n.domain === "local"));
    });

    it("trains weights that live in a function's body by writing the calls out", async () => {
      const body = { name: "Shift", domain: "local", overload: "", inputs: ["x"], outputs: ["y"], attributes: [], attributeDefaults: new Map(), opsets: new Map([["", 17]]), valueTypes: new Map(), nodes: [node("Constant", [], ["shift"], { value: noise([4], 8) }), node("Add", ["x", "shift"], ["y"], {}, "add")] } as const; // prettier-ignore
      const plain = classifier();
      const call = { ...node("Shift", ["x"], ["shifted"], {}, "shift"), domain: "local" };
      await space.writeGraph({
        ...plain,
        opsets: new Map([...plain.opsets, ["local", 1]]),
        nodes: [call, { ...plain.nodes[0], inputs: ["shifted", "fc1.weight", "fc1.bias"] }, ...plain.nodes.slice(1)],
        functions: new Map([["local::Shift", body]]),
      });
      const { record } = await space.train({ freeze: ["fc*"] });
      assert.deepEqual(record.plan[0].marks.filter((m) => m.mark === "trainable").map((m) => m.name), ["shift/shift"]); // prettier-ignore
      const { graph } = await readModel(space.path("out.onnx"));
      const { value } = graph.nodes.find((n) => n.outputs[0] === "shift/shift")?.attributes.get("value") as { value: Tensor };
      assert.notDeepEqual(value.data, noise([4], 8).data);
      await space.train({ freeze: ["*", "!fc3.*"] });
      const frozen = await readModel(space.path("out.onnx"));
      assert.equal(frozen.graph.functions.size, 1);
    });
  });
});
