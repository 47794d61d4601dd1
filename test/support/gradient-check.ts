// Checks a gradient case: analytic gradients of a random projection of all outputs against central differences in float64, then the
// same case in float32 on onnxruntime alone, and older forms of an operator against their upgraded form.

import assert from "node:assert/strict";
import { gradients } from "../../core/autodiff/gradients.js";
import { GraphBuilder, type Value } from "../../core/graph/builder.js";
import { substitute } from "../../core/graph/dims.js";
import { isFloat, tensorOf } from "../../core/graph/tensor.js";
import type { DType, Graph, TensorType } from "../../core/graph/types.js";
import { inferGraph, inferNode } from "../../core/ops/infer.js";
import { internalOpset } from "../../core/ops/index.js";
import { prune } from "../../core/passes/prune.js";
import { upgradeOpset } from "../../core/passes/upgrade-opset.js";
import type { HostTensor } from "../../core/runtime/executor.js";
import type { Provider } from "../../core/runtime/providers.js";
import { compileFloat64 } from "./evaluate.js";
import { graphOf, inputName, sizesOf, titleOf, valuesOf, type DimForm, type GradientCase } from "./gradient-case.js";
import { seededRandom, seedOf } from "./random.js";
import { compileGraph, fed, numbers, runGraph, type Tensors } from "./run-graph.js";

/** Changes every random number of the checks. */
export const seed = Number(process.env.GRADIENT_SEED ?? 20);

/** |analytic − numeric| ≤ tolerance · max(1, ‖numeric‖∞) */
const tolerances: Readonly<Record<"float64" | "float32", number>> = { float64: 1e-6, float32: 1e-3 };
/** Step of the central differences; a power of two, so that x ± h is exact. */
const step = 2 ** -16;

export type Precision = "float64" | "float32";

/** A case with everything that does not depend on the form in which it is checked. */
export interface PreparedCase {
  readonly test: GradientCase;
  readonly title: string;
  readonly values: readonly (readonly number[])[];
  /** Positions of the inputs whose gradients are checked. */
  readonly differentiated: readonly number[];
  /** What the forward graph makes. */
  readonly outputs: Tensors;
  readonly coefficients: readonly HostTensor[];
  /** What the gradients must be, by position in `differentiated`. */
  readonly wanted: readonly (readonly number[])[];
}

const prepared = new Map<GradientCase, Promise<PreparedCase>>();

/** Runs the central differences of a case, once. */
export function prepareCase(test: GradientCase): Promise<PreparedCase> {
  const known = prepared.get(test) ?? prepare(test);
  prepared.set(test, known);
  return known;
}

async function prepare(test: GradientCase): Promise<PreparedCase> {
  const title = titleOf(test);
  const values = valuesOf(test, seed);
  const differentiated = test.inputs.flatMap((input, i) => (input?.kind === "float" && input.differentiate ? [i] : []));
  const forward = upgradeOpset(graphOf(test, "float64", "static", values));
  const outputs = await runForward(forward, feedsOf(test, "float64", values));
  const coefficients = floatOutputs(forward).map((name, i) => {
    const { shape } = outputs[name];
    const random = seededRandom(seedOf(`${title} coefficients ${i}`, seed));
    const count = shape.reduce((n, d) => n * d, 1);
    return fed(tensorOf("float64", Array.from({ length: count }, () => Math.round((random() * 2 - 1) * 1024) / 1024), shape)); // prettier-ignore
  });
  const half = { test, title, values, differentiated, outputs, coefficients };
  const expected = test.expected?.({ inputs: values, coefficients: coefficients.map(numbers) });
  return { ...half, wanted: expected ?? (await centralDifferences(forward, half)) };
}

/** The outputs of a run without a loss: their shapes are what the shape rules have to say. */
async function runForward(forward: Graph, feeds: Tensors): Promise<Tensors> {
  const compiled = await compileFloat64(forward);
  const outputs = await compiled.run(feeds);
  await compiled.release();
  return outputs;
}

function floatOutputs(graph: Graph): readonly string[] {
  const facts = inferGraph(graph);
  return graph.outputs.map((o) => o.name).filter((name) => isFloat(facts.get(name)?.type?.dtype ?? "bool"));
}

function feedsOf(test: GradientCase, dtype: DType, values: readonly (readonly number[])[]): Record<string, HostTensor> {
  const feeds: Record<string, HostTensor> = {};
  for (const [i, input] of test.inputs.entries()) {
    if (input === undefined || input.constant) continue;
    feeds[inputName(i)] = fed(input.kind === "float" ? tensorOf(dtype, values[i], input.shape) : input.tensor);
  }
  return feeds;
}

/** The graph with the loss Σ coefficient · output behind it, as its only output. */
export function withLoss(forward: Graph, dtype: DType): Graph {
  const facts = inferGraph(forward);
  const b = new GraphBuilder(forward, inferNode);
  const coefficients: Value[] = [];
  const terms = floatOutputs(forward).map((name, i) => {
    const { type } = facts.get(name) as { readonly type: TensorType };
    const coefficient = b.input(`coefficient${i}`, { ...type, dtype });
    coefficients.push(coefficient);
    b.scope = "loss";
    return b.reduceSum(b.mul(b.cast({ name, type }, dtype), coefficient), undefined, false);
  });
  const loss = b.sum(terms);
  return b.finish([loss], coefficients);
}

