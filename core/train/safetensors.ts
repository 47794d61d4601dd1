// The safetensors file format: named tensors behind a JSON header. Checkpoints are written in it, so that other tools can open them.
// What a checkpoint holds is not decided here.

import { readFile } from "node:fs/promises";
import * as errors from "../errors.js";
import { elementCount } from "../graph/dims.js";
import { byteSize, bytesOf } from "../graph/tensor.js";
import type { DType, Tensor } from "../graph/types.js";
import { writeAtomic } from "./files.js";

export interface Safetensors {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

const names: Partial<Record<DType, string>> = {
  float64: "F64", float32: "F32", float16: "F16", bfloat16: "BF16", int64: "I64", int32: "I32", int16: "I16", int8: "I8",
  uint64: "U64", uint32: "U32", uint16: "U16", uint8: "U8", bool: "BOOL", complex64: "C64", float8e4m3fn: "F8_E4M3",
  float8e5m2: "F8_E5M2",
}; // prettier-ignore

const dtypesByName: ReadonlyMap<string, DType> = new Map(Object.entries(names).map(([dtype, name]) => [name, dtype as DType]));

const metadataKey = "__metadata__";
const lengthBytes = 8;
const alignment = 8;
/** The limit of the reference implementation. */
const longestHeader = 100_000_000;

/**
 * The file's bytes: the header's length as 64-bit little-endian, the header padded with spaces to a multiple of 8, the tensors without
 * gaps. Wider types come first, so that each tensor is aligned to its element size.
 * @throws model/dtype for element types that the format does not have
 * Source: https://huggingface.co/docs/safetensors/index#format
 */
export function encodeSafetensors({ tensors, metadata }: Safetensors): Uint8Array {
  const header: [string, unknown][] = metadata.size > 0 ? [[metadataKey, Object.fromEntries(metadata)]] : [];
  const ordered = [...tensors].sort(([a, x], [b, y]) => byteSize(y.dtype, 1) - byteSize(x.dtype, 1) || (a < b ? -1 : 1));
  let end = 0;
  for (const [name, { dtype, shape, data }] of ordered) {
    const type = names[dtype];
    if (type === undefined || !(data instanceof Uint8Array)) throw errors.unsupportedDType(dtype, `tensor "${name}" in a safetensors file`);
    if (name === metadataKey) throw errors.badSafetensors(name, `a tensor cannot be called "${metadataKey}"`);
    header.push([name, { dtype: type, shape, data_offsets: [end, (end += data.byteLength)] }]);
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const start = lengthBytes + Math.ceil(json.byteLength / alignment) * alignment;
  const file = new Uint8Array(start + end).fill(0x20, lengthBytes, start);
  new DataView(file.buffer).setBigUint64(0, BigInt(start - lengthBytes), true);
  file.set(json, lengthBytes);
  let offset = start;
  for (const [, tensor] of ordered) {
    file.set(bytesOf(tensor), offset);
    offset += bytesOf(tensor).byteLength;
  }
  return file;
}

/**
 * Reads a file's bytes; the tensors are views of them. `file` names it in messages.
 * @throws data/safetensors where sizes, offsets or types do not fit
 */
export function decodeSafetensors(bytes: Uint8Array, file: string): Safetensors {
  const fail = (problem: string): never => {
    throw errors.badSafetensors(file, problem);
  };
  if (bytes.byteLength < lengthBytes) fail(`expected at least ${lengthBytes} bytes, got ${bytes.byteLength}`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > longestHeader) fail(`its header is said to be ${length} bytes long`);
  const start = lengthBytes + Number(length);
  if (bytes.byteLength < start) fail(`its header is said to be ${length} bytes long, but the file ends after ${bytes.byteLength}`);
  const { [metadataKey]: metadata, ...entries } = parseHeader(bytes.subarray(lengthBytes, start), file);
  const data = bytes.subarray(start);
  const tensors = new Map(Object.entries(entries).map(([name, entry]) => [name, readTensor(name, entry, data, fail)]));
  checkNoGaps(entries as Record<string, Entry>, data.byteLength, fail);
  return { tensors, metadata: readMetadata(metadata, fail) };
}

type Fail = (problem: string) => never;

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

function parseHeader(bytes: Uint8Array, file: string): Record<string, unknown> {
  try {
    const header: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (isRecord(header)) return header;
  } catch {
    // Told below, as for a header that is JSON but no object.
  }
  throw errors.badSafetensors(file, "its header is not a JSON object");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((v) => Number.isSafeInteger(v) && (v as number) >= 0);
}

function readTensor(name: string, entry: unknown, data: Uint8Array, fail: Fail): Tensor {
  const { dtype, shape, data_offsets: offsets } = isRecord(entry) ? entry : {};
  const type = dtypesByName.get(String(dtype)) ?? fail(`tensor "${name}" has the unknown element type ${JSON.stringify(dtype)}`);
  if (!isCounts(shape)) return fail(`tensor "${name}": expected a shape of whole numbers, got ${JSON.stringify(shape)}`);
  if (!isCounts(offsets) || offsets.length !== 2) return fail(`tensor "${name}": expected two offsets, got ${JSON.stringify(offsets)}`);
  const [from, to] = offsets;
  const expected = byteSize(type, elementCount(shape));
  if (to - from !== expected) fail(`tensor "${name}" (${type} [${shape.join(", ")}]): expected ${expected} bytes, got ${to - from}`);
  if (to > data.byteLength) fail(`tensor "${name}" ends at byte ${to}, but the file has ${data.byteLength} bytes of data`);
  return { dtype: type, shape, data: data.subarray(from, to) };
}

/** Every byte belongs to one tensor: nothing is hidden between them. */
function checkNoGaps(entries: Readonly<Record<string, Entry>>, total: number, fail: Fail): void {
  const ranges = Object.entries(entries).map(([name, { data_offsets: [from, to] }]) => ({ name, from, to })); // prettier-ignore
  let end = 0;
  for (const { name, from, to } of ranges.sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (from !== end) fail(`tensor "${name}" starts at byte ${from} of the data, expected ${end}`);
    end = to;
  }
  if (end !== total) fail(`its tensors end at byte ${end} of the data, but there are ${total} bytes`);
}

function readMetadata(metadata: unknown, fail: Fail): ReadonlyMap<string, string> {
  if (metadata === undefined) return new Map();
  if (!isRecord(metadata)) return fail(`${metadataKey} is not an object of texts`);
  return new Map(
    Object.entries(metadata).map(([key, value]) => [key, typeof value === "string" ? value : fail(`${metadataKey}.${key} is not a text`)]),
  );
}

/** Reads a file. @throws data/safetensors */
export async function readSafetensors(path: string): Promise<Safetensors> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw errors.badSafetensors(path, errors.fileReason(cause));
  }
  return decodeSafetensors(bytes, path);
}

/** Writes a file in one step; what was there before stays whole if that fails. @throws run/write; model/dtype */
export async function writeSafetensors(path: string, content: Safetensors): Promise<void> {
  await writeAtomic(path, encodeSafetensors(content));
}
