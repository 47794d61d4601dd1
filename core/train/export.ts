// Export: the base model's own nodes with the trained weights, in inference form, and what the training did in its metadata. The file takes
// its place only after the frozen tensors have been read back from it and found unchanged.

import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { collectParameters } from "../autodiff/parameters.js";
import * as errors from "../errors.js";
import { readsOf } from "../graph/traverse.js";
import type { Graph, Model } from "../graph/types.js";
import { readModel, writeModel } from "../onnx/file.js";
import { inlineFunctions } from "../passes/inline-functions.js";
import { deactivateDropout } from "../passes/dropout.js";
import { overlay } from "../passes/weights.js";
import type { Job } from "./job.js";
import { withTrainingMetadata } from "./metadata.js";
import { dtypesOf } from "./open-phase.js";
import { changedTensors, hashTensors, namedForProof, type SpanProof } from "./proof.js";
import { tensorsOf, type RunState } from "./state.js";

export interface ExportOptions {
  readonly run: string;
  readonly version: string;
  /** Phase whose chosen weights are exported. */
  readonly phase: number;
}

/**
 * Writes `job.recipe.output`. Answers the proofs, with the span that yielded the weights compared with what stands in the file.
 * @throws check/proof, leaving an earlier file as it was; run/write
 */
export async function exportModel(job: Job, state: RunState, output: string, options: ExportOptions): Promise<readonly SpanProof[]> {
  const best = state.best[options.phase];
  const weights = best === undefined ? new Map<never, never>() : tensorsOf(best.weights, dtypesOf(job.model.graph));
  const proofs = state.proofs.map((proof, i) => (i === options.phase ? { ...proof, readBack: true } : proof));
  const staging = join(dirname(output), `.${basename(output)}.${options.run}.partial`);
  const staged = join(staging, basename(output));
  try {
    await mkdir(staging, { recursive: true });
    await writeModel(trainedModel(job, state, overlay(exportedForm(job, state), weights), proofs, options), staged);
    const changed = changedTensors(proofs[options.phase]?.before ?? {}, await hashesInFile(staged));
    if (changed.length > 0) throw errors.proofFailed(proofs[options.phase].phase, changed);
    // The model last: whoever reads it finds its external data in place.
    const files = (await readdir(staging)).sort((a, b) => Number(a === basename(output)) - Number(b === basename(output)));
    for (const file of files) await rename(join(staging, file), join(dirname(output), file));
  } catch (cause) {
    throw cause instanceof errors.EngineError ? cause : errors.cannotWrite(output, cause);
  } finally {
    // Where it could not be made, there is nothing to remove; the error above is the one to tell.
    await rm(staging, { recursive: true, force: true }).catch(() => undefined);
  }
  return proofs;
}

/** The file's own form; weights that live in a function's body can only be trained where its calls are written out. */
function exportedForm(job: Job, { trained }: RunState): Graph {
  const { model, stored } = job;
  const own = new Set([...stored.graph.initializers.keys(), ...stored.graph.nodes.flatMap((node) => node.outputs)]);
  return withoutHeadDropout([...trained].every((name) => own.has(name)) ? stored.graph : model.graph, job);
}

/** The head's dropout does nothing outside training and is left out, with the ratios that only it read; the model's own nodes stay. */
function withoutHeadDropout(graph: Graph, { context }: Job): Graph {
  const reduced = deactivateDropout(graph, (node) => context.headDropout.has(node.name));
  const [before, after] = [readNames(graph), readNames(reduced)];
  const initializers = new Map([...reduced.initializers].filter(([name]) => after.has(name) || !before.has(name)));
  return { ...reduced, initializers };
}

function readNames({ nodes, outputs }: Graph): ReadonlySet<string> {
  return new Set([...nodes.flatMap(readsOf), ...outputs.map((o) => o.name)]);
}

function trainedModel(job: Job, state: RunState, graph: Graph, proofs: readonly SpanProof[], { run, version }: ExportOptions): Model {
  const { recipe, phases, targets, surgery, baseModel, model } = job;
  const metadata = withTrainingMetadata(model.metadata, {
    version,
    baseModel,
    run,
    freezePlan: phases.map(({ name, freeze, stopGradient }) => ({ phase: name, freeze: [...freeze], stopGradient: [...stopGradient] })),
    ...(targets.kind === "classes" && targets.names !== undefined ? { labels: targets.names } : {}),
    transform: recipe.data.transform,
    trained: [...state.trained],
    ...(surgery === undefined ? {} : { cut: surgery.cut }),
    proof: proofs.map(({ phase, steps, before, changed, readBack }) => ({
      phase,
      steps: [...steps],
      before: { ...before },
      changed: [...changed],
      readBack,
    })),
  });
  return { ...model, graph, metadata };
}

async function hashesInFile(path: string): Promise<ReturnType<typeof hashTensors>> {
  const graph = inlineFunctions((await readModel(path)).graph);
  return hashTensors(namedForProof(collectParameters(graph)).map(([name, { tensor }]) => [name, tensor]));
}
