// Records with fields (of JSON lines, of Parquet's rows) → samples and labels: numbers and lists of numbers become the sample, and every
// record has to look like the first one. Where records come from is for jsonl.ts and parquet.ts to say.

import * as errors from "../errors.js";
import { elementCount } from "../graph/dims.js";
import { chooseColumns } from "./columns.js";
import type { ReadContext, ReadRequest, Rows } from "./dataset.js";
import type { LabelColumn } from "./labels.js";
import { SampleStore } from "./sample-store.js";

/** A record's fields by name. */
export type Cells = (field: string) => unknown;

interface FeatureField {
  readonly name: string;
  /** Lengths of the lists in each other; none for a number. */
  readonly shape: readonly number[];
}

interface LabelField {
  readonly name: string;
  /** How many labels it holds; undefined for one that stands by itself. */
  readonly width: number | undefined;
  /** One list for each label that it holds. */
  readonly values: (string | number)[][];
}

interface Layout {
  readonly features: readonly FeatureField[];
  readonly labels: readonly LabelField[];
  readonly store: SampleStore;
}

/** Takes records as they come. */
export class RecordReader {
  readonly #path: string;
  readonly #request: ReadRequest;
  readonly #context: ReadContext;
  readonly #part: string[] = [];
  readonly #places: number[] = [];
  readonly #numbers: number[] = [];
  #layout: Layout | undefined;
  #seen = 0;

  constructor(path: string, request: ReadRequest, context: ReadContext) {
    this.#path = path;
    this.#request = request;
    this.#context = context;
  }

  /**
   * A record with its fields; `place` is its line or row, as `describe` tells it. The first one decides which fields there are and what
   * shape they have.
   * @throws recipe/unknown-column, recipe/label-feature, recipe/no-features for the first one
   */
  add(fields: readonly string[], cells: Cells, place: number): void {
    this.#seen += 1;
    const layout = this.#layout ?? this.#layOut(fields, cells);
    const problem = typeof layout === "string" ? layout : this.#take(layout, cells);
    if (problem !== undefined) {
      this.#context.bad.add(this.#describe(place), problem);
      return;
    }
    this.#places.push(place);
    this.#numbers.push(this.#seen);
  }

  /** A record that has no fields at all. */
  addBroken(place: number, problem: string): void {
    this.#seen += 1;
    this.#context.bad.add(this.#describe(place), problem);
  }

