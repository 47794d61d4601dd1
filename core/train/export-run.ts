// Exporting a run's weights on their own: the best that a stopped run has so far, or once more those of a run that has ended. Nothing is
// computed, so no runtime is loaded.

import * as errors from "../errors.js";
import { version } from "../version.js";
import { checkpointOf, readCheckpoint } from "./checkpoint.js";
import { exportModel } from "./export.js";
import { requirePlaceFor } from "./files.js";
import { prepareJob } from "./job.js";
import { summariseProofs, type ProofSummary, type SpanProof } from "./proof.js";
import { loadRecipe } from "./recipe.js";
import { findRunFolder, runsFolderOf } from "./run-log.js";
import { chooseBest, type RunState } from "./state.js";

export interface ExportRequest {
  readonly recipePath: string;
  /** Id or folder of the run. */
  readonly run: string;
  /** Where the model goes: an absolute path. */
  readonly output: string;
  /** As `TrainRequest.runsFolder`. */
  readonly runsFolder?: string;
}

export interface ExportReport {
  readonly output: string;
  readonly run: string;
  /** Phase whose weights they are, and its epoch, from 1. */
  readonly phase: string;
  readonly epoch: number;
  readonly proof: ProofSummary;
}

/**
 * Exports what a run has.
 * @throws usage/run where there is no such run, no checkpoint, or no epoch yet; recipe/resume-mismatch where recipe, model or data have
 *   changed since; check/proof; run/write
 */
export async function exportRun({ recipePath, run, output, runsFolder }: ExportRequest): Promise<ExportReport> {
  const recipe = await loadRecipe(recipePath);
  const { id, folder } = await findRunFolder(runsFolderOf(recipe.folder, runsFolder), run);
  const job = await prepareJob({ ...recipe, output });
  try {
    const state = await readCheckpoint(await checkpointOf(folder, id), job.id);
    const phase = chooseBest(state);
    const best = state.best.at(phase);
    if (best === undefined) throw errors.noEpochYet(id);
    await requirePlaceFor(output);
    closeSpan(state, job.phases[phase].name);
    const proofs = await exportModel(job, state, output, { run: id, version, phase });
    return { output, run: id, phase: job.phases[phase].name, epoch: best.epoch + 1, proof: summariseProofs(proofs) };
  } finally {
    job.source.close();
  }
}

/** What is frozen in the span that the run stopped in is compared with the file too. */
function closeSpan(state: RunState, phase: string): void {
  if (state.spanBefore === undefined || state.proofs.some((proof) => proof.phase === phase)) return;
  const from = state.proofs.at(-1)?.steps[1] ?? 0;
  state.proofs.push({ phase, steps: [from, state.position.step], before: state.spanBefore, changed: [], readBack: false } satisfies SpanProof);
  delete state.spanBefore;
}
