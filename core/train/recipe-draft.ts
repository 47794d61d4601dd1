// From a model, data and a task to what a new recipe needs: transforms that bring samples to the model's input, a head where the model's
// own output does not fit, and what could be frozen. Writing it down is new-recipe.ts' part. Nothing runs.

import type { SourceSettings } from "../data/dataset.js";
import type { TransformStep } from "../data/transforms.js";
import * as errors from "../errors.js";
import { elementCount, isStatic } from "../graph/dims.js";
import { attachLoss } from "../nn/losses.js";
import type { Layer } from "../nn/layers.js";
import type { DataSummary, Task } from "./data-facts.js";
import type { CachedModel, HeadedModel, ModelCache } from "./model-cache.js";
import { blocksOf, type ParameterBlock } from "./parameter-blocks.js";
import type { MarkedParameter } from "../autodiff/freeze.js";

export interface DraftRequest {
  readonly model: string;
  readonly data: SourceSettings;
  readonly summary: DataSummary;
  readonly task: Task;
}

/** What could be frozen, with what would then train. */
export interface FreezeChoice {
  readonly label: string;
  readonly freeze: readonly string[];
  readonly tensors: number;
  readonly parameters: number;
}

/** A part of the model that trains or not as a whole. */
export interface BlockChoice {
  readonly name: string;
  readonly rule: string;
  readonly tensors: number;
  readonly parameters: number;
}

/** A layer as a new recipe writes it: what has a default is left out. */
type HeadLayer = { readonly type: "dense"; readonly units: number } | { readonly type: "flatten" } | { readonly type: "globalAveragePool" };

export interface RecipeDraft {
  readonly data: SourceSettings;
  readonly task: Task;
  readonly samples: number;
  readonly transform: readonly TransformStep[];
  /** Shape of a sample that the model takes, and of one after the transforms, where they do not fit. */
  readonly misfit?: { readonly takes: readonly (number | string)[]; readonly gives: readonly number[] };
  readonly head?: { readonly after: string; readonly layers: readonly HeadLayer[]; readonly reason: string };
  /** The model's input and output that have to be named, where it has several. */
  readonly input?: string;
  readonly output?: string;
  readonly batchSize: number;
  readonly choices: readonly FreezeChoice[];
  /** From the first to the last; the new head, which always trains, is not among them. */
  readonly blocks: readonly BlockChoice[];
  /** Everything that can train. */
  readonly total: Pick<FreezeChoice, "tensors" | "parameters">;
}

/** @throws model/… where the model cannot be read; recipe/no-cut where it fits the labels nowhere */
export async function draftRecipe({ model: path, data, summary, task }: DraftRequest, models: ModelCache): Promise<RecipeDraft> {
  const model = await models.open(path);
  const { graph } = model.model;
  const inputs = graph.inputs.filter(({ name, type }) => !graph.initializers.has(name) && type?.kind === "tensor");
  const [input] = inputs;
  const takes = input?.type?.kind === "tensor" ? input.type.shape?.slice(1) : undefined;
  const samples = fitSamples(data, summary, takes);
  const { headed, head, output } = chooseHead(model, task, samples.shape);
  const trainable = headed.mark(() => false, [], output, { type: task.type }).filter((p) => p.mark === "trainable");
  const own = trainable.filter((p) => headed.surgery === undefined || !p.name.startsWith(`${headed.surgery.headPrefix}.`));
  const blocks = blocksOf(own);
  return {
    data: samples.data,
    task,
    samples: summary.samples,
    transform: samples.transform,
    ...(samples.misfit === undefined ? {} : { misfit: samples.misfit }),
    ...(head === undefined ? {} : { head }),
    ...(inputs.length > 1 && input !== undefined ? { input: input.name } : {}),
    ...(head === undefined && graph.outputs.length > 1 ? { output } : {}),
    batchSize: headed.batchUpTo(output).free ? 32 : 1,
    choices: freezeChoices(blocks, trainable, headed.surgery?.headPrefix),
    blocks: blocks.map((block) => ({ name: block.name, rule: block.rule, ...countOf(block.members) })),
    total: countOf(trainable),
  };
}

