// Zip archives as far as `.npz` files need them: the list of members, and the bytes of one. Zip64 too; no encryption, no split archives.
// Source: APPNOTE.TXT 6.3.10, https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import { crc32, createInflateRaw } from "node:zlib";
import * as errors from "../errors.js";
import { ByteStore, partOf, readBytes, type ByteRegion } from "./byte-store.js";

export interface ZipMember {
  readonly name: string;
  readonly method: number;
  readonly encrypted: boolean;
  readonly compressedSize: number;
  readonly size: number;
  readonly headerOffset: number;
  /** CRC-32 of the bytes before compression. */
  readonly checksum: number;
}

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locatorSignature = 0x07064b50;
const entrySignature = 0x02014b50;
const localSignature = 0x04034b50;
/** A value that stands in the zip64 field instead. */
const in64 = 0xffffffff;

/** The members of an archive, in its order. @throws data/array */
export function zipMembers(path: string, region: ByteRegion): readonly ZipMember[] {
  const tailStart = Math.max(0, region.byteLength - 65_557);
  const tail = viewOf(readBytes(region, tailStart, 65_557));
  let end = tail.byteLength - 22;
  while (end >= 0 && tail.getUint32(end, true) !== endSignature) end -= 1;
  if (end < 0) {
    const start = readBytes(region, 0, 4);
    const isZip = start.length === 4 && viewOf(start).getUint32(0, true) === localSignature;
    throw isZip
      ? errors.badArray(path, "the file is cut off: its list of members is missing")
      : errors.notAnArray(path, "a zip archive (.npz)", "another file");
  }
  let [count, size, offset] = [tail.getUint16(end + 10, true), tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)];
  const locator = end - 20;
  if (locator >= 0 && tail.getUint32(locator, true) === locatorSignature) {
    const record = viewOf(readBytes(region, number64(tail, locator + 8), 56));
    if (record.byteLength < 56 || record.getUint32(0, true) !== end64Signature) throw errors.badArray(path, "its list of members is damaged");
    [count, size, offset] = [number64(record, 32), number64(record, 40), number64(record, 48)];
  }
  const list = viewOf(readBytes(region, offset, size));
  const members: ZipMember[] = [];
  for (let at = 0; members.length < count;) {
    if (at + 46 > list.byteLength || list.getUint32(at, true) !== entrySignature) throw errors.badArray(path, "its list of members is damaged");
    const [nameLength, extraLength, commentLength] = [list.getUint16(at + 28, true), list.getUint16(at + 30, true), list.getUint16(at + 32, true)];
    if (at + 46 + nameLength + extraLength > list.byteLength) throw errors.badArray(path, "its list of members is damaged");
    const name = new TextDecoder().decode(new Uint8Array(list.buffer, list.byteOffset + at + 46, nameLength));
    const large = zip64Field(new DataView(list.buffer, list.byteOffset + at + 46 + nameLength, extraLength));
    const next = (value: number): number => (value === in64 ? (large.shift() ?? value) : value);
    const uncompressed = next(list.getUint32(at + 24, true));
    members.push({
      name,
      method: list.getUint16(at + 10, true),
      encrypted: (list.getUint16(at + 8, true) & 1) === 1,
      checksum: list.getUint32(at + 16, true),
      size: uncompressed,
      compressedSize: next(list.getUint32(at + 20, true)),
      headerOffset: next(list.getUint32(at + 42, true)),
    });
    at += 46 + nameLength + extraLength + commentLength;
  }
  return members;
}

/** The values of the extra field 1, in its order. */
function zip64Field(extra: DataView): number[] {
  for (let at = 0; at + 4 <= extra.byteLength;) {
    const [id, length] = [extra.getUint16(at, true), extra.getUint16(at + 2, true)];
    if (id === 1 && at + 4 + length <= extra.byteLength)
      return Array.from({ length: Math.min(3, Math.floor(length / 8)) }, (_, i) => number64(extra, at + 4 + 8 * i));
    at += 4 + length;
  }
  return [];
}

/**
 * The bytes of a member: where they lie in the archive if they are not compressed, else inflated into memory or, where they do not fit, into
 * a file in `folder`. Closing them closes the archive.
 * @throws data/array
 */
export async function zipBytes(path: string, region: ByteRegion, member: ZipMember, folder: string): Promise<ByteRegion> {
  const { name, method, encrypted, size, compressedSize, headerOffset } = member;
  const refuse = (problem: string): Error => errors.badArray(path, `member "${name}": ${problem}`);
  if (encrypted) throw refuse("it is encrypted");
  const header = viewOf(readBytes(region, headerOffset, 30));
  if (header.byteLength < 30 || header.getUint32(0, true) !== localSignature) throw refuse("it is not where the list of members says");
  const start = headerOffset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  if (start + compressedSize > region.byteLength) throw refuse("the file is cut off");
  if (method === 0 && size !== compressedSize) throw refuse(`it is stored in ${compressedSize} bytes, yet said to hold ${size}`);
  if (method === 0) return partOf(region, start, size);
  if (method !== 8) throw refuse(`expected it stored or deflated, got compression method ${method}`);
  const store = new ByteStore(folder);
  let checksum = 0;
  try {
    await pipeline(Readable.from(pieces(partOf(region, start, compressedSize))), createInflateRaw(), async (chunks: AsyncIterable<Uint8Array>) => {
      for await (const chunk of chunks) {
        if (store.byteLength + chunk.byteLength > size) throw refuse("it is longer than the list of members says");
        checksum = crc32(chunk, checksum);
        store.append(chunk);
      }
    });
    if (store.byteLength < size) throw refuse("it is shorter than the list of members says");
    if (checksum !== member.checksum) throw refuse("its checksum is not what the list of members says");
  } catch (error) {
    store.close();
    throw isZlibError(error) ? refuse("its compressed bytes are damaged") : error;
  }
  region.close();
  return store;
}

/** A failure of decompression, not of the disk. */
export function isZlibError(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && error.code.startsWith("Z_");
}

/** The bytes of a region, one piece after the other. */
export function* pieces(region: ByteRegion): Generator<Uint8Array> {
  for (let position = 0; position < region.byteLength; position += 2 ** 20) yield readBytes(region, position, 2 ** 20);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function number64(view: DataView, offset: number): number {
  return Number(view.getBigUint64(offset, true));
}
