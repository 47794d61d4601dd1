// The data of a run as one thing, whatever kind of files it comes from: samples by row, their labels, and which rows the files themselves
// hold out. Each kind has a reader of its own beside this file; what labels mean to a loss is in labels.ts.

import { createHash } from "node:crypto";
import * as errors from "../errors.js";
import type { BadSamples, BadSamplePolicy } from "./bad-samples.js";
import { openImages, type ImageSettings } from "./images.js";
import type { LabelColumn, Labels } from "./labels.js";
import { joinSources, selectSamples, type SampleSource } from "./source.js";
import { openIdx } from "./idx.js";
import { openJsonLines } from "./jsonl.js";
import { openNpy, type SamplesAndLabels } from "./npy.js";
import { openNpz } from "./npz.js";
import { openParquet } from "./parquet.js";
import { openTable } from "./table.js";

/** Where samples come from: one of the kinds, with what of it is taken. */
export interface SourceSettings {
  /** File of comma- or tab-separated values. */
  readonly csv?: string;
  /** Folder with one of images for each class. */
  readonly images?: ImageSettings;
  /** File of JSON objects, one a line. */
  readonly jsonl?: string;
  readonly parquet?: string;
  /** NumPy's archive of arrays. */
  readonly npz?: string;
  /** NumPy's files of one array each. */
  readonly npy?: SamplesAndLabels;
  /** Files in the format of MNIST, gzipped or not. */
  readonly idx?: SamplesAndLabels;
  /** What samples are made of: globs over columns, for one. */
  readonly features?: string | readonly string[];
  readonly label?: string | readonly string[];
}

/** What a recipe says of its data, as far as it decides which rows there are. */
export interface DataSettings extends SourceSettings {
  /** Sources of held-out rows; what they do not say holds as for the training rows. */
  readonly validation?: SourceSettings;
  readonly test?: SourceSettings;
  readonly split: {
    /** Column that says which part a row belongs to. */
    readonly column?: string;
    /** What it calls the parts; their own names by default. */
    readonly names?: Readonly<Partial<Record<Part, string>>>;
  };
  readonly onBadSample: BadSamplePolicy;
}

/** What rows are for. */
export const parts = ["train", "validation", "test"] as const;
export type Part = (typeof parts)[number];

/** What a reader is asked for. */
export interface ReadRequest {
  readonly features: readonly string[];
  readonly labels: readonly string[];
  /** Column that says which part a row belongs to; it is neither a feature nor a label. */
  readonly part?: string;
}

/** What readers share. */
export interface ReadContext {
  /** Takes samples that cannot be used; their readers leave them out. */
  readonly bad: BadSamples;
  /** Where a reader may keep what does not fit into memory, as files that are gone when it is closed. */
  readonly folder: string;
  /** Channels of the images that the model takes, where that is known. */
  readonly channels?: number;
}

/** What a reader answers. */
export interface Rows {
  /** The file or folder, as messages call it. */
  readonly path: string;
  readonly source: SampleSource;
  /** Values of each label column by its name, one a row, in the order of the request. */
  readonly labels: ReadonlyMap<string, LabelColumn>;
  /** What the column of parts holds, where one is asked for. */
  readonly part?: LabelColumn;
  /** Number of each row in its file, counted from 1; a reader that leaves out bad samples leaves gaps. */
  readonly numbers: Uint32Array;
  /** SHA-256 (hex) of all bytes of its files. */
  readonly sha256: string;
}

export interface Dataset {
  readonly source: SampleSource;
  readonly labels: Labels;
  /** Position in `parts` of each row: those of `train` are still to be split by fractions. Absent where no row is held out by the files. */
  readonly parts?: Uint8Array;
  /** Number of each row in its file, counted from 1. */
  readonly numbers: Uint32Array;
  /** SHA-256 (hex) that changes with any byte of any file. */
  readonly identity: string;
}

/** Readers by kind of source: the key in the recipe is the kind. */
const readers: { readonly [K in SourceKind]: Reader<K> } = {
  csv: openTable,
  images: openImages,
  jsonl: openJsonLines,
  parquet: openParquet,
  npz: openNpz,
  npy: openNpy,
  idx: openIdx,
};

/** Keys that say what kind of source there is. */
export type SourceKind = Exclude<keyof SourceSettings, "features" | "label">;
type Reader<K extends SourceKind> = (source: NonNullable<SourceSettings[K]>, request: ReadRequest, context: ReadContext) => Promise<Rows>;

export const sourceKinds = Object.keys(readers) as readonly SourceKind[];

/**
 * Opens all sources that the settings name. Samples that cannot be used go to `context.bad`.
 * @throws data/… what is wrong with the files; recipe/… where they do not hold what the settings name
 */
export async function openDataset(settings: DataSettings, context: ReadContext): Promise<Dataset> {
  const { validation, test, split } = settings;
  const opened: { readonly rows: Rows; readonly part: Part }[] = [];
  try {
    opened.push({ rows: await openSource(settings, split.column, context), part: "train" });
    if (validation !== undefined) opened.push({ rows: await openSource(inherit(validation, settings), undefined, context), part: "validation" });
    if (test !== undefined) opened.push({ rows: await openSource(inherit(test, settings), undefined, context), part: "test" });
    return join(opened, split, context.bad);
  } catch (error) {
    for (const { rows } of opened) rows.source.close();
    throw error;
  }
}