// ── samples ─────────────────────────────────────────────────────────────────────────────────────────────────────────

type Dims = readonly (number | string)[] | undefined;

interface FittedSamples {
  readonly data: SourceSettings;
  readonly transform: readonly TransformStep[];
  readonly shape: readonly number[] | undefined;
  readonly misfit?: RecipeDraft["misfit"];
}

/** Height and width of images for a model that takes any. */
const usualSize = [224, 224] as const;

function fitSamples(data: SourceSettings, { sampleShape, range }: DataSummary, takes: Dims): FittedSamples {
  if (data.images !== undefined) {
    const folder = typeof data.images === "string" ? data.images : data.images.folder;
    const [channels, height, width] = takes?.length === 3 ? takes : [3, ...usualSize];
    const size = [typeof height === "number" ? height : usualSize[0], typeof width === "number" ? width : usualSize[1]] as const;
    return { data: { ...data, images: { folder, size } }, transform: [], shape: [channels === 1 ? 1 : 3, ...size] };
  }
  if (sampleShape === undefined) return { data, transform: [], shape: undefined };
  const transform = [...stepsTo(sampleShape, takes)];
  const shape = transform.reduce<readonly number[]>(shapeAfter, sampleShape);
  const fits = takes === undefined || (takes.length === shape.length && takes.every((size, i) => typeof size === "string" || size === shape[i]));
  const scale = takes?.length === 3 && range !== undefined && range[0] >= 0 && range[1] > 1 ? [brightness(range[1])] : [];
  // Between the step that makes a picture and those that resample it.
  transform.splice(transform.length > 0 && "reshape" in transform[0] ? 1 : 0, 0, ...scale);
  return { data, transform, shape: fits ? shape : undefined, ...(fits ? {} : { misfit: { takes, gives: shape } }) };
}

/** Values from 0 to a byte's or the data's maximum → 0 to 1. */
function brightness(maximum: number): TransformStep {
  return { scale: { from: [0, maximum > 128 && maximum <= 255 ? 255 : maximum], to: [0, 1] } };
}

/** Steps that could bring a sample to the shape that the model takes: the same values in another shape, or a picture of another size. */
function stepsTo(shape: readonly number[], takes: Dims): readonly TransformStep[] {
  if (takes === undefined || (takes.length === shape.length && takes.every((size, i) => typeof size === "string" || size === shape[i]))) return [];
  if (isStatic(takes) && elementCount(takes) === elementCount(shape)) return [{ reshape: [...takes] }];
  const picture = pictureOf(shape);
  if (takes.length !== 3 || picture === undefined) return [];
  const [channels, height, width] = takes;
  const steps: TransformStep[] = picture.every((size, i) => size === shape[i]) && shape.length === 3 ? [] : [{ reshape: [...picture] }];
  if (picture[0] === 1 && typeof channels === "number" && channels > 1) steps.push({ repeat: channels });
  if (typeof height === "number" && typeof width === "number" && (height !== picture[1] || width !== picture[2]))
    steps.push({ resize: [height, width] });
  return steps;
}

/** [channels, height, width] of what looks like a picture: two axes, or as many values as a square one has. */
function pictureOf(shape: readonly number[]): readonly [number, number, number] | undefined {
  if (shape.length === 3) return [shape[0], shape[1], shape[2]];
  if (shape.length === 2) return [1, shape[0], shape[1]];
  for (const channels of [1, 3]) {
    const side = Math.sqrt(shape[0] / channels);
    if (shape.length === 1 && Number.isInteger(side) && side > 1) return [channels, side, side];
  }
  return undefined;
}

function shapeAfter(shape: readonly number[], step: TransformStep): readonly number[] {
  if ("reshape" in step) return step.reshape;
  if ("repeat" in step) return [step.repeat, ...shape.slice(1)];
  return "resize" in step ? [shape[0], ...step.resize] : shape;
}

// ── head ────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface ChosenHead {
  readonly headed: HeadedModel;
  readonly head?: NonNullable<RecipeDraft["head"]>;
  /** The output that the loss is taken of. */
  readonly output: string;
}

