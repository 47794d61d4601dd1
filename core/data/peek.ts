// The columns of a data file from its beginning or its directory alone, without its rows: what an editor can afford to look at while a
// recipe is written. The readers beside this file read all of it.

import { open } from "node:fs/promises";
import { extname } from "node:path";
import { parse } from "csv-parse/sync";
import { assertFile, guardFile } from "./data-file.js";
import { npzArrays } from "./npz.js";
import { parquetColumns } from "./parquet.js";

/** Kinds of files whose columns, fields or arrays have names. */
export const namedKinds = ["csv", "jsonl", "parquet", "npz"] as const;
export type NamedKind = (typeof namedKinds)[number];

/** What the beginning of a file tells. */
export interface Peek {
  /** Columns in the order of the file. */
  readonly columns: readonly string[];
  /** Cells of the first record, where the format has records that are read in passing: of tables as text. */
  readonly first?: Readonly<Record<string, unknown>>;
}

/** A header or first record longer than this is not looked at. */
const longestStart = 2 ** 20;

/** @throws data/no-file; data/unreadable; data/format, data/array for a file of another kind. Undefined where the beginning tells nothing. */
export async function peekFile(kind: NamedKind, path: string): Promise<Peek | undefined> {
  switch (kind) {
    case "parquet":
      return { columns: await parquetColumns(path) };
    case "npz":
      return { columns: await npzArrays(path) };
    case "csv":
      return peekTable(await startOf(path), path);
    case "jsonl":
      return peekRecord(await startOf(path));
  }
}

async function startOf(path: string): Promise<string> {
  await assertFile(path);
  return guardFile(path, readStart(path));
}

async function readStart(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(longestStart), 0, longestStart, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

function peekTable(start: string, path: string): Peek | undefined {
  const delimiter = [".tsv", ".tab"].includes(extname(path).toLowerCase()) ? "\t" : ",";
  try {
    const records: readonly (readonly string[])[] = parse(start, {
      bom: true,
      delimiter,
      recordDelimiter: ["\r\n", "\n", "\r"],
      relaxColumnCount: true,
      to: 2,
    });
    if (records.length === 0) return undefined;
    const [header, row = []] = records;
    const columns = header.map((name) => name.trim());
    return { columns, first: Object.fromEntries(columns.map((name, i) => [name, row[i]])) };
  } catch {
    // What is wrong with the table is told where all of it is read.
    return undefined;
  }
}

function peekRecord(start: string): Peek | undefined {
  const line = start
    .replace(/^\uFEFF/, "")
    .split("\n")
    .find((text) => text.trim() !== "");
  if (line === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return { columns: Object.keys(value), first: value as Readonly<Record<string, unknown>> };
  } catch {
    return undefined;
  }
}