/** The rows of a dataset that `rows` lists, in that order. */
export function selectRows(dataset: Dataset, rows: Uint32Array): Dataset {
  const { source, labels, parts: held, numbers } = dataset;
  if (rows.length === source.count) return dataset;
  return {
    ...dataset,
    source: selectSamples(source, rows),
    labels: {
      ...labels,
      rows: rows.length,
      columns: new Map([...labels.columns].map(([name, values]) => [name, selectValues(values, rows)])),
      describe: (row) => labels.describe(rows[row]),
    },
    ...(held === undefined ? {} : { parts: Uint8Array.from(rows, (row) => held[row]) }),
    numbers: rows.map((row) => numbers[row]),
  };
}

function openSource(source: SourceSettings, part: string | undefined, context: ReadContext): Promise<Rows> {
  const request: ReadRequest = {
    features: [source.features ?? []].flat(),
    labels: [source.label ?? []].flat(),
    ...(part === undefined ? {} : { part }),
  };
  const kind = sourceKinds.find((key) => source[key] !== undefined);
  if (kind === undefined) throw errors.noSource(sourceKinds);
  return openKind(kind, source, request, context);
}

function openKind<K extends SourceKind>(kind: K, source: SourceSettings, request: ReadRequest, context: ReadContext): Promise<Rows> {
  return readers[kind](source[kind] as NonNullable<SourceSettings[K]>, request, context);
}

function inherit(source: SourceSettings, { features, label }: SourceSettings): SourceSettings {
  return { ...(features === undefined ? {} : { features }), ...(label === undefined ? {} : { label }), ...source };
}

function join(opened: readonly { readonly rows: Rows; readonly part: Part }[], split: DataSettings["split"], bad: BadSamples): Dataset {
  const [first, ...rest] = opened.map(({ rows }) => rows);
  for (const other of rest) {
    const [a, b] = [first.source.sampleShape, other.source.sampleShape];
    if (a.length !== b.length || a.some((size, i) => size !== b[i])) throw errors.sourcesDiffer(first.path, a, other.path, b);
    const [columns, others] = [[...first.labels.keys()], [...other.labels.keys()]];
    if (columns.length !== others.length) throw errors.labelColumnsDiffer(first.path, columns, other.path, others);
  }
  const source = joinSources([first.source, ...rest.map((rows) => rows.source)]);
  const paths = [...new Set([first.path, ...rest.map((rows) => rows.path)])];
  const labels: Labels = {
    path: paths.join(" and "),
    rows: source.count,
    columns: new Map([...first.labels.keys()].map((name, i) => [name, joinValues(opened.map(({ rows }) => [...rows.labels.values()][i]))])),
    describe: (row) => source.describe(row),
  };
  const held = new Uint8Array(source.count);
  let start = 0;
  for (const { rows, part } of opened) {
    held.fill(parts.indexOf(part), start, start + rows.source.count);
    start += rows.source.count;
  }
  if (first.part !== undefined) readParts(first.part, split, { held, bad, labels });
  const dataset: Dataset = {
    source,
    labels,
    ...(rest.length === 0 && first.part === undefined ? {} : { parts: held }),
    numbers: Uint32Array.from(opened.flatMap(({ rows }) => [...rows.numbers])),
    identity: createHash("sha256").update(opened.map(({ rows }) => rows.sha256).join()).digest("hex"), // prettier-ignore
  };
  return selectRows(dataset, bad.takeGood(source.count));
}

interface PartTarget {
  readonly held: Uint8Array;
  readonly bad: BadSamples;
  readonly labels: Labels;
}

/** @throws data/rows for rows whose part has none of the names, unless they are skipped */
function readParts(values: LabelColumn, { column, names = {} }: DataSettings["split"], { held, bad, labels }: PartTarget): void {
  const known = parts.map((part) => names[part] ?? part);
  // As many folders of images call it.
  const isValidation = (text: string): boolean => text === "val" && names.validation === undefined;
  for (let row = 0; row < values.length; row += 1) {
    const text = String(values[row]);
    const part = isValidation(text) ? 1 : known.indexOf(text);
    if (part >= 0) held[row] = part;
    else bad.addRow(row, labels.describe(row), `column "${column ?? ""}": expected ${known.map((name) => `"${name}"`).join(" or ")}, got "${text}"`);
  }
  bad.refuse(labels.path);
}

function joinValues(columns: readonly LabelColumn[]): LabelColumn {
  if (columns.length === 1) return columns[0];
  if (columns.every((column) => column instanceof Float64Array)) {
    const joined = new Float64Array(columns.reduce((sum, column) => sum + column.length, 0));
    let at = 0;
    for (const column of columns) {
      joined.set(column, at);
      at += column.length;
    }
    return joined;
  }
  return columns.flatMap((column) => Array.from(column, String));
}

function selectValues(values: LabelColumn, rows: Uint32Array): LabelColumn {
  return values instanceof Float64Array ? Float64Array.from(rows, (row) => values[row]) : Array.from(rows, (row) => values[row]);
}
