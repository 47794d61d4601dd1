// The losses as a whole against central differences: their gradients pass through several rules at once.

import assert from "node:assert/strict";
import { gradients } from "../../core/autodiff/gradients.js";
import { tensorOf } from "../../core/graph/tensor.js";
import type { Dim, Tensor } from "../../core/graph/types.js";
import { attachLoss, type Loss } from "../../core/nn/losses.js";
import { internalOpset } from "../../core/ops/index.js";
import { inferGraph } from "../../core/ops/infer.js";
import { prune } from "../../core/passes/prune.js";
import { compileFloat64 } from "../support/evaluate.js";
import { graphOf, info, node } from "../support/graphs.js";
import { fed, numbers } from "../support/run-graph.js";

const step = 2 ** -16;

interface LossCase {
  readonly loss: Loss;
  readonly activation?: string;
  readonly target: Tensor;
  readonly batch: Dim;
}

const labels = tensorOf("int64", [2, 0, 1, 2]);
const targets = tensorOf("float64", Array.from({ length: 12 }, (_, i) => Math.cos(i)), [4, 3]); // prettier-ignore
const taught = tensorOf("float64", Array.from({ length: 12 }, (_, i) => 2 * Math.cos(5 * i)), [4, 3]); // prettier-ignore
const held = tensorOf("float64", Array.from({ length: 12 }, (_, i) => Number(i % 5 < 2)), [4, 3]); // prettier-ignore

const shares = tensorOf("float64", [0.7, 0, 0.3, 0, 1, 0, 0.5, 0.5, 0, 0, 0.1, 0.9], [4, 3]);

const cases: readonly LossCase[] = [
  ...(["N", 4] as const).flatMap((batch): readonly LossCase[] => [
    { loss: { type: "crossEntropy" }, target: labels, batch },
    { loss: { type: "crossEntropy" }, activation: "Softmax", target: labels, batch },
    { loss: { type: "crossEntropy", labelSmoothing: 0.2 }, target: labels, batch },
    { loss: { type: "crossEntropy", classWeights: [0.5, 1, 3] }, target: labels, batch },
    { loss: { type: "crossEntropy", labelSmoothing: 0.2, classWeights: [0.5, 1, 3] }, activation: "LogSoftmax", target: labels, batch },
    { loss: { type: "distillation", teacher: "t", temperature: 3, alpha: 1 }, target: labels, batch },
    { loss: { type: "distillation", teacher: "t", temperature: 2, alpha: 0.3 }, activation: "Softmax", target: labels, batch },
    { loss: { type: "binaryCrossEntropy" }, target: held, batch },
    { loss: { type: "binaryCrossEntropy" }, activation: "Sigmoid", target: held, batch },
    { loss: { type: "crossEntropy", mixedTargets: true }, target: shares, batch },
    { loss: { type: "crossEntropy", mixedTargets: true, labelSmoothing: 0.2, classWeights: [0.5, 1, 3] }, target: shares, batch },
    { loss: { type: "binaryCrossEntropy", mixedTargets: true }, target: shares, batch },
    { loss: { type: "meanAbsoluteError" }, target: targets, batch },
    { loss: { type: "huber" }, target: targets, batch },
    { loss: { type: "huber", delta: 0.3 }, activation: "Softmax", target: targets, batch },
    { loss: { type: "meanSquaredError" }, target: targets, batch },
    { loss: { type: "meanSquaredError" }, activation: "Softmax", target: targets, batch },
  ]),
];

describe("gradient of losses", () => {
  for (const { loss, activation = "Identity", target, batch } of cases) {
    it(`${JSON.stringify(loss)} behind ${activation}, batch ${batch}`, async () => {
      const graph = graphOf({
        opset: internalOpset,
        inputs: [info("x", [batch, 3], "float64"), info("t", [batch, 3], "float64")],
        outputs: [info("y", [batch, 3], "float64")],
        nodes: [node(activation, ["x"], ["y"])],
      });
      const attached = attachLoss(graph, "y", loss, inferGraph(graph));
      const derived = gradients(attached.graph, [attached.loss], ["x"]);
      const [name] = derived.gradients;
      assert.ok(name !== undefined);
      const compiled = await compileFloat64(prune(derived.graph, [attached.loss, name]));
      const x = Float64Array.from({ length: 12 }, (_, i) => Math.sin(3 * i + 1) * 2);
      const run = async () => compiled.run({ x: { dtype: "float64", shape: [4, 3], data: x }, t: fed(taught), [attached.target.name]: fed(target) });
      const analytic = numbers((await run())[name]);
      for (let i = 0; i < x.length; i++) {
        const at = x[i];
        const lossAt = async (value: number): Promise<number> => {
          x[i] = value;
          const [result] = numbers((await run())[attached.loss]);
          x[i] = at;
          return result;
        };
        const numeric = ((await lossAt(at + step)) - (await lossAt(at - step))) / (2 * step);
        assert.ok(Math.abs(analytic[i] - numeric) <= 1e-6, `element ${i}: ${analytic[i]} instead of ${numeric}`);
      }
      await compiled.release();
    });
  }
});
