// The executors of both runtimes: runs, memory that is written in place, changed feeds, element types, and their errors.

import assert from "node:assert/strict";
import { tensorOf } from "../../../core/graph/tensor.js";
import { asFloat32, hostTensor, hostTensorOf, masterOf, tensorOfHost } from "../../../core/runtime/host-tensor.js";
import { createExecutor } from "../../../core/runtime/select.js";
import { failure } from "../../support/failure.js";
import { graphOf, info, node } from "../../support/graphs.js";

const addOne = graphOf({
  opset: 17,
  inputs: [info("x", ["N"])],
  outputs: [info("y", ["N"]), info("z", ["N"])],
  nodes: [node("Add", ["x", "one"], ["y"]), node("Neg", ["y"], ["z"])],
  tensors: { one: tensorOf("float32", [1]) },
});

for (const [provider, description] of [
  ["cpu", /^onnxruntime-node \d+\.\d+\.\d+ cpu$/],
  ["wasm", /^onnxruntime-web \d+\.\d+\.\d+ wasm$/],
] as const)
  describe(`the ${provider} executor`, () => {
    it("runs a graph, writes into given memory and sees feeds that changed in place", async () => {
      const program = await (await createExecutor({ provider, threads: 1 })).compile(addOne);
      const x = { dtype: "float32", shape: [2], data: Float32Array.from([1, 2]) } as const;
      const y = hostTensor("float32", [2]);
      const first = await program.run({ x }, { y });
      assert.equal(first.y, y);
      assert.deepEqual([...y.data], [2, 3]);
      assert.deepEqual([...first.z.data], [-2, -3]);
      x.data[0] = 10;
      const second = await program.run({ x }, { y });
      assert.deepEqual([[...y.data], [...second.z.data], [...first.z.data]], [[11, 3], [-11, -3], [-2, -3]]); // prettier-ignore
      await program.dispose();
    });

    it("takes and gives half floats as their bits, and other types in arrays of their own", async () => {
      const types = ["float16", "float64", "int64", "int32", "uint8", "bool"] as const;
      const graph = graphOf({
        inputs: types.map((type) => info(`${type}_in`, [2], type)),
        outputs: types.map((type) => info(type, [2], type)),
        nodes: types.map((type) => node("Identity", [`${type}_in`], [type])),
      });
      const program = await (await createExecutor({ provider, threads: 1 })).compile(graph);
      const feeds = Object.fromEntries(types.map((type) => [`${type}_in`, hostTensorOf(tensorOf(type, [1, 0], [2]))]));
      const outputs = await program.run(feeds);
      for (const type of types) assert.deepEqual(outputs[type], feeds[`${type}_in`]);
      assert.deepEqual(outputs.float16.data, Uint16Array.from([0x3c00, 0]));
      await program.dispose();
    });

    it("says what it is, for cache keys and records", async () => {
      const executor = await createExecutor({ provider, threads: 1 });
      assert.match(executor.description, description);
      assert.deepEqual([executor.provider, executor.threads], [provider, 1]);
    });

    it("names the graph that is refused and the run that failed", async () => {
      const executor = await createExecutor({ provider, threads: 1 });
      const wrong = { ...addOne, name: "wrong", nodes: [node("Add", ["x", "one", "one"], ["y"]), node("Neg", ["y"], ["z"])] };
      const refused = await failure("run/compile", () => executor.compile(wrong));
      assert.match(refused.message, /^onnxruntime refuses the graph "wrong": /);
      const program = await executor.compile(addOne);
      const failed = await failure("run/runtime", () => program.run({ x: hostTensor("int64", [2]) }));
      assert.match(failed.message, /int64|data type/);
      await program.dispose();
    });
  });

describe("host tensors", () => {
  it("turn into float32 masters and back, rounded to the model's type", () => {
    for (const dtype of ["float16", "bfloat16", "float64", "float32"] as const) {
      const tensor = tensorOf(dtype, [0.5, -1.25, 3], [3]);
      const master = masterOf(tensor);
      assert.deepEqual(Array.from(master.data), [0.5, -1.25, 3]);
      assert.deepEqual(tensorOfHost(master, dtype), tensor);
      assert.notEqual(master.data.buffer, (tensor.data as Uint8Array).buffer, "a copy");
      assert.deepEqual([...asFloat32(hostTensorOf(tensor)).data], [0.5, -1.25, 3]);
    }
    const indices = hostTensorOf(tensorOf("int64", [7]));
    assert.equal(asFloat32(indices), indices);
  });

  it("are copies where they leave the engine, and views where they enter it", () => {
    const host = hostTensor("float32", [2]);
    const copy = tensorOfHost(host, "float32");
    (host.data as Float32Array)[0] = 5;
    assert.deepEqual([...(copy.data as Uint8Array)], [0, 0, 0, 0, 0, 0, 0, 0]);
    const tensor = tensorOf("float32", [1, 2]);
    (hostTensorOf(tensor).data as Float32Array)[1] = 9;
    assert.deepEqual(tensor, tensorOf("float32", [1, 9]));
  });
});
