// Everything about a run that is settled before it starts: recipe, model with its head, data, split and phases, all checked together, so
// that what is wrong is said before anything is computed.

import { createHash } from "node:crypto";
import { balancedWeights, binaryTargets, classLabels, numericTargets, type Labels } from "../data/labels.js";
import type { SampleSource } from "../data/source.js";
import { compileAugmentation, type Augmentation } from "../data/augment.js";
import type { BadSamples } from "../data/bad-samples.js";
import { selectRows } from "../data/dataset.js";
import type { Split } from "../data/split.js";
import type { Transform } from "../data/transforms.js";
import { nodePositions } from "../autodiff/parameters.js";
import * as errors from "../errors.js";
import { elementCount, isStatic } from "../graph/dims.js";
import { isFloat } from "../graph/tensor.js";
import { inferenceForm } from "../passes/inference-form.js";
import { inlineFunctions } from "../passes/inline-functions.js";
import type { Graph, Model, TensorType } from "../graph/types.js";
import { attachLoss, lossOutput, type Loss } from "../nn/losses.js";
import { readModel } from "../onnx/file.js";
import { wasExternal } from "../onnx/tensors.js";
import { inferGraph } from "../ops/infer.js";
import { analyseBatch, type BatchAnalysis } from "../passes/batch.js";
import { prune } from "../passes/prune.js";
import { upgradeOpset } from "../passes/upgrade-opset.js";
import { hashFile } from "./files.js";
import { checkIntegers, DataReading, splitDataset, untaughtClasses } from "./job-data.js";
import { settingsByParameter } from "./groups.js";
import { buildPhaseGraph, markParameters, type PhaseContext, type SettledPhase } from "./phase-graph.js";
import { assertTrainable, blockedRequests, defaultPlan } from "./plan.js";
import { hashTensor } from "./proof.js";
import { phasesOf, type LossSettings, type ResolvedRecipe } from "./recipe.js";
import { buildTraining } from "./step-program.js";
import { attachHead, type Surgery } from "./surgery.js";
import { joinTeacher } from "./teacher.js";
import { selectTargets, type Targets } from "./targets.js";
import { mapPaths } from "./data-schema.js";

export interface Job {
  readonly recipe: ResolvedRecipe;
  /** Identifies recipe, model and data: a checkpoint of another job is refused. */
  readonly id: string;
  /** SHA-256 (hex) of the base model's file. */
  readonly baseModel: string;
  /** The base model with its head and without functions; its batch is free where it can be. */
  readonly model: Model;
  /** The same as its file has it, functions included, where the two do not differ otherwise: what an export starts from. */
  readonly stored: Model;
  /** The same with functions inlined: parameters are marked in it. */
  readonly whole: Graph;
  /** The part of it that the loss needs, with the sizes that the data settles. */
  readonly graph: Graph;
  /** The same for a batch of one, where the batch had to be freed. */
  readonly single?: Graph;
  readonly surgery?: Surgery;
  readonly context: PhaseContext;
  readonly batch: BatchAnalysis;
  readonly phases: readonly SettledPhase[];
  /** The model's input that samples are fed to, with the shape of one sample. */
  readonly input: { readonly name: string; readonly type: TensorType; readonly sampleShape: readonly number[] };
  /** The samples that can be used. To be closed when the run is over. */
  readonly source: SampleSource;
  /** Their rows among those that the data opens with. */
  readonly rows: Uint32Array;
  /** Channels that images were read with, where something says how many. */
  readonly channels?: number;
  /** Number of each sample in its file, counted from 1. */
  readonly numbers: Uint32Array;
  /** Samples that cannot be used, left out. */
  readonly skipped: Skipped;
  readonly transform: Transform;
  /** Of the samples that train. */
  readonly augmentation?: Augmentation;
  readonly targets: Targets;
  readonly split: Split;
  readonly warnings: readonly string[];
}

/** Samples that are left out, the first few in words. */
export interface Skipped {
  readonly count: number;
  readonly examples: readonly string[];
}

/**
 * Reads and checks all that a recipe names.
 * @throws recipe/…, model/…, data/… whatever is wrong with them
 */
