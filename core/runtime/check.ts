// The correctness check of a provider: a training graph made by the engine's own differentiation (convolution, normalisation, matrix
// product, loss) must give the numbers of check-numbers.ts. Which provider is checked, and what follows, is decided in select.ts.

import { gradients } from "../autodiff/gradients.js";
import { GraphBuilder, type Value } from "../graph/builder.js";
import { elementCount } from "../graph/dims.js";
import { tensorOf } from "../graph/tensor.js";
import type { DType, Graph } from "../graph/types.js";
import { attachLoss } from "../nn/losses.js";
import { internalOpset } from "../ops/index.js";
import { inferGraph, inferNode } from "../ops/infer.js";
import { prune } from "../passes/prune.js";
import { expectedNumbers } from "./check-numbers.js";
import type { Executor, HostTensor } from "./executor.js";
import { hostTensor, hostTensorOf } from "./host-tensor.js";

/** Largest difference that still counts as right, relative to the largest number of the same tensor. */
const tolerance = 2e-3;

/** Shapes of what trains in the check. */
const weightShapes = {
  "conv.weight": [6, 3, 3, 3],
  "conv.bias": [6],
  "norm.scale": [6],
  "norm.bias": [6],
  "dense.weight": [6, 5],
  "dense.bias": [5],
} as const;

export interface TrainingCheck {
  readonly graph: Graph;
  readonly feeds: Readonly<Record<string, HostTensor>>;
  /** Output of the graph by what it is: `loss`, `logits`, or the tensor that it is the gradient of. */
  readonly outputs: ReadonlyMap<string, string>;
}

/** What a provider computed that it should not. */
export interface Deviation {
  /** `loss`, `logits`, or the tensor whose gradient it is. */
  readonly what: string;
  readonly element: number;
  readonly got: number;
  readonly expected: number;
  /** How far off it may be. */
  readonly allowed: number;
}

/** x [3, 3, 7, 7] → convolution → Relu → mean over space → layer normalisation → dense → cross-entropy, with all gradients. */
export function trainingCheck(dtype: DType = "float32"): TrainingCheck {
  const types = Object.entries({ x: [3, 3, 7, 7], ...weightShapes }).map(([name, shape]) => ({
    name,
    type: { kind: "tensor", dtype, shape } as const,
  }));
  const base: Graph = {
    name: "provider check",
    opsets: new Map([["", internalOpset]]),
    inputs: types,
    outputs: [],
    nodes: [],
    initializers: new Map(),
    sparseInitializers: new Map(),
    valueTypes: new Map(),
    functions: new Map(),
  };
  const values = new Map<string, Value>(types.map((value) => [value.name, value]));
  const input = (name: string): Value => values.get(name) as Value;
  const b = new GraphBuilder(base, inferNode);
  b.scope = "check";
  const convolved = b.op("Conv", [input("x"), input("conv.weight"), input("conv.bias")], { attributes: { pads: [1, 1, 1, 1], strides: [2, 2] } });
  const pooled = b.reduceMean(b.op("Relu", [convolved]), [2, 3], false);
  const normalised = b.op("LayerNormalization", [pooled, input("norm.scale"), input("norm.bias")], { attributes: { axis: -1 } });
  const logits = b.add(b.matmul(normalised, input("dense.weight")), input("dense.bias"));
  const forward = b.finish([logits]);
  const attached = attachLoss(forward, logits.name, { type: "crossEntropy" }, inferGraph(forward));
  const names = Object.keys(weightShapes);
  const derived = gradients(attached.graph, [attached.loss], names);
  const outputs = new Map([["loss", attached.loss], ["logits", logits.name]]); // prettier-ignore
  names.forEach((name, i) => outputs.set(name, derived.gradients[i] ?? ""));
  const tensors = types.map(
    ({ name, type }, i) => [name, hostTensorOf(tensorOf(dtype, numbers(elementCount(type.shape), 7 + 2 * i), type.shape))] as const,
  );
  const labels = hostTensorOf(tensorOf("int64", [4, 0, 2]));
  return { graph: prune(derived.graph, [...outputs.values()]), feeds: { ...Object.fromEntries(tensors), [attached.target.name]: labels }, outputs };
}

/** Fractions between −1 and 1 that every machine writes the same way; an odd `step` keeps them apart. */
function numbers(count: number, step: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => (((i * step + 11) % 61) - 30) / 32 + 1 / 128);
}

/**
 * Runs the check: the first time on other weights, so that a provider that does not see feeds change in place, or that leaves given memory
 * alone, is found out too. Answers the number that is furthest off, or undefined.
 * @throws run/compile, run/runtime
 */
export async function findDeviation(executor: Executor): Promise<Deviation | undefined> {
  const { graph, feeds, outputs } = trainingCheck();
  const program = await executor.compile(graph);
  try {
    const into = Object.fromEntries(Object.entries(weightShapes).map(([name, shape]) => [outputs.get(name) ?? "", hostTensor("float32", shape)]));
    const weight = feeds["dense.weight"].data as Float32Array;
    const right = weight.slice();
    weight.fill(0.5);
    await program.run(feeds, into);
    weight.set(right);
    const results = await program.run(feeds, into);
    return compare(outputs, results);
  } finally {
    await program.dispose();
  }
}

function compare(outputs: TrainingCheck["outputs"], results: Readonly<Record<string, HostTensor>>): Deviation | undefined {
  let worst: Deviation | undefined;
  let largest = 1;
  for (const [what, expected] of Object.entries(expectedNumbers)) {
    const data = results[outputs.get(what) ?? ""].data as Float32Array;
    const allowed = tolerance * Math.max(...expected.map(Math.abs));
    for (const [element, wanted] of expected.entries()) {
      // NaN, and a number that is not there, are as far off as can be.
      const ratio = Math.abs(data[element] - wanted) / allowed;
      if (ratio <= largest || largest === Infinity) continue;
      largest = Number.isNaN(ratio) ? Infinity : ratio;
      worst = { what, element, got: data[element], expected: wanted, allowed };
    }
  }
  return worst;
}
