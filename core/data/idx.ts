// IDX files, the format of MNIST and its relatives, plain or gzipped: samples and labels in a file each.
// Source: http://yann.lecun.com/exdb/mnist/ ("the IDX file format")

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import * as errors from "../errors.js";
import { elementCount } from "../graph/dims.js";
import { arrayRows, type StoredArray } from "./arrays.js";
import { ByteStore, fileRegion, partOf, readBytes, type ByteRegion } from "./byte-store.js";
import { assertFile, guardFile } from "./data-file.js";
import type { ReadContext, ReadRequest, Rows } from "./dataset.js";
import { elementType, type ElementType } from "./elements.js";
import type { SamplesAndLabels } from "./npy.js";
import { isZlibError } from "./zip.js";

/**
 * Reads samples and labels from a file each; a gzipped one is known by its content.
 * @throws data/no-file; data/unreadable; data/array for what is no IDX file; data/labels; data/rows where bad samples end the run
 */
export async function openIdx({ samples, labels }: SamplesAndLabels, _: ReadRequest, context: ReadContext): Promise<Rows> {
  const first = await openFile(samples, context);
  const second = await openFile(labels, context).catch((error: unknown): never => {
    first.array.region.close();
    throw error;
  });
  const set = { path: samples, samples: first.array, labels: new Map([["labels", second.array]]), headers: [first.header, second.header] };
  return guardFile(samples, arrayRows(set, context));
}

interface IdxFile {
  readonly array: StoredArray;
  readonly header: string;
}

async function openFile(path: string, { folder }: ReadContext): Promise<IdxFile> {
  await assertFile(path);
  const { size } = await stat(path);
  return guardFile(path, readFile(path, size, folder));
}

async function readFile(path: string, size: number, folder: string): Promise<IdxFile> {
  const file = fileRegion(path, 0, size);
  const start = readBytes(file, 0, 2);
  const gzipped = start[0] === 0x1f && start[1] === 0x8b;
  if (gzipped) file.close();
  const { region, packed } = gzipped ? await unpack(path, folder) : { region: file, packed: "" };
  try {
    const { array, header } = parseIdx(path, region);
    return { array, header: header + packed };
  } catch (error) {
    region.close();
    throw error;
  }
}

/** What a gzipped file holds, and the hash of what it is packed as. */
async function unpack(path: string, folder: string): Promise<{ readonly region: ByteRegion; readonly packed: string }> {
  const store = new ByteStore(folder);
  const hash = createHash("sha256");
  const file = createReadStream(path, { highWaterMark: 2 ** 18 });
  file.on("data", (chunk) => hash.update(chunk));
  try {
    await pipeline(file, createGunzip(), async (chunks: AsyncIterable<Uint8Array>) => {
      for await (const chunk of chunks) store.append(chunk);
    });
  } catch (error) {
    store.close();
    throw isZlibError(error) ? errors.badArray(path, "it is cut off, or no gzip file: it cannot be unpacked") : error;
  }
  return { region: store, packed: hash.digest("hex") };
}

/** Element types by the third byte; all are big-endian. */
const types: Readonly<Record<number, ElementType | undefined>> = {
  0x08: elementType("u", 1, true),
  0x09: elementType("i", 1, true),
  0x0b: elementType("i", 2, true),
  0x0c: elementType("i", 4, true),
  0x0d: elementType("f", 4, true),
  0x0e: elementType("f", 8, true),
};

function parseIdx(name: string, region: ByteRegion): IdxFile {
  const magic = readBytes(region, 0, 4);
  const element = types[magic[2]];
  if (magic.length < 4 || magic[0] !== 0 || magic[1] !== 0 || element === undefined || magic[3] === 0) {
    const got =
      magic.length === 0 ? "an empty file" : `a file that begins with ${[...magic].map((byte) => byte.toString(16).padStart(2, "0")).join(" ")}`;
    throw errors.notAnArray(name, "an IDX file, which begins with 00 00, a type from 08 to 0e and a number of axes", got);
  }
  const axes = magic[3];
  const header = readBytes(region, 0, 4 + 4 * axes);
  if (header.length < 4 + 4 * axes) throw errors.badArray(name, "the file is cut off within its header");
  const view = new DataView(header.buffer);
  const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  const [wanted, there] = [elementCount(shape) * element.size, region.byteLength - header.length];
  if (there !== wanted) {
    const what = there < wanted ? "the file is cut off" : "the file goes on behind the array";
    throw errors.badArray(name, `${what}: ${element.name} [${shape.join(", ")}] takes ${wanted} bytes, got ${there}`);
  }
  const array = { name, shape, element, fortran: false, region: partOf(region, header.length, wanted) };
  return { array, header: [...header].join() };
}
