import assert from "node:assert/strict";
import { gradients } from "../../../core/autodiff/gradients.js";
import { float } from "../../../core/graph/attributes.js";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { DType, Graph } from "../../../core/graph/types.js";
import { useBatchStatistics } from "../../../core/passes/batch-norm.js";
import { prune } from "../../../core/passes/prune.js";
import { upgradeOpset } from "../../../core/passes/upgrade-opset.js";
import { compileFloat64 } from "../../support/evaluate.js";
import { graphOf, info, node } from "../../support/graphs.js";
import { compileGraph, fed, numbers, runGraph, type Tensors } from "../../support/run-graph.js";

const shape = [3, 2, 2];
const data = [0.5, -1, 2, 0.25, 1.5, 3, -2, 0, 1, -0.75, 0.125, 4];
const settings = { epsilon: float(0.125), momentum: float(0.75) };
const names = ["x", "scale", "bias"];

/** x [samples, 2, pixels] through BatchNormalization. */
function layer(dtype: DType, xShape: readonly (number | string)[] = shape): Graph {
  return graphOf({
    inputs: [info("x", xShape, dtype), info("scale", [2], dtype), info("bias", [2], dtype)],
    outputs: ["y"],
    nodes: [node("BatchNormalization", ["x", "scale", "bias", "mean", "var"], ["y"], settings, "bn")],
    tensors: { mean: tensorOf(dtype, [5, 6]), var: tensorOf(dtype, [7, 8]) },
    opset: 23,
  });
}

function feeds(dtype: DType, x: readonly number[] = data, dims: readonly number[] = shape): Record<string, Tensors[string]> {
  return { x: fed(tensorOf(dtype, x, dims)), scale: fed(tensorOf(dtype, [2, -0.5])), bias: fed(tensorOf(dtype, [0.25, 1])) };
}

/** Mean and population variance of a channel of `data`. */
function statisticsOf(channel: number): { readonly mean: number; readonly variance: number } {
  const own = data.filter((_, i) => Math.floor(i / 2) % 2 === channel);
  const mean = own.reduce((sum, v) => sum + v, 0) / own.length;
  return { mean, variance: own.reduce((sum, v) => sum + (v - mean) ** 2, 0) / own.length };
}

function assertClose(got: readonly number[], wanted: readonly number[], tolerance: number): void {
  assert.equal(got.length, wanted.length);
  for (const [i, value] of wanted.entries()) assert.ok(Math.abs(got[i] - value) <= tolerance, `element ${i}: expected ${value}, got ${got[i]}`);
}

