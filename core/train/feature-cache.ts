// Cached features on disk: one file of fixed-size records (one per sample, in file order) and one small description beside it, per
// key. Least recently used files go first when the limit is reached. A cache that cannot be written or read never fails a run.

import { createHash } from "node:crypto";
import { closeSync, constants, openSync, readSync, rmSync, writeSync } from "node:fs";
import { readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import * as errors from "../errors.js";
import { elementCount } from "../graph/dims.js";
import { byteSize } from "../graph/tensor.js";
import { dtypes } from "../graph/types.js";
import type { FeatureValue } from "./features.js";
import { makeFolder } from "./files.js";
import { replaceFile } from "../atomic-file.js";

/** Default limit of all cached features beside one recipe, in bytes. */
export const defaultCacheLimit = 8e9;

const descriptionSchema = z.object({
  /** What a record holds, in order. */
  values: z.array(z.object({ name: z.string(), dtype: z.enum(dtypes), shape: z.array(z.number()) })),
  /** SHA-256 of each chunk of records that has been written, in order. */
  chunks: z.array(z.object({ records: z.number(), sha256: z.string() })),
});

type Description = z.infer<typeof descriptionSchema>;

export interface CacheOptions {
  /** What each record holds. */
  readonly values: readonly FeatureValue[];
  /** Number of records that there will be. */
  readonly count: number;
  /** Bytes of all cached features in the folder. */
  readonly limit: number;
}

/** The records of one key on disk. Appended in order, readable at any place. */
export class CachedFeatures {
  readonly #file: number;
  readonly #path: string;
  readonly #descriptionPath: string;
  readonly #values: Description["values"];
  readonly #recordBytes: number;
  readonly #chunks: Description["chunks"];

  private constructor(file: number, path: string, descriptionPath: string, { values, chunks }: Description) {
    this.#file = file;
    this.#path = path;
    this.#descriptionPath = descriptionPath;
    this.#values = values;
    this.#recordBytes = recordBytesOf(values);
    this.#chunks = chunks;
  }

  /**
   * Opens or creates the records of `key` below `folder`, after making room for `count` of them. Records whose checksum does not hold are
   * dropped. Answers undefined where all together exceed `limit` bytes.
   */
  static async open(folder: string, key: string, { values, count, limit }: CacheOptions): Promise<CachedFeatures | undefined> {
    const totalBytes = count * recordBytesOf(values);
    if (totalBytes > limit) return undefined;
    await makeFolder(folder);
    await makeRoom(folder, key, limit - totalBytes);
    const path = join(folder, `${key}.features`);
    const descriptionPath = join(folder, `${key}.json`);
    const found = await readDescription(descriptionPath);
    const own = values.map(({ name, dtype, shape }) => ({ name, dtype, shape: [...shape] }));
    const description = found !== undefined && isDeepStrictEqual(found.values, own) ? found : { values: own, chunks: [] };
    const file = openSync(path, constants.O_RDWR | constants.O_CREAT);
    const kept = verifiedChunks(file, description);
    const now = new Date();
    await utimes(path, now, now).catch(() => undefined);
    return new CachedFeatures(file, path, descriptionPath, { values: own, chunks: kept });
  }

  /** Number of records that are there, always the first ones. */
  get count(): number {
    return countRecords(this.#chunks);
  }

  /** Appends whole records. @throws the file system's error */
  append(records: Uint8Array): void {
    writeAll(this.#file, records, this.count * this.#recordBytes);
    this.#chunks.push({ records: records.byteLength / this.#recordBytes, sha256: sha256(records) });
  }

  /** Makes what was appended count for later runs. */
  async commit(): Promise<void> {
    await replaceFile(this.#descriptionPath, JSON.stringify({ values: this.#values, chunks: this.#chunks } satisfies Description));
  }

  /** Reads `into.byteLength` bytes from record `index` on. @throws the file system's error, or that of a file cut short meanwhile */
  read(index: number, into: Uint8Array): void {
    if (readAll(this.#file, into, index * this.#recordBytes) < into.byteLength) throw errors.cacheCutShort(this.#path);
  }

  close(): void {
    closeSync(this.#file);
  }

  /** Gives the space back, where keeping turned out to be impossible. */
  discard(): void {
    this.close();
    for (const path of [this.#path, this.#descriptionPath]) rmSync(path, { force: true });
  }
}

/** What the records of `key` hold, where some were kept. */
export async function cachedValues(folder: string, key: string): Promise<readonly FeatureValue[] | undefined> {
  return (await readDescription(join(folder, `${key}.json`)))?.values;
}

function recordBytesOf(values: readonly FeatureValue[]): number {
  return values.reduce((sum, { dtype, shape }) => sum + byteSize(dtype, elementCount(shape)), 0);
}

async function readDescription(path: string): Promise<Description | undefined> {
  try {
    return descriptionSchema.safeParse(JSON.parse(await readFile(path, "utf8"))).data;
  } catch {
    return undefined;
  }
}

/** The leading chunks whose bytes are all there and unharmed. */
function verifiedChunks(file: number, { values, chunks }: Description): Description["chunks"] {
  const recordBytes = recordBytesOf(values);
  const kept: Description["chunks"] = [];
  let offset = 0;
  for (const chunk of chunks) {
    const bytes = new Uint8Array(chunk.records * recordBytes);
    if (readAll(file, bytes, offset) < bytes.byteLength || sha256(bytes) !== chunk.sha256) break;
    kept.push(chunk);
    offset += bytes.byteLength;
  }
  return kept;
}

function countRecords(chunks: Description["chunks"]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.records, 0);
}

/** Answers how many bytes there were. */
function readAll(file: number, into: Uint8Array, position: number): number {
  let done = 0;
  while (done < into.byteLength) {
    const read = readSync(file, into, done, into.byteLength - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.byteLength;) done += writeSync(file, bytes, done, bytes.byteLength - done, position + done);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Removes the least recently used files until what stays is at most `limit` bytes; `key`'s own files stay. */
async function makeRoom(folder: string, key: string, limit: number): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".features") && name !== `${key}.features`);
  const files = await Promise.all(names.map(async (name) => ({ name, info: await stat(join(folder, name)) })));
  let total = files.reduce((sum, { info }) => sum + info.size, 0);
  for (const { name, info } of files.sort((a, b) => a.info.mtimeMs - b.info.mtimeMs)) {
    if (total <= limit) return;
    await rm(join(folder, name), { force: true });
    await rm(join(folder, name.replace(/\.features$/, ".json")), { force: true });
    total -= info.size;
  }
}

/** Key of cached features: everything that decides their bits. */
export function cacheKey(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    hash.update(`${part.length}:`);
    hash.update(part);
  }
  return hash.digest("hex").slice(0, 40);
}