export async function prepareJob(recipe: ResolvedRecipe): Promise<Job> {
  const reading = new DataReading(recipe);
  try {
    return await settleJob(recipe, reading);
  } catch (error) {
    reading.close();
    throw error;
  }
}

async function settleJob(recipe: ResolvedRecipe, reading: DataReading): Promise<Job> {
  const read = await readModel(recipe.model);
  const base: Model = { ...read, graph: inferenceForm(read.graph) };
  const baseModel = await hashFile(recipe.model);
  const inlined: Model = { ...base, graph: inlineFunctions(base.graph) };
  // The data may take a while to read: plans are checked before, unless the head needs to know what the samples are like.
  const early = recipe.head !== undefined && hasOpenSizes(inlined.graph) ? await reading.open(inlined.graph) : undefined;
  const headSettings = early === undefined ? {} : { sampleShape: early.transform.outputShape };
  const surgery = recipe.head === undefined ? undefined : attachHead(inlined, { ...recipe.head, ...headSettings, seed: recipe.seed });
  const whole = surgery?.model ?? inlined;
  const output = lossOutput(whole.graph, recipe.loss);
  const phases = settlePhases(recipe, surgery?.headPrefix);
  const untaught: PhaseContext = {
    output,
    loss: settledLoss(recipe.loss),
    headPrefix: surgery?.headPrefix,
    headDropout: new Set(surgery?.headDropout),
    modelDropout: recipe.dropout === "active",
    positions: nodePositions(inlined.graph),
  };
  const warnings = phases.flatMap((phase) => checkPlan(whole.graph, phase, untaught));
  const { dataset: all, transform } = early ?? (await reading.open(whole.graph));
  const student = prune(whole.graph, [output]);
  const taught =
    recipe.loss.type === "distillation" ? joinTeacher(student, { base: inlined.graph, whole: whole.graph, phases, context: untaught }) : undefined;
  const context = taught === undefined ? untaught : { ...untaught, loss: { ...untaught.loss, teacher: taught.logits } };
  const needed = taught?.graph ?? student;
  const input = chooseInput(whole.graph, needed, recipe.data.input, transform.outputShape);
  const shaped = withSampleShape(needed, input);
  const batch = analyseBatch(shaped);
  if (!batch.free && phases.some((phase) => phase.batchSize > 1)) {
    const [op, node, reason, cut] = blockOf(batch);
    if (taught !== undefined && analyseBatch(withSampleShape(student, input)).free) throw errors.teacherBatch(op, node, reason);
    throw errors.batchBlocked(op, node, reason, cut);
  }
  const graph = batch.free ? batch.graph : shaped;
  const allLabels = readTargets(recipe, all.labels, graph, { context, bad: reading.bad });
  await checkIntegers({ source: all.source, transform, input, whole: whole.graph }, all.labels, reading.bad);
  const good = reading.bad.takeGood(all.source.count);
  if (good.length === 0) throw errors.noGoodSamples(all.labels.path, reading.bad.count, reading.bad.examples);
  const dataset = selectRows(all, good);
  const labels = selectTargets(allLabels, good);
  const parts = splitDataset(recipe, dataset, labels);
  if (parts.validation.length === 0) for (const phase of phases) refuseValidationNeeds(phase);
  const loss =
    recipe.loss.classWeights === "balanced" && labels.kind === "classes"
      ? { ...context.loss, classWeights: balancedWeights(labels, parts.train) }
      : context.loss;
  const targets: Targets = labels.kind === "classes" && loss.classWeights !== undefined ? { ...labels, weights: loss.classWeights } : labels;
  const augmentation = recipe.data.augment && compileAugmentation(recipe.data.augment, recipe.data.transform, dataset.source.sampleShape);
  if (augmentation !== undefined && !isFloat(input.type.dtype)) throw errors.augmentedIntegers(input.name, input.type.dtype);
  const model: Model = { ...whole, graph: freedWhereFree(whole.graph) };
  const job: Job = {
    recipe,
    id: identify(recipe, [baseModel, ...dataFileHashes(read.graph)], [dataset.identity, dataset.source.contentHash]),
    baseModel,
    model,
    stored: surgery === undefined && model.graph === inlined.graph ? base : model,
    whole: whole.graph,
    graph,
    ...(batch.free && wasFixed(whole.graph, input.name) ? { single: shaped } : {}),
    ...(surgery === undefined ? {} : { surgery }),
    context: { ...context, loss },
    batch,
    phases,
    input,
    source: dataset.source,
    rows: good,
    ...(reading.channels === undefined ? {} : { channels: reading.channels }),
    numbers: dataset.numbers,
    skipped: { count: reading.bad.count, examples: reading.bad.examples },
    transform,
    ...(augmentation === undefined ? {} : { augmentation }),
    targets,
    split: parts,
    warnings: [...(surgery?.warnings ?? []), ...warnings, ...untaughtClasses(labels, parts)],
  };
  return { ...job, warnings: [...job.warnings, ...checkPhases(job)] };
}