describe("batch statistics", () => {
  it("normalise with mean and population variance of the batch, and report them", async () => {
    const { graph, updates } = useBatchStatistics(layer("float32"), () => true);
    const [update] = updates;
    assert.equal(update.node.name, "bn");
    assert.deepEqual([update.meanBuffer, update.varBuffer, update.momentum], ["mean", "var", 0.75]);
    const all = prune(graph, ["y", update.batchMean, update.batchVar]);
    const values = await runGraph(all, feeds("float32"));
    const [first, second] = [statisticsOf(0), statisticsOf(1)];
    assert.deepEqual(values[update.batchMean].shape, [2]);
    assertClose(numbers(values[update.batchMean]), [first.mean, second.mean], 1e-6);
    assertClose(numbers(values[update.batchVar]), [first.variance, second.variance], 1e-5);
    const wanted = data.map((v, i) => {
      const channel = Math.floor(i / 2) % 2;
      const { mean, variance } = channel === 0 ? first : second;
      return ((v - mean) / Math.sqrt(variance + 0.125)) * [2, -0.5][channel] + [0.25, 1][channel];
    });
    assertClose(numbers(values.y), wanted, 1e-5);
  });

  it("pass gradients on through mean and variance", async () => {
    const lowered = useBatchStatistics(layer("float64"), () => true).graph;
    const weighted: Graph = {
      ...lowered,
      nodes: [...lowered.nodes, node("Mul", ["y", "weights"], ["terms"]), node("ReduceSum", ["terms"], ["loss"], { keepdims: 0 })],
      initializers: new Map([
        ...lowered.initializers,
        [
          "weights",
          tensorOf(
            "float64",
            data.map((_, i) => Math.sin(i + 1)),
            shape,
          ),
        ],
      ]),
      outputs: [info("loss", [], "float64")],
    };
    const derived = gradients(weighted, ["loss"], names);
    const found = derived.gradients.map(String);
    const backward = await compileFloat64(prune(derived.graph, found));
    const forward = await compileFloat64(weighted);
    const analytic = await backward.run(feeds("float64"));
    for (const [n, name] of names.entries()) {
      const at = feeds("float64");
      const elements = at[name].data as Float64Array;
      const slopes: number[] = [];
      for (const [i, v] of elements.slice().entries()) {
        const sides: number[] = [];
        for (const step of [1e-5, -1e-5]) {
          elements[i] = v + step;
          sides.push(numbers((await forward.run(at)).loss)[0]);
        }
        elements[i] = v;
        slopes.push((sides[0] - sides[1]) / 2e-5);
      }
      assertClose(numbers(analytic[found[n]]), slopes, 1e-6);
    }
    await forward.release();
    await backward.release();
  });

  it("take over only the chosen layers, and work for batches and images of any size", async () => {
    const untouched = useBatchStatistics(layer("float32"), () => false);
    assert.deepEqual(untouched.updates, []);
    assert.deepEqual(
      untouched.graph.nodes.map((n) => n.opType),
      ["BatchNormalization"],
    );
    const { graph } = useBatchStatistics(layer("float32", ["N", 2, "W"]), () => true);
    const compiled = await compileGraph(prune(graph, ["y"]));
    const small = await compiled.run(feeds("float32", [1, 2, 3, 4], [2, 2, 1]));
    assertClose(numbers(small.y), [1, 2, 3, 4].map((v, i) => (i % 2 === 0 ? 2 * ((v - 2) / Math.sqrt(1.125)) + 0.25 : -0.5 * ((v - 3) / Math.sqrt(1.125)) + 1)), 1e-5); // prettier-ignore
    await compiled.release();
  });
});

describe("old forms of BatchNormalization", () => {
  const old = (outputs: readonly string[], attributes: Parameters<typeof node>[3], statistics: readonly number[], opset: number): Graph =>
    graphOf({
      inputs: [info("x", [2, 2, 2])],
      outputs: ["y"],
      nodes: [node("BatchNormalization", ["x", "scale", "bias", "mean", "var"], outputs, attributes, "bn")],
      tensors: Object.fromEntries(
        ["scale", "bias", "mean", "var"].map((name, i) => {
          const values = Array.from({ length: statistics.reduce((n, d) => n * d, 1) }, (_, k) => 0.5 + i + k / 4);
          return [name, tensorOf("float32", values, statistics)];
        }),
      ),
      opset,
    });

  it("with statistics per pixel become plain arithmetic with the same values", async () => {
    const graph = old(["y"], { spatial: 0 }, [2, 2], 7);
    const x = { x: fed(tensorOf("float32", [1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2])) };
    const upgraded = upgradeOpset(graph);
    assert.ok(upgraded.nodes.every((n) => n.opType !== "BatchNormalization"));
    const wanted = [1, 2, 3, 4, 5, 6, 7, 8].map((v, i) => {
      const k = (i % 4) / 4;
      return ((v - 2.5 - k) / Math.sqrt(3.5 + k + 1e-5)) * (0.5 + k) + 1.5 + k;
    });
    assertClose(numbers((await runGraph(upgraded, x)).y), wanted, 1e-5);
  });

  it("that train say so in their attribute", () => {
    const [trains] = upgradeOpset(old(["y", "m", "v", "sm", "sv"], {}, [2], 9)).nodes;
    assert.deepEqual(trains.outputs, ["y", "m", "v"]);
    assert.deepEqual(trains.attributes.get("training_mode"), { type: "int", value: 1n });
    const [infers] = upgradeOpset(old(["y"], { spatial: 1 }, [2], 7)).nodes;
    assert.deepEqual([infers.outputs, [...infers.attributes.keys()]], [["y"], []]);
  });
});
