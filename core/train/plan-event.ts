// The freeze table of a phase as an event: what each layer holds under which mark.

import type { MarkedParameter } from "../autodiff/freeze.js";
import { elementCount } from "../graph/dims.js";
import type { MarkTotals, PlanEvent, PlanRow } from "./events.js";
import type { Job } from "./job.js";
import type { ChosenExecutor } from "../runtime/select.js";
import type { OpenPhase } from "./open-phase.js";
import type { SettledPhase } from "./phase-graph.js";

export function planEvent(
  job: Job,
  { phase, graph }: Pick<OpenPhase, "phase" | "graph">,
  index: number,
  run: string,
  { executor, reason }: ChosenExecutor,
): PlanEvent {
  const { train, validation, test } = job.split;
  const steps = ({ batchSize, accumulate }: SettledPhase): number => Math.ceil(train.length / (batchSize * accumulate));
  const cut = graph.prefix?.outputs.findLast(({ name }) => name !== job.context.loss.teacher)?.name;
  return {
    event: "plan",
    run,
    model: job.recipe.model,
    provider: { name: executor.provider, runtime: executor.description, threads: executor.threads, reason },
    phase: phase.name,
    index: index + 1,
    phases: job.phases.length,
    layers: rowsOf(graph.marked),
    totals: totalsOf(graph.marked),
    ...(cut === undefined ? {} : { prefix: cut }),
    ...(job.augmentation === undefined ? {} : { augmented: true }),
    samples: { train: train.length, validation: validation.length, test: test.length },
    epochs: phase.epochs,
    stepsPerEpoch: steps(phase),
    totalSteps: job.phases.reduce((sum, p) => sum + p.epochs * steps(p), 0),
  };
}

/** What a layer is called in reports: its scope, or the stored name's where the node has no name that says anything (`Conv_17`). */
export function labelOf({ layer, name }: Pick<MarkedParameter, "layer" | "name">): string {
  const end = name.lastIndexOf(".");
  return /^(node_)?[A-Z]\w*_\d+$/.test(layer) && end > 0 ? name.slice(0, end) : layer;
}

/** One row per layer and mark, in the order of first use. */
function rowsOf(marked: readonly MarkedParameter[]): readonly PlanRow[] {
  const rows = new Map<string, PlanRow>();
  for (const parameter of marked) {
    const { mark, reason, shape } = parameter;
    const layer = labelOf(parameter);
    const key = `${layer}\n${mark}\n${reason ?? ""}`;
    const row = rows.get(key) ?? { layer, mark, ...(reason === undefined ? {} : { reason }), tensors: 0, elements: 0 };
    rows.set(key, { ...row, tensors: row.tensors + 1, elements: row.elements + elementCount(shape) });
  }
  return [...rows.values()];
}

/** Elements by mark. */
export function totalsOf(marked: readonly MarkedParameter[]): MarkTotals {
  const sum = (mark: MarkedParameter["mark"]): number => marked.filter((p) => p.mark === mark).reduce((n, p) => n + elementCount(p.shape), 0);
  const [trainable, frozen, blocked, buffers] = [sum("trainable"), sum("frozen"), sum("blocked"), sum("buffer")];
  return { parameters: trainable + frozen + blocked, trainable, frozen, blocked, buffers };
}
