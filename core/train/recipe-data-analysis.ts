// A recipe's data as far as it can be told while the recipe is written: whether its files are there, have the columns that it names, and
// what shape its samples have. Files are opened, not read through.

import { stat } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { BadSamples } from "../data/bad-samples.js";
import { chooseColumns } from "../data/columns.js";
import type { SourceSettings } from "../data/dataset.js";
import { namedKinds, peekFile, type NamedKind, type Peek } from "../data/peek.js";
import { RecordReader } from "../data/records.js";
import { compileTransform } from "../data/transforms.js";
import * as errors from "../errors.js";
import { nearest } from "../graph/nearest.js";
import { pathsOf } from "./data-schema.js";
import { filesLike } from "./files-like.js";
import type { Findings } from "./recipe-findings.js";
import type { KeyPath } from "./recipe-problems.js";
import type { Recipe } from "./recipe-schema.js";

/** Answers the shape of one sample after the transforms, where the beginning of the data tells it. `folder` is the recipe's. */
export async function analyseData(data: Recipe["data"], folder: string, findings: Findings): Promise<readonly number[] | undefined> {
  const missing = await checkFiles(data, folder, findings);
  let shape: readonly number[] | undefined;
  for (const part of [undefined, "validation", "test"] as const) {
    const written = part === undefined ? data : data[part];
    if (written === undefined) continue;
    const source = { ...(data.features === undefined ? {} : { features: data.features }), ...(data.label === undefined ? {} : { label: data.label }), ...written }; // prettier-ignore
    const kind = namedKinds.find((key) => written[key] !== undefined);
    const file = kind === undefined ? undefined : written[kind];
    const at: KeyPath = part === undefined ? ["data"] : ["data", part];
    if (kind === undefined || file === undefined || missing.has(file)) continue;
    const found = await checkColumns(
      { kind, path: absolute(folder, file), source, ...(part === undefined ? { column: data.split.column } : {}) },
      at,
      findings,
    );
    if (part === undefined) shape = found;
  }
  shape ??= imageShape(data);
  return shape === undefined ? undefined : transformedShape(data, shape, findings);
}

function absolute(folder: string, path: string): string {
  return isAbsolute(path) ? resolve(path) : resolve(folder, path);
}

/** Answers the paths, as they are written, that lead nowhere. */
async function checkFiles(data: Recipe["data"], folder: string, findings: Findings): Promise<ReadonlySet<string>> {
  const missing = new Set<string>();
  for (const [written, key] of pathsOf(data)) {
    const path = absolute(folder, written);
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined) continue;
    missing.add(written);
    const near = await filesLike(written, path, []);
    findings.addError(key.split("."), errors.noDataFile(path, near), near);
  }
  return missing;
}

interface NamedSource {
  readonly kind: NamedKind;
  readonly path: string;
  readonly source: SourceSettings;
  readonly column?: string | undefined;
}

/** Answers the shape of one sample, where the file's beginning tells it. */
async function checkColumns({ kind, path, source, column }: NamedSource, at: KeyPath, findings: Findings): Promise<readonly number[] | undefined> {
  const peek = await findings.attempt([...at, kind], () => peekFile(kind, path));
  if (peek === undefined || source.features === undefined || source.label === undefined) return undefined;
  const request = { features: [source.features].flat(), labels: [source.label].flat(), ...(column === undefined ? {} : { part: column }) };
  try {
    if (kind === "npz") return checkArrays(path, peek, request);
    const chosen = chooseColumns(path, peek.columns, request);
    if (kind === "csv") return [chosen.features.length];
    return kind === "jsonl" ? recordShape(path, peek, request) : undefined;
  } catch (error) {
    if (!(error instanceof errors.EngineError)) throw error;
    findings.addError(placeOf(error, source, at, column), error);
    return undefined;
  }
}

function checkArrays(
  path: string,
  { columns }: Peek,
  request: { readonly features: readonly string[]; readonly labels: readonly string[] },
): undefined {
  for (const [role, names] of [
    ["data.features", request.features],
    ["data.label", request.labels],
  ] as const)
    // prettier-ignore
    for (const name of names)
      if (!columns.includes(name)) throw errors.unknownArray(path, role, name, nearest(name, columns), columns);
  return undefined;
}

function recordShape(
  path: string,
  { columns, first = {} }: Peek,
  request: ConstructorParameters<typeof RecordReader>[1],
): readonly number[] | undefined {
  const reader = new RecordReader(path, request, { bad: new BadSamples("skip"), folder: "" });
  try {
    reader.add(columns, (field) => first[field], 1);
    const { source } = reader.finish("");
    source.close();
    return source.sampleShape;
  } catch (error) {
    reader.close();
    // A first record that cannot be used is told where all of them are read.
    if (error instanceof errors.EngineError && error.code.startsWith("data/")) return undefined;
    throw error;
  }
}

/** The name that an error about columns is about. */
function placeOf(error: errors.EngineError, { features, label }: SourceSettings, at: KeyPath, column: string | undefined): KeyPath {
  const { name = error.data.column } = error.data;
  if (typeof name === "string") {
    if (name === column && error.message.startsWith("data.split.column")) return ["data", "split", "column"];
    const role = error.message.startsWith("data.label") ? "label" : "features";
    const names = role === "label" ? label : features;
    if (typeof names === "string") return [...at, role];
    const index = names?.indexOf(name) ?? -1;
    return index < 0 ? [...at, role] : [...at, role, index];
  }
  return error.code === "recipe/no-features" ? [...at, "features"] : at;
}

/** Of images that are all brought to one size. Colours follow from the model: their number is not known here. */
function imageShape({ images, transform }: Recipe["data"]): readonly number[] | undefined {
  if (typeof images !== "object" || images.size === undefined) return undefined;
  const grey = images.color === "grey" || transform.some((step) => "repeat" in step);
  if (!grey && images.color === undefined) return undefined;
  return [grey ? 1 : 3, ...images.size];
}

function transformedShape({ transform }: Recipe["data"], shape: readonly number[], findings: Findings): readonly number[] | undefined {
  try {
    return compileTransform(transform, shape).outputShape;
  } catch (error) {
    if (!(error instanceof errors.EngineError)) throw error;
    const step = typeof error.data.step === "number" ? error.data.step - 1 : 0;
    findings.addError(["data", "transform", step], error);
    return undefined;
  }
}
