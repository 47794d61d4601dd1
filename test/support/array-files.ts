// Small writers of array files, for tests of their readers: NumPy's `.npy` in every version and order, IDX, and zip archives with and
// without zip64.

import { floatToFloat16 } from "../../core/graph/half.js";

/** NumPy's names of element types that the writers know. */
export const npyTypes = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"] as const;
export type NpyType = (typeof npyTypes)[number];

export interface NpyOptions {
  readonly type: NpyType;
  readonly shape: readonly number[];
  /** In C order. */
  readonly values: readonly number[];
  readonly bigEndian?: boolean;
  readonly fortran?: boolean;
  readonly version?: 1 | 2 | 3;
}

export function encodeNpy({ type, shape, values, bigEndian = false, fortran = false, version = 1 }: NpyOptions): Uint8Array<ArrayBuffer> {
  const size = Number(type[1]);
  const order = size === 1 ? "|" : bigEndian ? ">" : "<";
  const stored = fortran ? fortranOrder(shape).map((i) => values[i]) : values;
  return encodeNpyBytes({ descr: `'${order}${type}'`, shape, fortran, version, bytes: encodeElements(type, stored, bigEndian) });
}

export interface NpyBytes {
  /** As Python writes it: `'<f4'`. */
  readonly descr: string;
  readonly shape: readonly number[];
  readonly fortran?: boolean;
  readonly version?: number;
  readonly bytes: Uint8Array;
}

export function encodeNpyBytes({ descr, shape, fortran = false, version = 1, bytes }: NpyBytes): Uint8Array<ArrayBuffer> {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': ${descr}, 'fortran_order': ${fortran ? "True" : "False"}, 'shape': ${tuple}, }`;
  const prefix = version === 1 ? 10 : 12;
  const length = Math.ceil((prefix + text.length + 1) / 64) * 64 - prefix;
  const header = new Uint8Array(prefix);
  header.set([0x93, ...Buffer.from("NUMPY"), version, 0]);
  if (version === 1) new DataView(header.buffer).setUint16(8, length, true);
  else new DataView(header.buffer).setUint32(8, length, true);
  return concat([header, Buffer.from(`${text.padEnd(length - 1)}\n`), bytes]);
}

/** NumPy's fixed-width text, `<U…`. */
export function encodeTexts(texts: readonly string[]): Uint8Array<ArrayBuffer> {
  const points = texts.map((text) => Array.from(text, (character) => character.codePointAt(0) ?? 0));
  const width = Math.max(...points.map((list) => list.length));
  const values = Uint32Array.from(points.flatMap((list) => [...list, ...new Array<number>(width - list.length).fill(0)]));
  return encodeNpyBytes({ descr: `'<U${width}'`, shape: [texts.length], bytes: new Uint8Array(values.buffer) });
}

function encodeElements(type: NpyType, values: readonly number[], bigEndian: boolean): Uint8Array {
  const size = Number(type[1]);
  const bytes = new Uint8Array(values.length * size);
  const view = new DataView(bytes.buffer);
  const little = !bigEndian;
  for (const [i, value] of values.entries()) {
    const at = i * size;
    if (type === "f2") view.setUint16(at, floatToFloat16(value), little);
    else if (type === "f4") view.setFloat32(at, value, little);
    else if (type === "f8") view.setFloat64(at, value, little);
    else if (type === "i8") view.setBigInt64(at, BigInt(value), little);
    else if (type === "u8") view.setBigUint64(at, BigInt(value), little);
    else if (size === 4) view.setUint32(at, value, little);
    else if (size === 2) view.setUint16(at, value, little);
    else view.setUint8(at, value);
  }
  return bytes;
}

/** For each element as Fortran stores it, its place in C's order. */
function fortranOrder(shape: readonly number[]): readonly number[] {
  const total = shape.reduce((product, size) => product * size, 1);
  return Array.from({ length: total }, (_, stored) => {
    let rest = stored;
    const index = shape.map((size) => {
      const at = rest % size;
      rest = Math.floor(rest / size);
      return at;
    });
    return shape.reduce((place, size, axis) => place * size + index[axis], 0);
  });
}

/** IDX codes by NumPy's names. */
export const idxTypes = { u1: 0x08, i1: 0x09, i2: 0x0b, i4: 0x0c, f4: 0x0d, f8: 0x0e } as const;

export function encodeIdx(type: keyof typeof idxTypes, shape: readonly number[], values: readonly number[]): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(4 + 4 * shape.length);
  header.set([0, 0, idxTypes[type], shape.length]);
  for (const [axis, size] of shape.entries()) new DataView(header.buffer).setUint32(4 + 4 * axis, size);
  return concat([header, encodeElements(type, values, true)]);
}

/** A zip archive of members that are not compressed, with all its sizes and places in zip64 fields. */
export function encodeZip64(members: Readonly<Record<string, Uint8Array>>): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const list: Uint8Array[] = [];
  let offset = 0;
  for (const [name, bytes] of Object.entries(members)) {
    const size = BigInt(bytes.byteLength);
    const local = record([[4, 0x04034b50], [2, 45], [2, 0], [2, 0], [4, 0], [4, 0], [4, 0xffffffff], [4, 0xffffffff], [2, name.length], [2, 20]]); // prettier-ignore
    const localField = record([[2, 1], [2, 16], [8, size], [8, size]]); // prettier-ignore
    const entry = record([[4, 0x02014b50], [2, 45], [2, 45], [2, 0], [2, 0], [4, 0], [4, 0], [4, 0xffffffff], [4, 0xffffffff], [2, name.length], [2, 28], [2, 0], [2, 0], [2, 0], [4, 0], [4, 0xffffffff]]); // prettier-ignore
    const entryField = record([[2, 1], [2, 24], [8, size], [8, size], [8, BigInt(offset)]]); // prettier-ignore
    list.push(entry, Buffer.from(name), entryField);
    const part = concat([local, Buffer.from(name), localField, bytes]);
    parts.push(part);
    offset += part.byteLength;
  }
  const directory = concat(list);
  const count = BigInt(Object.keys(members).length);
  const end64 = record([[4, 0x06064b50], [8, 44n], [2, 45], [2, 45], [4, 0], [4, 0], [8, count], [8, count], [8, BigInt(directory.byteLength)], [8, BigInt(offset)]]); // prettier-ignore
  const locator = record([[4, 0x07064b50], [4, 0], [8, BigInt(offset + directory.byteLength)], [4, 1]]); // prettier-ignore
  const end = record([[4, 0x06054b50], [2, 0], [2, 0], [2, 0xffff], [2, 0xffff], [4, 0xffffffff], [4, 0xffffffff], [2, 0]]); // prettier-ignore
  return concat([...parts, directory, end64, locator, end]);
}

/** Little-endian numbers by their sizes in bytes. */
function record(fields: readonly (readonly [size: 2 | 4 | 8, value: number | bigint])[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 8) view.setBigUint64(at, BigInt(value), true);
    else if (size === 4) view.setUint32(at, Number(value), true);
    else view.setUint16(at, Number(value), true);
    at += size;
  }
  return bytes;
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.byteLength;
  }
  return joined;
}
