// NumPy's array files, `.npy`: one array with a header in front.
// Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

import { stat } from "node:fs/promises";
import * as errors from "../errors.js";
import { elementCount } from "../graph/dims.js";
import { arrayRows, type StoredArray, type TextType } from "./arrays.js";
import { fileRegion, partOf, readBytes, type ByteRegion } from "./byte-store.js";
import { assertFile, guardFile } from "./data-file.js";
import type { ReadContext, ReadRequest, Rows } from "./dataset.js";
import { elementType, type ElementType } from "./elements.js";

/** Two files whose first axes belong together. */
export interface SamplesAndLabels {
  readonly samples: string;
  readonly labels: string;
}

/**
 * Reads samples and labels from a file each.
 * @throws data/no-file; data/unreadable; data/array for what is no array of numbers; data/labels; data/rows where bad samples end the run
 */
export async function openNpy({ samples, labels }: SamplesAndLabels, _: ReadRequest, context: ReadContext): Promise<Rows> {
  const first = await openFile(samples);
  const second = await openFile(labels).catch((error: unknown): never => {
    first.array.region.close();
    throw error;
  });
  const set = { path: samples, samples: first.array, labels: new Map([["labels", second.array]]), headers: [first.header, second.header] };
  return guardFile(samples, arrayRows(set, context));
}

interface NpyFile {
  readonly array: StoredArray;
  readonly header: string;
}

async function openFile(path: string): Promise<NpyFile> {
  await assertFile(path);
  const { size } = await stat(path);
  return guardFile(
    path,
    Promise.resolve().then(() => readNpy(path, fileRegion(path, 0, size))),
  );
}

const magic = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);
/** A header longer than this is none. */
const longestHeader = 2 ** 20;

/** The array in `region`, which is a whole `.npy` file; `name` is how messages call it. It is closed with the array's region. @throws data/array */
export function readNpy(name: string, region: ByteRegion): NpyFile {
  try {
    return parseNpy(name, region);
  } catch (error) {
    region.close();
    throw error;
  }
}

function parseNpy(name: string, region: ByteRegion): NpyFile {
  const start = readBytes(region, 0, 12);
  if (start.length < 10 || magic.some((byte, i) => start[i] !== byte)) throw errors.notAnArray(name, "a NumPy array file (.npy)", startsLike(start));
  const view = new DataView(start.buffer);
  const version = start[6];
  if (version < 1 || version > 3) throw errors.badArray(name, `expected format version 1, 2 or 3, got ${version}`);
  const headerStart = version === 1 ? 10 : 12;
  const headerLength = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const header = readBytes(region, headerStart, Math.min(headerLength, longestHeader));
  if (header.length < headerLength) throw errors.badArray(name, "the file is cut off within its header");
  const text = new TextDecoder(version === 3 ? "utf-8" : "latin1").decode(header);
  const { descr, fortran, shape } = parseHeader(name, text);
  const element = parseType(name, descr);
  const [offset, wanted] = [headerStart + headerLength, elementCount(shape) * element.size];
  const there = region.byteLength - offset;
  if (there !== wanted) {
    const what = there < wanted ? "the file is cut off" : "the file goes on behind the array";
    throw errors.badArray(name, `${what}: ${element.name} [${shape.join(", ")}] takes ${wanted} bytes, got ${there}`);
  }
  const array = { name, shape, element, fortran, region: partOf(region, offset, wanted) };
  return { array, header: text };
}

interface Header {
  readonly descr: string;
  readonly fortran: boolean;
  readonly shape: readonly number[];
}

/** Python's dictionary `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`. */
function parseHeader(name: string, text: string): Header {
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
  const fortran = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape'\s*:\s*\(([\d\s,L]*)\)/.exec(text)?.[1];
  if (descr === undefined && /'descr'\s*:\s*\[/.test(text)) throw errors.arrayType(name, "numbers", "a structured type (records with fields)");
  if (descr === undefined || fortran === undefined || shape === undefined)
    throw errors.badArray(name, "its header does not say type, order and shape");
  const sizes = shape.split(",").map((size) => size.trim().replace(/L$/, "")).filter((size) => size !== "").map(Number); // prettier-ignore
  if (!Number.isSafeInteger(elementCount(sizes))) throw errors.badArray(name, `a shape of [${sizes.join(", ")}] is too large`);
  return { descr, fortran: fortran === "True", shape: sizes };
}

/** `<f4`, `|u1`, `>i8`, `<U5`. */
function parseType(name: string, descr: string): ElementType | TextType {
  const [, order, kind, digits] = /^([<>|=]?)([a-zA-Z?])(\d*)/.exec(descr) ?? [];
  const size = Number(digits);
  const bigEndian = order === ">";
  if (kind === "U") return { name: "text", kind, size: 4 * size, bigEndian };
  if (kind === "S") return { name: "text", kind, size, bigEndian: false };
  const found = kind === "?" ? elementType("b", 1, false) : elementType(kind, size, bigEndian);
  if (found !== undefined) return found;
  const what = { O: "Python objects (a pickle, which is never read)", c: "complex numbers", M: "dates", m: "time spans", V: "raw bytes" }[kind];
  throw errors.arrayType(name, "numbers of 8 to 64 bits, or text for labels", what ?? `the type "${descr}"`);
}

/** What a file that is no array seems to be. */
function startsLike(bytes: Uint8Array): string {
  if (bytes.length === 0) return "an empty file";
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) return "a zip archive (write it as npz)";
  if (bytes[0] === 0x80 && bytes[1] <= 5) return "a pickle, which is never read";
  return `a file that begins with ${[...bytes.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ")}`;
}
