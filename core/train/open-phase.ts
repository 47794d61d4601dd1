// Opens a phase: builds its graphs from the weights that it starts from, computes or finds its features, and answers what the training loop
// needs.

import { tensorAttribute } from "../graph/attributes.js";
import { elementCount } from "../graph/dims.js";
import type { DType, Graph, Tensor } from "../graph/types.js";
import { isConstantNode } from "../ops/index.js";
import { Arena } from "../optim/arena.js";
import type { Optimizer } from "../optim/define.js";
import { overlay } from "../passes/weights.js";
import { tensorOfHost } from "../runtime/host-tensor.js";
import { optimizersFor } from "./groups.js";
import type { Job } from "./job.js";
import { buildPhaseGraph, type PhaseGraph, type SettledPhase } from "./phase-graph.js";
import { PhaseRuntime, type Weights } from "./phase-runtime.js";
import { namedForProof } from "./proof.js";
import { openFeatures, type FeatureContext } from "./open-features.js";
import { mixesOf } from "./samples.js";
import { tensorsOf, type Snapshot } from "./state.js";

export interface OpenPhase {
  readonly phase: SettledPhase;
  readonly graph: PhaseGraph;
  /** Of each tensor that trains, by name. */
  readonly optimizers: ReadonlyMap<string, Optimizer>;
  /** Holds weights, gradients and running values of what trains. */
  readonly arena: Arena;
  readonly runtime: PhaseRuntime;
  /** Tensors of the snapshot that the phase starts from, in the model's own element types. */
  readonly start: ReadonlyMap<string, Tensor>;
  /** What must not move in this phase, by name: as the phase began, or as it is with the given weights. */
  readonly frozen: (weights?: Weights) => readonly (readonly [string, Tensor])[];
}

/** Answers undefined where a stop came while features were computed. `onGraph` hears of the phase's graphs before that begins. */
export async function openPhase(
  job: Job,
  index: number,
  from: Snapshot,
  context: FeatureContext,
  onGraph?: (graph: PhaseGraph) => void,
): Promise<OpenPhase | undefined> {
  const phase = job.phases[index];
  const start = tensorsOf(from, dtypesOf(job.whole));
  const started = { whole: overlay(job.whole, start), graph: overlay(job.graph, start), batch: job.batch };
  const graph = buildPhaseGraph(started, phase, job.context);
  onGraph?.(graph);
  const features = await openFeatures(job, phase, graph, context);
  let filled = false;
  try {
    filled = await features.fill();
  } finally {
    if (!filled) await features.close();
  }
  if (!filled) return undefined;
  const mixed = job.augmentation?.mix !== undefined;
  const plan = { ...graph, output: job.context.output, loss: job.context.loss, boundary: features.values, mixed };
  const optimizers = optimizersFor(phase, graph.marked);
  const arena = arenaFor(graph, phase, optimizers);
  const mixes = (rows: readonly number[], epoch: number): ReturnType<typeof mixesOf> => mixesOf(job, rows, epoch);
  const runtime = new PhaseRuntime(context.executor, plan, features, job.targets, job.recipe.seed, arena, mixes);
  return { phase, graph, optimizers, arena, runtime, start, frozen: (weights) => frozenTensors(graph, weights) };
}

/** Room for weight, gradient, running values, and where they are kept sum of gradients and average, of every tensor that trains. */
export function arenaFor({ marked, trainable }: PhaseGraph, phase: SettledPhase, optimizers: OpenPhase["optimizers"]): Arena {
  const training = new Set(trainable);
  const extra = Number(phase.accumulate > 1) + Number(phase.averageDecay !== undefined);
  return new Arena(
    marked
      .filter(({ name, nested }) => !nested && training.has(name))
      .flatMap(({ name, shape }) => {
        const vectors = 2 + (optimizers.get(name)?.slots.length ?? 0) + extra;
        return Array.from({ length: vectors }, () => elementCount(shape));
      }),
  );
}

function frozenTensors({ marked, trainable, movingStatistics }: PhaseGraph, weights: Weights | undefined): readonly (readonly [string, Tensor])[] {
  const moving = new Set([...trainable, ...movingStatistics]);
  return namedForProof(marked.filter(({ name, nested }) => nested || !moving.has(name))).map(([name, { nested, tensor, dtype }]) => {
    const master = nested ? undefined : weights?.get(name);
    return [name, master === undefined ? tensor : tensorOfHost(master, dtype)];
  });
}

/** Element type of each tensor of a model by name. */
export function dtypesOf(graph: Graph): (name: string) => DType {
  const constants = new Map(graph.nodes.filter(isConstantNode).map((node) => [node.outputs[0], tensorAttribute(node, "value")]));
  return (name) => (graph.initializers.get(name) ?? constants.get(name))?.dtype ?? "float32";
}