/** Whether an input leaves more open than its batch. */
export function hasOpenSizes({ inputs, initializers }: Graph): boolean {
  return inputs.some(
    ({ name, type }) => !initializers.has(name) && type?.kind === "tensor" && (type.shape === undefined || !isStatic(type.shape.slice(1))),
  );
}

function settlePhases(recipe: ResolvedRecipe, headPrefix: string | undefined): readonly SettledPhase[] {
  return phasesOf(recipe).map((phase) => ({ ...phase, freeze: phase.freeze ?? defaultPlan(headPrefix) }));
}

/**
 * Differentiates every phase once, without running anything: what has no gradient in the last one is found before the first one runs.
 * Answers what augmentation costs in the phases that have a frozen part.
 */
function checkPhases({ whole, graph, batch, phases, context, augmentation, split: { train } }: Job): readonly string[] {
  return phases.flatMap((phase) => {
    const built = buildPhaseGraph({ whole, graph, batch }, phase, context);
    buildTraining({ ...built, ...context, boundary: [], mixed: augmentation?.mix !== undefined });
    if (augmentation === undefined || built.prefix === undefined) return [];
    const runs = (train.length * phase.epochs).toLocaleString("en");
    return [
      `Phase "${phase.name}": data.augment makes new training samples in every epoch, so the frozen part runs for each of them: ` +
        `${runs} samples in ${phase.epochs} epochs, where without it ${train.length.toLocaleString("en")} would do once.`,
    ];
  });
}

/** Answers what a plan asks for in vain. @throws whatever is wrong with it */
function checkPlan(whole: Graph, phase: SettledPhase, context: PhaseContext): readonly string[] {
  const { plan, marked } = markParameters(whole, phase, context);
  assertTrainable(marked);
  settingsByParameter(phase, marked);
  return blockedRequests(marked, plan).map(
    ({ name, reason }) => `Phase "${phase.name}": "${name}" is asked to train, but every path from it to the loss is cut (${reason}).`,
  );
}

/** What follows the validation loss needs one. @throws recipe/no-validation */
function refuseValidationNeeds({ name, earlyStopping, schedule }: SettledPhase): void {
  if (earlyStopping !== undefined) throw errors.needsValidation(name, "earlyStopping");
  if (schedule.type === "reduceOnPlateau") throw errors.needsValidation(name, "the schedule reduceOnPlateau");
}

/** The input that `data.input` names, or the only one; the transformed sample must fit it. @throws recipe/input; recipe/sample-shape */
export function chooseInput(whole: Graph, needed: Graph, wanted: string | undefined, sampleShape: readonly number[]): Job["input"] {
  const namesOf = (graph: Graph): readonly string[] => graph.inputs.map((i) => i.name).filter((name) => !graph.initializers.has(name));
  const [all, required] = [namesOf(whole), namesOf(needed)];
  if (wanted === undefined ? all.length !== 1 : !all.includes(wanted)) throw errors.modelInput(wanted, all);
  const name = wanted ?? all[0];
  const others = required.filter((n) => n !== name);
  if (others.length > 0 || !required.includes(name)) throw errors.otherInputs(name, others);
  const type = needed.inputs.find((i) => i.name === name)?.type;
  if (type?.kind !== "tensor") throw errors.otherInputs(name, []);
  const { dtype, shape } = type;
  const wants = shape?.slice(1);
  const fits = wants === undefined || (wants.length === sampleShape.length && wants.every((d, i) => typeof d === "string" || d === sampleShape[i]));
  if (!fits) throw errors.sampleShape(name, wants, sampleShape);
  return { name, type: { kind: "tensor", dtype, ...(shape === undefined ? {} : { shape }) }, sampleShape };
}