/** The model's own output where it fits the labels, else a dense layer in place of its end. */
function chooseHead(model: CachedModel, task: Task, sampleShape: readonly number[] | undefined): ChosenHead {
  const bare = model.withHead();
  const [{ name: output }] = model.model.graph.outputs;
  const reason = misfitOf(bare, output, task);
  if (reason === undefined) return { headed: bare, output };
  const after = model.proposedCut;
  if (after === undefined) throw errors.noCut();
  const settled = sampleShape === undefined ? {} : { sampleShape };
  const rank = bare.facts.get(after)?.type?.shape?.length ?? 4;
  const spatial = bare.facts.get(after)?.type?.shape?.slice(2) ?? [];
  const pool: readonly HeadLayer[] = [{ type: rank === 4 && spatial.some((size) => size !== 1) ? "globalAveragePool" : "flatten" }];
  const layers: readonly HeadLayer[] = [...(rank === 2 ? [] : pool), { type: "dense", units: task.outputs }];
  const headed = model.withHead({ after, layers: layers.map(complete), ...settled });
  return { headed, head: { after, layers, reason }, output: headed.whole.outputs[0].name };
}

function complete(layer: HeadLayer): Layer {
  return layer.type === "dense" ? { ...layer, bias: true } : layer;
}

/** Why the model's own output cannot be trained on the labels as it is; undefined where it can. */
function misfitOf(bare: HeadedModel, output: string, { type, outputs }: Task): string | undefined {
  const { whole, upgraded, facts } = bare;
  if (whole.outputs.length > 1) return `the model has ${whole.outputs.length} outputs`;
  const shape = facts.get(output)?.type?.shape;
  const size = shape?.[1];
  const what = type === "crossEntropy" ? "classes" : type === "binaryCrossEntropy" ? "labels" : outputs === 1 ? "number" : "numbers";
  if (shape?.length !== 2 || typeof size !== "number") return `the model's own output is not one value for each of ${outputs} ${what}`;
  if (size !== outputs) return `the model's own output has ${size} values, the data ${outputs} ${what}`;
  if (!bare.batchUpTo(output).free) return "the model's own end takes one sample at a time";
  try {
    attachLoss(upgraded, output, { type }, facts);
    return undefined;
  } catch (error) {
    if (!(error instanceof errors.EngineError)) throw error;
    return "the model's own output is of another kind";
  }
}

// ── freezing ────────────────────────────────────────────────────────────────────────────────────────────────────────

function freezeChoices(
  blocks: readonly ParameterBlock<MarkedParameter>[],
  trainable: readonly MarkedParameter[],
  headPrefix: string | undefined,
): readonly FreezeChoice[] {
  const head = headPrefix === undefined ? blocks.slice(-1) : [];
  const rest = headPrefix === undefined ? blocks.slice(0, -1) : blocks;
  const headRules = headPrefix === undefined ? head.map(({ rule }) => `!${rule}`) : [`!${headPrefix}.*`];
  const name = headPrefix === undefined ? "the last layer" : "the new head";
  const headMembers =
    headPrefix === undefined ? head.flatMap(({ members }) => members) : trainable.filter((p) => p.name.startsWith(`${headPrefix}.`));
  const last = (n: number): FreezeChoice => {
    const taken = rest.slice(rest.length - n);
    return {
      label: n === 0 ? `All but ${name}` : `All but ${name} and the last ${n === 1 ? "block" : `${n} blocks`}`,
      freeze: ["*", ...headRules, ...taken.map(({ rule }) => `!${rule}`)],
      ...countOf([...headMembers, ...taken.flatMap(({ members }) => members)]),
    };
  };
  const some = [0, 1, 2, 4].filter((n) => n < rest.length || n === 0).map(last);
  return [...some, { label: "Nothing", freeze: [], ...countOf(trainable) }];
}

function countOf(parameters: readonly MarkedParameter[]): { readonly tensors: number; readonly parameters: number } {
  return { tensors: parameters.length, parameters: parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0) };
}
