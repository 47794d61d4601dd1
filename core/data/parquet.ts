// Parquet files: rows of columns, read a row group at a time.
// Source: https://parquet.apache.org/docs/file-format/

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { parquetMetadataAsync, parquetScan, type AsyncBuffer, type DecodedArray, type FileMetaData } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import * as errors from "../errors.js";
import { fileRegion, readBytes, type ByteRegion } from "./byte-store.js";
import { chooseColumns } from "./columns.js";
import { assertFile, guardFile } from "./data-file.js";
import type { ReadContext, ReadRequest, Rows } from "./dataset.js";
import { RecordReader } from "./records.js";

/**
 * Reads a Parquet file of any of the format's codecs but LZO. Columns with numbers, or with lists of them, make the sample.
 * @throws data/no-file; data/unreadable; data/format; data/empty; data/rows where bad samples end the run; and what `chooseColumns` throws
 */
export async function openParquet(path: string, request: ReadRequest, context: ReadContext): Promise<Rows> {
  await assertFile(path);
  return guardFile(path, readParquet(path, request, context));
}

async function readParquet(path: string, request: ReadRequest, context: ReadContext): Promise<Rows> {
  const { size } = await stat(path);
  const region = fileRegion(path, 0, size);
  const reader = new RecordReader(path, request, context);
  try {
    await readGroups(path, region, request, reader);
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
    return reader.finish(hash.digest("hex"));
  } catch (error) {
    reader.close();
    throw error;
  } finally {
    region.close();
  }
}

/** Names of the columns, from the end of the file alone. @throws as `openParquet` */
export async function parquetColumns(path: string): Promise<readonly string[]> {
  await assertFile(path);
  const region = fileRegion(path, 0, (await stat(path)).size);
  try {
    return topLevel(await decode(path, () => parquetMetadataAsync(asyncBuffer(region))));
  } finally {
    region.close();
  }
}

function asyncBuffer(region: ByteRegion): AsyncBuffer {
  return { byteLength: region.byteLength, slice: (start, end = region.byteLength) => readBytes(region, start, end - start).buffer };
}

async function readGroups(path: string, region: ByteRegion, request: ReadRequest, reader: RecordReader): Promise<void> {
  const file = asyncBuffer(region);
  const metadata = await decode(path, () => parquetMetadataAsync(file));
  const fields = topLevel(metadata);
  const chosen = chooseColumns(path, fields, request);
  const wanted = [...new Set([...chosen.features, ...chosen.labels, ...(chosen.part === undefined ? [] : [chosen.part])])].map((i) => fields[i]);
  const scan = await decode(path, () => parquetScan({ file, metadata, columns: wanted, compressors }));
  for (const { rowStart, rowEnd } of scan.ranges) {
    const columns = new Map<string, DecodedArray>();
    for (const column of wanted) {
      const values = await decode(path, () => scan.readColumn({ column, rowStart, rowEnd }));
      if (values.length < rowEnd - rowStart)
        throw errors.unreadableFormat(path, "a Parquet file", `column "${column}" ends before its row group does`);
      columns.set(column, values);
    }
    for (let row = rowStart; row < rowEnd; row += 1) reader.add(fields, (field) => columns.get(field)?.[row - rowStart], row + 1);
  }
}

/** Names of the columns as a person sees them: a list is one. */
function topLevel({ schema }: FileMetaData): readonly string[] {
  const names: string[] = [];
  let at = 1;
  const skip = (): void => {
    const children = schema[at].num_children ?? 0;
    at += 1;
    for (let child = 0; child < children; child += 1) skip();
  };
  for (let child = 0; child < (schema[0].num_children ?? 0); child += 1) {
    names.push(schema[at].name);
    skip();
  }
  return names;
}

/** Whatever the decoder stumbles on is told as the file's fault. */
async function decode<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof errors.EngineError || !(error instanceof Error)) throw error;
    throw errors.unreadableFormat(path, "a Parquet file", error.message);
  }
}
