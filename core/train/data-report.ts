// What a recipe's data is like: counts, classes, ranges after the transforms, duplicates, and what is wrong with it or could be better. It
// reads every sample and runs nothing.

import { resolve } from "node:path";
import type { BadSamples } from "../data/bad-samples.js";
import { parts, selectRows, type Dataset, type Part } from "../data/dataset.js";
import { binaryTargets, classLabels, numericTargets, type Labels } from "../data/labels.js";
import type { Split } from "../data/split.js";
import type { Transform } from "../data/transforms.js";
import * as errors from "../errors.js";
import { elementCount } from "../graph/dims.js";
import { isFloat } from "../graph/tensor.js";
import type { Graph } from "../graph/types.js";
import { readModel } from "../onnx/file.js";
import { writeContactSheet } from "./contact-sheet.js";
import { adviceOn, type DataProblem } from "./data-advice.js";
import { examine, partOfRows, rangeOfColumn, type ChannelRange, type DuplicateGroup } from "./data-examination.js";
import { DataReading, splitDataset } from "./job-data.js";
import { prepareJob } from "./job.js";
import { loadRecipe, type ResolvedRecipe } from "./recipe.js";
import { selectTargets, type Targets } from "./targets.js";

export interface DataReportRequest {
  readonly recipe: string;
  /** Where a picture of some samples goes, as PNG. */
  readonly preview?: string;
}

/** Samples of each part. */
export type PartCounts = Readonly<Record<Part, number>>;

export interface ClassCount extends PartCounts {
  readonly name: string;
}

/** What the numbers of a label column are like, over all samples. */
export interface TargetRange extends ChannelRange {
  readonly column: string;
}

/** A sample by name. */
export interface PlacedSample {
  readonly place: string;
  readonly part: Part;
  readonly label: string;
}

/** A sample as the model sees it. */
export interface SamplePreview extends PlacedSample {
  /** A few values after the transforms, evenly spread over the sample. */
  readonly values: readonly number[];
}

/** Samples that are the same as they are read. */
export interface EqualSamples extends Pick<DuplicateGroup, "samples" | "leaked"> {
  /** Their labels differ. */
  readonly conflicting: boolean;
  /** The first few. */
  readonly rows: readonly PlacedSample[];
}

export interface DataFacts {
  readonly recipe: string;
  readonly samples: PartCounts & { readonly all: number; readonly bad: number };
  /** Of one sample: as it is read, and after the transforms. */
  readonly shape: { readonly read: readonly number[]; readonly transformed: readonly number[] };
  /** Where labels are classes; in their order. */
  readonly classes?: readonly ClassCount[];
  /** Where labels are numbers, or hold or not. */
  readonly targets?: readonly TargetRange[];
  /** Values of the training samples after the transforms, for each entry of the first axis, or one for all where these are very many. */
  readonly ranges: readonly ChannelRange[];
  readonly duplicates: {
    /** Samples that equal an earlier one. */
    readonly samples: number;
    /** Held-out samples that training has too, and test samples that validation has. */
    readonly leaked: number;
    /** Groups of equal samples whose labels differ. */
    readonly conflicting: number;
    /** The first few groups, those across parts first. */
    readonly groups: readonly EqualSamples[];
  };
  readonly preview: readonly SamplePreview[];
  /** Where the picture was written. */
  readonly picture?: string;
}

export interface DataReport extends DataFacts {
  readonly problems: readonly DataProblem[];
}

/** Groups of equal samples, previewed samples, and samples of the picture. */
const [listedGroups, previewed, pictured] = [20, 6, 48];
/** Values that are shown of each previewed sample. */
const shownValues = 8;

/**
 * Looks at the data of a recipe. What keeps `train` from starting is among the problems, as far as the data can be read at all.
 * @throws usage/…, recipe/… what is wrong with the recipe's text; data/… where the data cannot be read; usage/preview; run/write
 */
export async function reportData({ recipe: path, preview }: DataReportRequest): Promise<DataReport> {
  const recipe = await loadRecipe(path);
  const refusals: errors.EngineError[] = [];
  const graph = await attempt(refusals, async () => (await readModel(recipe.model)).graph);
  // Bad samples are counted here, whatever the recipe makes of them.
  const reading = new DataReading({ ...recipe, data: { ...recipe.data, onBadSample: "skip" } });
  try {
    const { dataset: all, transform } = await reading.open(graph ?? { inputs: [], initializers: new Map() });
    const allTargets = readTargets(recipe, all.labels, reading.bad);
    const good = reading.bad.takeGood(all.source.count);
    if (good.length === 0) throw errors.noGoodSamples(all.labels.path, reading.bad.count, reading.bad.examples);
    const dataset = selectRows(all, good);
    const targets = selectTargets(allTargets, good);
    const split = await attempt(refusals, () => splitDataset(recipe, dataset, targets));
    if (refusals.length === 0 && (reading.bad.count === 0 || recipe.data.onBadSample === "skip"))
      await attempt(refusals, async () => (await prepareJob(recipe)).source.close());
    const data = { dataset, transform, targets, split: split ?? allTrain(dataset.source.count) };
    const facts = await describeData(recipe.path, data, reading.bad.count);
    if (preview !== undefined) await writeContactSheet(resolve(preview), dataset.source, transform, spread(data.split.train, pictured));
    const problems = adviceOn(facts, { recipe, bad: reading.bad, refusals, floating: takesFloats(graph, recipe) });
    return { ...facts, ...(preview === undefined ? {} : { picture: resolve(preview) }), problems };
  } finally {
    reading.close();
  }
}