  /** @throws data/rows where bad samples end the run; data/empty */
  finish(sha256: string): Rows {
    this.#context.bad.refuse(this.#path);
    const layout = this.#layout;
    if (layout === undefined || layout.store.count === 0) throw errors.noRecords(this.#path, this.#seen === 0 ? "none" : "none that can be used");
    const places = Float64Array.from(this.#places);
    const columns = layout.labels.flatMap(({ name, width, values }) =>
      values.map((column, i): readonly [string, LabelColumn] => [width === undefined ? name : `${name}[${i}]`, columnOf(column)]),
    );
    return {
      path: this.#path,
      source: layout.store.finish((row) => this.#describe(places[row])),
      labels: new Map(columns),
      ...(this.#request.part === undefined ? {} : { part: this.#part }),
      numbers: Uint32Array.from(this.#numbers),
      sha256,
    };
  }

  /** Gives up. */
  close(): void {
    this.#layout?.store.close();
  }

  #describe(place: number): string {
    return `${this.#path}:${place}`;
  }

  /** What the records look like, or what is wrong with the one that should say so. */
  #layOut(fields: readonly string[], cells: Cells): Layout | string {
    const chosen = chooseColumns(this.#path, fields, this.#request);
    const features: FeatureField[] = [];
    for (const position of chosen.features) {
      const name = fields[position];
      const shape = shapeOf(cells(name));
      if (shape === undefined) return `field "${name}": expected a number or a list of numbers, got ${describe(cells(name))}`;
      features.push({ name, shape });
    }
    const labels = chosen.labels.map((position): LabelField => {
      const value = cells(fields[position]);
      const width = isList(value) ? value.length : undefined;
      return { name: fields[position], width, values: Array.from({ length: width ?? 1 }, () => []) };
    });
    const [first, ...rest] = features;
    const shape = rest.length === 0 && first.shape.length > 0 ? first.shape : [features.reduce((sum, f) => sum + elementCount(f.shape), 0)];
    this.#layout = { features, labels, store: new SampleStore(shape, this.#context.folder) };
    return this.#layout;
  }

  /** Takes a record's samples and labels; answers what is wrong with them, where something is. */
  #take({ features, labels, store }: Layout, cells: Cells): string | undefined {
    const sample = store.next();
    let at = 0;
    for (const { name, shape } of features) {
      const problem = writeNumbers(cells(name), shape, sample, at);
      if (problem !== undefined) return `field "${name}": ${problem}`;
      at += elementCount(shape);
    }
    const found: (readonly (string | number)[])[] = [];
    for (const { name, width } of labels) {
      const value = cells(name);
      const values = isList(value) ? Array.from(value, labelOf) : [labelOf(value)];
      if (isList(value) !== (width !== undefined) || values.length !== (width ?? 1))
        return `field "${name}": expected ${width === undefined ? "one label" : `${width} labels`}, got ${describe(value)}`;
      const missing = values.indexOf(undefined);
      if (missing >= 0) return `field "${name}": expected a label, got ${describe(isList(value) ? value[missing] : value)}`;
      found.push(values as (string | number)[]);
    }
    const { part } = this.#request;
    if (part !== undefined) {
      const value = labelOf(cells(part));
      if (value === undefined) return `field "${part}": expected the name of a part, got ${describe(cells(part))}`;
      this.#part.push(String(value));
    }
    for (const [i, values] of found.entries()) for (const [column, value] of values.entries()) labels[i].values[column].push(value);
    store.keep();
    return undefined;
  }
}

type List = ArrayLike<unknown>;

function isList(value: unknown): value is List {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

/** Lengths of the lists in each other, as the first of each has them; undefined for what is neither a number nor such a list. */
function shapeOf(value: unknown): readonly number[] | undefined {
  if (!isList(value)) return numberOf(value) === undefined ? undefined : [];
  const inner = value.length === 0 ? undefined : shapeOf(value[0]);
  return inner === undefined ? undefined : [value.length, ...inner];
}

/** Writes a number, or all of a list, from `at` on; answers what is wrong with it, where something is. */
function writeNumbers(value: unknown, shape: readonly number[], into: Float32Array, at: number): string | undefined {
  if (shape.length === 0) {
    const number = numberOf(value);
    if (number === undefined) return `expected a number, got ${describe(value)}`;
    into[at] = number;
    return undefined;
  }
  if (!isList(value) || value.length !== shape[0]) return `expected a list of ${shape[0]}, got ${describe(value)}`;
  const inner = shape.slice(1);
  const size = elementCount(inner);
  for (let i = 0; i < value.length; i += 1) {
    const problem = writeNumbers(value[i], inner, into, at + i * size);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** A number that float32 can hold, or undefined. */
function numberOf(value: unknown): number | undefined {
  const number = typeof value === "bigint" ? Number(value) : typeof value === "boolean" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(Math.fround(number)) ? number : undefined;
}

/** A label's text or number; undefined where there is none. */
function labelOf(value: unknown): string | number | undefined {
  if (typeof value !== "string") return numberOf(value);
  return value.trim() === "" ? undefined : value.trim();
}

function columnOf(values: readonly (string | number)[]): LabelColumn {
  return values.every((value) => typeof value === "number") ? Float64Array.from(values) : values.map(String);
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (isList(value)) return `a list of ${value.length}`;
  if (value instanceof Date) return "a date";
  if (typeof value === "object") return "an object";
  const text = typeof value === "bigint" ? String(value) : (JSON.stringify(value) ?? "nothing");
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
