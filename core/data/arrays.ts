// Arrays in files (NumPy's, IDX') as samples and as label columns: one sample or label for each index of the first axis. Where the bytes
// lie and what type they have is for npy.ts, npz.ts and idx.ts to say.

import { createHash } from "node:crypto";
import * as errors from "../errors.js";
import { elementCount } from "../graph/dims.js";
import type { ReadContext, Rows } from "./dataset.js";
import type { ByteRegion } from "./byte-store.js";
import { boundsOf, decodeElements, type ElementType } from "./elements.js";
import type { LabelColumn } from "./labels.js";
import { SampleStore } from "./sample-store.js";
import { emptyRange, rangeOf, selectSamples, widen, type SampleSource, type ValueRange } from "./source.js";

/** An array of a file; text of fixed width can only be labels. */
export interface StoredArray {
  /** As messages call it: `x.npz "images"`. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly element: ElementType | TextType;
  /** The first axis varies fastest (Fortran's order) instead of the last. */
  readonly fortran: boolean;
  /** The elements, nothing before and after. */
  readonly region: ByteRegion;
}

export interface TextType {
  readonly name: string;
  readonly kind: "U" | "S";
  /** Bytes of each text. */
  readonly size: number;
  readonly bigEndian: boolean;
}

type NumericArray = StoredArray & { readonly element: ElementType };

function isText(element: ElementType | TextType): element is TextType {
  return element.kind === "U" || element.kind === "S";
}

/** Elements that are read at once. */
const blockElements = 2 ** 20;

/** Arrays that belong together: samples, their labels by column name, and the column of parts where one is wanted. */
export interface ArraySet {
  /** The file, as messages call it. */
  readonly path: string;
  readonly samples: StoredArray;
  readonly labels: ReadonlyMap<string, StoredArray>;
  readonly part?: StoredArray;
  /** SHA-256 (hex) of the files; undefined where `samples` and `labels` are all of them. */
  readonly sha256?: string;
  /** SHA-256 over what the files hold beside the elements. */
  readonly headers: readonly string[];
}

/**
 * Samples that hold a value which is not finite are bad. Everything in `set` is closed when the rows' source is, or on failure.
 * @throws data/array for samples that are text, or without any; data/labels where labels are not as many; data/rows
 */
export async function arrayRows(set: ArraySet, context: ReadContext): Promise<Rows> {
  const others = [...set.labels.values(), ...(set.part === undefined ? [] : [set.part])];
  try {
    const { source, bad, sha256 } = await openSamples(set.samples, context);
    const hashes = [...set.headers, sha256];
    const columns = new Map<string, LabelColumn>();
    const read = (name: string, array: StoredArray): readonly (readonly [string, LabelColumn])[] => {
      if (array.shape.length === 0 || array.shape[0] !== set.samples.shape[0])
        throw errors.labelCount(array.name, array.shape, set.samples.name, set.samples.shape);
      const { values, hash } = labelColumns(name, array);
      hashes.push(hash);
      return values;
    };
    for (const [name, array] of set.labels) for (const [column, values] of read(name, array)) columns.set(column, values);
    const part = set.part === undefined ? undefined : read("part", set.part)[0][1];
    context.bad.refuse(set.path);
    const good = new Uint32Array(source.count - bad.size);
    for (let row = 0, at = 0; row < source.count; row += 1) if (!bad.has(row)) good[at++] = row;
    const pick = (values: LabelColumn): LabelColumn => pickValues(values, good, source.count);
    return {
      path: set.path,
      source: selectSamples(source, good),
      labels: new Map([...columns].map(([name, values]) => [name, pick(values)])),
      ...(part === undefined ? {} : { part: pick(part) }),
      numbers: good.map((row) => row + 1),
      sha256: set.sha256 ?? createHash("sha256").update(hashes.join()).digest("hex"),
    };
  } catch (error) {
    set.samples.region.close();
    throw error;
  } finally {
    for (const { region } of others) region.close();
  }
}

function pickValues(values: LabelColumn, rows: Uint32Array, count: number): LabelColumn {
  if (rows.length === count) return values;
  return values instanceof Float64Array ? Float64Array.from(rows, (row) => values[row]) : Array.from(rows, (row) => values[row]);
}

interface OpenSamples {
  readonly source: SampleSource;
  /** Rows that hold a value which is not finite. */
  readonly bad: ReadonlySet<number>;
  /** SHA-256 (hex) of the elements as they are stored. */
  readonly sha256: string;
}

async function openSamples(array: StoredArray, context: ReadContext): Promise<OpenSamples> {
  const { name, shape, element } = array;
  if (isText(element)) throw errors.arrayType(name, "numbers", element.name);
  if (shape.length === 0 || elementCount(shape) === 0) throw errors.arrayShape(name, "at least one sample along the first axis", shape);
  const numeric: NumericArray = { ...array, element };
  const scan = await scanElements(numeric);
  const describe = (row: number): string => `${name}[${row}]`;
  for (const row of scan.bad) context.bad.add(describe(row), "expected finite numbers in the range of float32, got another");
  if (array.fortran && shape.length > 1) return { ...scan, source: await turnedRound(numeric, describe, context) };
  const sampleShape = shape.length === 1 ? [1] : shape.slice(1);
  const size = elementCount(sampleShape);
  const bytes = new Uint8Array(size * element.size);
  const source: SampleSource = {
    count: shape[0],
    sampleShape,
    contentHash: createHash("sha256")
      .update(`${scan.sha256} ${element.name} ${String(element.bigEndian)} ${shape.join()}`)
      .digest("hex"),
    range: scan.range,
    read(index, into, offset) {
      array.region.read(index * bytes.byteLength, bytes);
      into.set(decodeElements(bytes, element), offset);
    },
    describe,
    close: () => array.region.close(),
  };
  return { ...scan, source };
}