async function centralDifferences(forward: Graph, { test, values, differentiated, coefficients }: Omit<PreparedCase, "wanted">): Promise<number[][]> {
  const graph = withLoss(forward, "float64");
  const [{ name: loss }] = graph.outputs;
  const compiled = await compileFloat64(graph);
  const feeds = { ...feedsOf(test, "float64", values), ...coefficientFeeds(coefficients, "float64") };
  const differences: number[][] = [];
  for (const i of differentiated) {
    const data = feeds[inputName(i)].data as Float64Array;
    const slopes: number[] = [];
    for (let k = 0; k < data.length; k++) {
      const at = data[k];
      data[k] = at + step;
      const above = (await compiled.run(feeds))[loss].data[0] as number;
      data[k] = at - step;
      const below = (await compiled.run(feeds))[loss].data[0] as number;
      data[k] = at;
      slopes.push((above - below) / (2 * step));
    }
    differences.push(slopes);
  }
  await compiled.release();
  return differences;
}

function coefficientFeeds(coefficients: readonly HostTensor[], dtype: DType): Record<string, HostTensor> {
  return Object.fromEntries(coefficients.map((c, i) => [`coefficient${i}`, fed(tensorOf(dtype, c.data as Float64Array, c.shape))]));
}

/** The loss's gradient graph of a case, with the gradients (and nothing else) as outputs. */
export function gradientGraph({ test, values, differentiated }: PreparedCase, dtype: DType, form: DimForm) {
  const graph = withLoss(upgradeOpset(graphOf(test, dtype, form, values)), dtype);
  const { graph: full, gradients: names } = gradients(graph, [graph.outputs[0].name], differentiated.map(inputName));
  return { graph: prune(full, [...new Set(names.filter((n) => n !== undefined))], { keepInputs: true }), names };
}

/** Fails where the shape rules say of an output what it turns out not to be; symbols stand for the sizes that the case has. */
export function checkShapes({ test, title, values, outputs }: PreparedCase, form: DimForm): void {
  const graph = upgradeOpset(graphOf(test, "float64", form, values));
  const facts = inferGraph(graph);
  const sizes = sizesOf(test, form);
  // A list of axes or sizes that is fed says only at run time what it makes of a shape.
  const fedList = test.inputs.some((input) => input?.kind === "given" && input.isList === true && !input.constant);
  for (const { name } of graph.outputs) {
    const type = facts.get(name)?.type;
    const { dtype, shape } = outputs[name];
    const where = `${title}, ${form} sizes: inferred "${name}"`;
    assert.equal(type?.dtype, dtype, `${where}: element type`);
    if (type.shape === undefined) continue;
    const inferred = type.shape.map((d) => substitute(d, sizes));
    const unknowns = inferred.map((d, axis) => (typeof d === "number" ? d : shape[axis]));
    assert.deepEqual(unknowns, shape, `${where}: shape`);
    if (form === "static" && !fedList) assert.deepEqual(inferred, shape, `${where}: shape`);
  }
}

/** Fails, with the seed in its message, where an analytic gradient is not what it must be. In float32 another provider may compute it. */
export async function checkGradients(one: PreparedCase, precision: Precision, form: DimForm, provider?: Provider): Promise<void> {
  const { graph, names } = gradientGraph(one, precision, form);
  const feeds = { ...feedsOf(one.test, precision, one.values), ...coefficientFeeds(one.coefficients, precision) };
  const compiled = precision === "float64" ? await compileFloat64(graph) : await compileGraph(graph, { provider });
  const outputs = names.some((n) => n !== undefined) ? await compiled.run(feeds) : {};
  await compiled.release();
  for (const [at, i] of one.differentiated.entries()) {
    const name = names[at];
    const where = `${one.title}, ${precision}, ${form} sizes, input ${i}`;
    if (name !== undefined) assert.deepEqual(outputs[name].shape, shapeOf(one.test, i), `${where}: shape of the gradient`);
    compare(name === undefined ? one.wanted[at].map(() => 0) : numbers(outputs[name]), one.wanted[at], tolerances[precision], where);
  }
}

function shapeOf(test: GradientCase, i: number): readonly number[] {
  const input = test.inputs[i];
  return input?.kind === "float" ? input.shape : [];
}

function compare(analytic: readonly number[], numeric: readonly number[], tolerance: number, where: string): void {
  const limit = tolerance * Math.max(1, ...numeric.map(Math.abs));
  const wrong = numeric.findIndex((want, k) => !(Math.abs(analytic[k] - want) <= limit));
  if (wrong < 0) return;
  assert.fail(
    `${where}: gradient of element ${wrong} is ${analytic[wrong]}, expected ${numeric[wrong]} ± ${limit.toExponential(1)}\n` +
      `analytic ${analytic.join(" ")}\nexpected ${numeric.join(" ")}\n(GRADIENT_SEED=${seed})`,
  );
}

/** An older form of an operator computes the same before and after its upgrade, on onnxruntime in float32. */
export async function checkUpgrade({ test, title, values }: PreparedCase): Promise<void> {
  if ((test.opset ?? internalOpset) >= internalOpset) return;
  const graph = graphOf(test, "float32", "static", values);
  const feeds = feedsOf(test, "float32", values);
  const before = await runGraph(graph, feeds);
  const after = await runGraph(upgradeOpset(graph), feeds);
  for (const { name } of graph.outputs) {
    assert.deepEqual(after[name].shape, before[name].shape, `${title}: shape of "${name}" after the upgrade`);
    compare(numbers(after[name]), numbers(before[name]), 1e-6, `${title}: "${name}" after the upgrade`);
  }
}