/** The model that is exported takes batches too, wherever all of it can. */
function freedWhereFree(graph: Graph): Graph {
  const batch = analyseBatch(graph);
  return batch.free ? batch.graph : graph;
}

/** The graph with the sizes that the data settles in place of open ones; the batch stays as it is. */
function withSampleShape(graph: Graph, { name, type, sampleShape }: Job["input"]): Graph {
  const shape = [type.shape?.[0] ?? "batch", ...sampleShape];
  return { ...graph, inputs: graph.inputs.map((info) => (info.name === name ? { ...info, type: { ...type, shape } } : info)) };
}

function wasFixed(graph: Graph, input: string): boolean {
  const type = graph.inputs.find((i) => i.name === input)?.type;
  return type?.kind === "tensor" && typeof type.shape?.[0] === "number";
}

function blockOf({ blockedBy, proposedCut }: BatchAnalysis): Parameters<typeof errors.batchBlocked> {
  return [blockedBy?.op ?? "", blockedBy?.node ?? "", blockedBy?.reason ?? "", proposedCut];
}

/** Labels in the form that the loss compares; rows whose labels cannot be used go to `bad`. @throws data/…; recipe/loss */
function readTargets(
  { loss: settings }: ResolvedRecipe,
  labels: Labels,
  graph: Graph,
  { context: { output, loss }, bad }: { readonly context: PhaseContext; readonly bad: BadSamples },
): Targets {
  const upgraded = upgradeOpset(graph);
  const facts = inferGraph(upgraded);
  const attached = attachLoss(upgraded, output, loss, facts);
  const shape = facts.get(output)?.type?.shape;
  const columns = [...labels.columns.keys()];
  if (loss.type === "crossEntropy" || loss.type === "distillation") {
    if (columns.length !== 1) throw errors.oneLabelColumn(settings.type, columns);
    const classes = shape?.[1];
    return {
      kind: "classes",
      logits: attached.input === output,
      ...classLabels(labels, columns[0], typeof classes === "number" ? classes : undefined, bad),
    };
  }
  const wanted = shape?.slice(1);
  if (isStatic(wanted) && elementCount(wanted) !== columns.length) throw errors.targetColumns(loss.type, output, wanted, columns.length);
  if (loss.type === "binaryCrossEntropy") return { kind: "labels", threshold: attached.input === output ? 0 : 0.5, ...binaryTargets(labels, bad) };
  return { kind: "values", ...numericTargets(labels, bad) };
}

/** The loss as the recipe says; weights that follow from the data are not known yet. */
function settledLoss({ classWeights, ...loss }: LossSettings): Loss {
  return classWeights === undefined || classWeights === "balanced" ? loss : { ...loss, classWeights };
}

/** Keys that say where things lie, not what is computed; what the files hold counts by its hash. */
const places: readonly string[] = ["path", "folder", "model", "output", "cache"];

/** Hashes of the tensors that lie in files beside the model's own. */
function dataFileHashes({ initializers }: Graph): readonly string[] {
  return [...initializers.values()].filter(wasExternal).map(hashTensor);
}

/** Of the data, what the files hold and what they are decoded to: another version of a decoder may give other pixels. */
function identify(recipe: ResolvedRecipe, baseModel: readonly string[], data: readonly string[]): string {
  const decisive = Object.entries({ ...recipe, data: mapPaths(recipe.data, () => "") }).filter(([key]) => !places.includes(key));
  return createHash("sha256")
    .update(JSON.stringify([decisive, baseModel, data]))
    .digest("hex");
}