/** Hashes and measures all elements, in the order in which they are stored. */
async function scanElements({
  region,
  shape,
  element,
  fortran,
}: NumericArray): Promise<Omit<OpenSamples, "source"> & { readonly range: ValueRange }> {
  const hash = createHash("sha256");
  const wrong = new Set<number>();
  const known = boundsOf(element);
  const [total, rows] = [elementCount(shape), shape[0]];
  const size = total / rows;
  let range = known ?? emptyRange;
  const buffer = new Uint8Array(Math.min(total, blockElements) * element.size);
  for (let start = 0; start < total; start += blockElements) {
    const bytes = buffer.subarray(0, Math.min(total - start, blockElements) * element.size);
    region.read(start * element.size, bytes);
    hash.update(bytes);
    if (known === undefined) {
      const values = decodeElements(bytes, element);
      const found = rangeOf(values);
      // A NaN is no bound, but no whole number either.
      if (element.kind === "f" && !(found.whole && isFloat32(found))) {
        for (let i = 0; i < values.length; i += 1)
          if (!Number.isFinite(Math.fround(values[i]))) wrong.add(fortran ? (start + i) % rows : Math.floor((start + i) / size));
      }
      range = widen(range, found);
    }
    // Other work of the thread goes on meanwhile.
    await new Promise(setImmediate);
  }
  // Samples are read as float32, whatever they are stored as.
  const bounds = { ...range, minimum: Math.fround(range.minimum), maximum: Math.fround(range.maximum) };
  return { sha256: hash.digest("hex"), bad: wrong, range: bounds };
}

function isFloat32({ minimum, maximum }: ValueRange): boolean {
  return Number.isFinite(Math.fround(minimum)) && Number.isFinite(Math.fround(maximum));
}

/** The samples of an array in Fortran's order: read in blocks of samples, each element of a block's samples in one piece. */
async function turnedRound(
  { region, shape, element }: NumericArray,
  describe: (row: number) => string,
  { folder }: ReadContext,
): Promise<SampleSource> {
  const [rows, ...sampleShape] = shape;
  const size = elementCount(sampleShape);
  const places = fortranPlaces(sampleShape);
  const store = new SampleStore(sampleShape, folder);
  const perBlock = Math.max(1, Math.min(rows, Math.floor((64 * blockElements) / size)));
  const block = new Float32Array(perBlock * size);
  const bytes = new Uint8Array(perBlock * element.size);
  try {
    for (let start = 0; start < rows; start += perBlock) {
      const count = Math.min(perBlock, rows - start);
      for (const [stored, place] of places.entries()) {
        const part = bytes.subarray(0, count * element.size);
        region.read((stored * rows + start) * element.size, part);
        const values = decodeElements(part, element);
        for (let row = 0; row < count; row += 1) block[row * size + place] = values[row];
      }
      for (let row = 0; row < count; row += 1) {
        store.next().set(block.subarray(row * size, (row + 1) * size));
        store.keep();
      }
      await new Promise(setImmediate);
    }
    region.close();
    return store.finish(describe);
  } catch (error) {
    store.close();
    throw error;
  }
}

/** For each element of a sample in Fortran's order, its place in C's. */
function fortranPlaces(shape: readonly number[]): Uint32Array {
  const places = new Uint32Array(elementCount(shape));
  for (let stored = 0; stored < places.length; stored += 1) {
    let [rest, place] = [stored, 0];
    const index = shape.map((size) => {
      const at = rest % size;
      rest = Math.floor(rest / size);
      return at;
    });
    for (const [axis, size] of shape.entries()) place = place * size + index[axis];
    places[stored] = place;
  }
  return places;
}

/** One column, or one for each element of a row. */
function labelColumns(name: string, array: StoredArray): { readonly values: readonly (readonly [string, LabelColumn])[]; readonly hash: string } {
  const { shape, element, fortran, region } = array;
  const rows = shape[0];
  const width = elementCount(shape.slice(1));
  if (shape.length > 2 || width === 0) throw errors.arrayShape(array.name, "labels of one or two axes, [samples] or [samples, labels]", shape);
  if (element.size === 0) throw errors.arrayType(array.name, "a label for each sample", "text without characters");
  const bytes = new Uint8Array(rows * width * element.size);
  region.read(0, bytes);
  const hash = createHash("sha256").update(bytes).digest("hex");
  const cells = isText(element) ? decodeTexts(bytes, element) : decodeElements(bytes, element);
  const values = Array.from({ length: width }, (_, column): readonly [string, LabelColumn] => {
    const at = (row: number): number => (fortran ? column * rows + row : row * width + column);
    const picked = Array.from({ length: rows }, (__, row) => cells[at(row)]);
    return [
      shape.length === 1 ? name : `${name}[${column}]`,
      typeof picked[0] === "string" ? (picked as string[]) : Float64Array.from(picked as number[]),
    ];
  });
  return { values, hash };
}

/** Text of fixed width, padded with zeros: UTF-32, or bytes that are read as UTF-8. */
function decodeTexts(bytes: Uint8Array, { kind, size, bigEndian }: TextType): readonly string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder();
  return Array.from({ length: bytes.byteLength / size }, (_, i) => {
    if (kind === "S")
      return decoder
        .decode(bytes.subarray(i * size, (i + 1) * size))
        .replace(/\0+$/, "")
        .trim();
    const points = Array.from({ length: size / 4 }, (__, j) => view.getUint32(i * size + 4 * j, !bigEndian));
    const end = points.findLastIndex((point) => point !== 0) + 1;
    const characters = points.slice(0, end).map((point) => String.fromCodePoint(point > 0x10ffff ? 0xfffd : point));
    return characters.join("").trim();
  });
}