/** What the work answers; undefined where it fails, which is noted. */
async function attempt<T>(refusals: errors.EngineError[], work: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof errors.EngineError)) throw error;
    refusals.push(error);
    return undefined;
  }
}

function allTrain(rows: number): Split {
  return { train: Uint32Array.from({ length: rows }, (_, row) => row), validation: new Uint32Array(0), test: new Uint32Array(0) };
}

function takesFloats(graph: Graph | undefined, { data }: ResolvedRecipe): boolean {
  const inputs = graph?.inputs.filter(({ name }) => !graph.initializers.has(name)) ?? [];
  const type = (data.input === undefined ? inputs.at(0) : inputs.find(({ name }) => name === data.input))?.type;
  return type?.kind !== "tensor" || isFloat(type.dtype);
}

/** As a loss of this type would read them, without the model: how many classes its output has is not known here. */
function readTargets({ loss }: ResolvedRecipe, labels: Labels, bad: BadSamples): Targets {
  if (loss.type === "crossEntropy" || loss.type === "distillation")
    return { kind: "classes", logits: true, ...classLabels(labels, [...labels.columns.keys()][0], undefined, bad) };
  return loss.type === "binaryCrossEntropy"
    ? { kind: "labels", threshold: 0, ...binaryTargets(labels, bad) }
    : { kind: "values", ...numericTargets(labels, bad) };
}

interface OpenData {
  readonly dataset: Dataset;
  readonly transform: Transform;
  readonly targets: Targets;
  readonly split: Split;
}

async function describeData(recipe: string, { dataset, transform, targets, split }: OpenData, bad: number): Promise<DataFacts> {
  const { source } = dataset;
  const partOf = partOfRows(split, source.count);
  const place = (row: number): PlacedSample => ({ place: source.describe(row), part: parts[partOf[row]], label: labelOf(targets, row) });
  const { ranges, groups } = await examine(source, transform, split);
  const described = groups.map(({ samples, leaked, rows, members }): EqualSamples => ({
    samples,
    leaked,
    conflicting: differ(targets, members),
    rows: rows.map(place),
  }));
  return {
    recipe,
    samples: { all: source.count, train: split.train.length, validation: split.validation.length, test: split.test.length, bad },
    shape: { read: source.sampleShape, transformed: transform.outputShape },
    ...(targets.kind === "classes" ? { classes: countClasses(targets, partOf) } : { targets: rangesOf(targets, [...dataset.labels.columns.keys()]) }),
    ranges,
    duplicates: {
      samples: described.reduce((sum, { samples }) => sum + samples - 1, 0),
      leaked: described.reduce((sum, { leaked }) => sum + leaked, 0),
      conflicting: described.filter(({ conflicting }) => conflicting).length,
      groups: described.slice(0, listedGroups),
    },
    preview: await previewOf(dataset, transform, spread(split.train, previewed), place),
  };
}

async function previewOf(
  { source }: Dataset,
  transform: Transform,
  rows: readonly number[],
  place: (row: number) => PlacedSample,
): Promise<readonly SamplePreview[]> {
  const raw = new Float32Array(elementCount(source.sampleShape));
  const sample = new Float32Array(elementCount(transform.outputShape));
  const previews: SamplePreview[] = [];
  for (const row of rows) {
    await source.read(row, raw, 0);
    transform.apply(raw, sample);
    previews.push({ ...place(row), values: spread(sample, shownValues) });
  }
  return previews;
}

/** Up to `count` of the numbers, evenly spread. */
function spread(numbers: ArrayLike<number>, count: number): readonly number[] {
  const taken = Math.min(count, numbers.length);
  return Array.from({ length: taken }, (_, i) => numbers[Math.floor(((i + 0.5) * numbers.length) / taken)]);
}

function labelOf(targets: Targets, row: number): string {
  if (targets.kind === "classes") return targets.names?.[targets.indices[row]] ?? String(targets.indices[row]);
  return [...targets.values.subarray(row * targets.columns, (row + 1) * targets.columns)].join(" ");
}

function differ(targets: Targets, rows: readonly number[]): boolean {
  return rows.some((row) => labelOf(targets, row) !== labelOf(targets, rows[0]));
}

function countClasses({ indices, classes, names }: Extract<Targets, { kind: "classes" }>, partOf: Uint8Array): readonly ClassCount[] {
  const counts = Array.from({ length: classes }, () => ({ train: 0, validation: 0, test: 0 }));
  for (const [row, index] of indices.entries()) counts[index][parts[partOf[row]]] += 1;
  return counts.map((count, index) => ({ name: names?.[index] ?? String(index), ...count }));
}

function rangesOf({ values, columns }: Extract<Targets, { values: Float32Array }>, names: readonly string[]): readonly TargetRange[] {
  return names.map((column, i) => ({ column, ...rangeOfColumn(values.filter((_, at) => at % columns === i)) }));
}
