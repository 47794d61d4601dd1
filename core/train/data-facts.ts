// What a person's data is, as far as a new recipe needs to know: the shape of a sample, the range of its values, and what the labels are.
// All of it is read, once; images are only listed.

import { tmpdir } from "node:os";
import { BadSamples } from "../data/bad-samples.js";
import { openDataset, type SourceSettings } from "../data/dataset.js";
import { parseDecimal } from "../data/decimal.js";
import { listImages } from "../data/image-folder.js";
import { binaryTargets, classLabels, numericTargets, type Labels } from "../data/labels.js";
import { peekFile, type NamedKind } from "../data/peek.js";
import * as errors from "../errors.js";
import type { LossSettings } from "./recipe-schema.js";

export type TaskType = Extract<LossSettings["type"], "crossEntropy" | "binaryCrossEntropy" | "meanSquaredError">;

/** What could be learnt of the labels. */
export interface Task {
  readonly type: TaskType;
  /** Classes, or columns: what the model's output has to have. */
  readonly outputs: number;
  /** Names of the first few classes, where they have names. */
  readonly names?: readonly string[];
}

export interface DataSummary {
  readonly samples: number;
  /** Of one sample as it is read; of images it follows from the model. */
  readonly sampleShape?: readonly number[];
  /** Bounds of its values. */
  readonly range?: readonly [number, number];
  /** What is likeliest first. */
  readonly tasks: readonly Task[];
}

export interface ColumnsRequest {
  readonly kind: NamedKind;
  readonly path: string;
}

/** A column, field or array of a file. */
export interface DataColumn {
  readonly name: string;
  /** Whether it could be part of a sample, as far as the first record tells: a number, or a list. */
  readonly numeric: boolean;
}

/** What a file holds, from its beginning. @throws as `peekFile` */
export async function dataColumns({ kind, path }: ColumnsRequest): Promise<readonly DataColumn[]> {
  const { columns = [], first } = (await peekFile(kind, path)) ?? {};
  return columns.map((name) => ({ name, numeric: first === undefined || isNumeric(first[name]) }));
}

function isNumeric(cell: unknown): boolean {
  if (typeof cell === "string") return parseDecimal(cell) !== undefined;
  return typeof cell === "number" || typeof cell === "boolean" || Array.isArray(cell);
}

/** Whole numbers with more different values than this are hardly classes. */
const manyClasses = 100;
/** Class names that a summary tells. */
const toldNames = 5;

/** @throws data/… what is wrong with the files; recipe/… where they do not hold what the settings name */
export async function summariseData(data: SourceSettings): Promise<DataSummary> {
  if (data.images !== undefined) return summariseImages(typeof data.images === "string" ? data.images : data.images.folder);
  const bad = new BadSamples("skip");
  const { source, labels } = await openDataset({ ...data, split: {}, onBadSample: "skip" }, { bad, folder: tmpdir() });
  try {
    const { minimum, maximum } = source.range;
    const tasks = tasksOf(labels);
    if (tasks.length === 0) throw errors.noTask(labels.path, [...labels.columns.keys()]);
    return { samples: source.count, sampleShape: source.sampleShape, range: [minimum, maximum], tasks };
  } finally {
    source.close();
  }
}

async function summariseImages(folder: string): Promise<DataSummary> {
  const { files } = await listImages(folder, false);
  const names = [...new Set(files.map((file) => file.class))].sort();
  return { samples: files.length, tasks: [{ type: "crossEntropy", outputs: names.length, names: names.slice(0, toldNames) }] };
}

function tasksOf(labels: Labels): readonly Task[] {
  const columns = labels.columns.size;
  const fits = (read: (bad: BadSamples) => unknown): boolean => {
    const bad = new BadSamples("skip");
    read(bad);
    // A few rows may be wrong; a column that is mostly something else is something else.
    return bad.count * 10 <= labels.rows;
  };
  const numbers: readonly Task[] = fits((bad) => numericTargets(labels, bad)) ? [{ type: "meanSquaredError", outputs: columns }] : [];
  if (columns > 1) return fits((bad) => binaryTargets(labels, bad)) ? [{ type: "binaryCrossEntropy", outputs: columns }, ...numbers] : numbers;
  const [[name, values]] = labels.columns;
  const bad = new BadSamples("skip");
  const { classes, names } = classLabels(labels, name, undefined, bad);
  const different = new Set<string | number>(values).size;
  const likely = numbers.length === 0 || different <= Math.min(manyClasses, Math.max(2, labels.rows / 4));
  const possible = bad.count * 10 <= labels.rows && classes > 1 && classes <= 2 * different + manyClasses;
  const task: Task = { type: "crossEntropy", outputs: classes, ...(names === undefined ? {} : { names: names.slice(0, toldNames) }) };
  return possible ? (likely ? [task, ...numbers] : [...numbers, task]) : numbers;
}
