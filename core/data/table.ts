// Reads a table of comma- or tab-separated values into numbers and labels, row by row, and says which rows cannot be used.
// What labels mean is in labels.ts, which columns are taken in columns.ts.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, extname } from "node:path";
import { pipeline } from "node:stream/promises";
import { CsvError, parse } from "csv-parse";
import * as errors from "../errors.js";
import { nearest } from "../graph/nearest.js";
import { chooseColumns, type ColumnRequest, type Columns } from "./columns.js";
import type { SampleSource } from "./source.js";

export interface Table {
  readonly path: string;
  readonly rows: number;
  /** In the header's order. */
  readonly featureNames: readonly string[];
  /** [rows, featureNames.length] */
  readonly features: Float32Array;
  /** The text of each row by label column, without surrounding white space. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
  /** Line in the file on which each row starts; the header is on line 1. */
  readonly lines: Uint32Array;
  /** SHA-256 (hex) of the file's bytes. */
  readonly sha256: string;
}

/** Problems that an error spells out; of the others it gives the number. */
export const reportedRows = 5;
/** A row longer than this is taken for a quote that never closes. */
const longestRow = 2 ** 24;

/**
 * Reads a file with a header: tab-separated where its name ends in `.tsv` or `.tab`, else comma-separated; UTF-8, with or without a
 * byte order mark; fields may be quoted; empty lines at the end do not count. Numbers are decimal. The rows are read as a stream, so no more
 * memory is used than the result needs.
 * @throws data/no-file; data/unreadable; data/table for a broken quote; data/empty; data/rows naming the rows with missing, extra or
 * non-numeric cells, or without a label; and what `chooseColumns` throws
 */
export async function readTable(path: string, request: ColumnRequest): Promise<Table> {
  await assertFile(path);
  const capacity = await guard(path, countLines(path));
  return await guard(path, readRows(path, request, capacity));
}

/** The feature columns of a table as samples of shape [features]. */
export function tableSource({ path, rows, featureNames, features, lines }: Table): SampleSource {
  const width = featureNames.length;
  const bytes = new Uint8Array(features.buffer, features.byteOffset, features.byteLength);
  return {
    count: rows,
    sampleShape: [width],
    contentHash: createHash("sha256").update(`float32[${rows},${width}]`).update(bytes).digest("hex"),
    read(index, into, offset) {
      into.set(features.subarray(index * width, (index + 1) * width), offset);
    },
    describe: (index) => `${path}:${lines[index]}`,
  };
}

async function assertFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => error as NodeJS.ErrnoException);
  if (found instanceof Error) {
    if (found.code !== "ENOENT" && found.code !== "ENOTDIR") throw errors.unreadableData(path, found.message);
    const siblings = await readdir(dirname(path)).catch(() => []);
    throw errors.noDataFile(path, nearest(basename(path), siblings));
  }
  if (found.isDirectory()) throw errors.unreadableData(path, "it is a folder");
}

/** Turns failures of reading into errors that name the file. */
async function guard<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Error && "syscall" in error) throw errors.unreadableData(path, error.message);
    throw error;
  }
}

/** Line ends in a file, plus one: no fewer than its rows. */
async function countLines(path: string): Promise<number> {
  let [feeds, returns] = [0, 0];
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) {
    for (const byte of chunk as Uint8Array) {
      if (byte === 10) feeds += 1;
      else if (byte === 13) returns += 1;
    }
  }
  return Math.max(feeds, returns) + 1;
}

async function readRows(path: string, request: ColumnRequest, capacity: number): Promise<Table> {
  const hash = createHash("sha256");
  const file = createReadStream(path, { highWaterMark: 2 ** 18 });
  const rows: { collector?: Collector } = {};
  let line = 1;
  // Rows are taken as the parser finds them, not from its output, so that `line` is right when it stops at a broken one.
  const onRecord = (record: readonly string[]): undefined => {
    if (rows.collector === undefined) rows.collector = collectRows(path, record, request, capacity);
    else rows.collector.add(record, line);
    line += 1;
    for (const field of record) if (field.includes("\n") || field.includes("\r")) line += field.match(/\r\n|\n|\r/g)?.length ?? 0;
  };
  const parser = parse({
    bom: true,
    delimiter: isTabSeparated(path) ? "\t" : ",",
    recordDelimiter: ["\r\n", "\n", "\r"],
    relaxColumnCount: true,
    maxRecordSize: longestRow,
    onRecord,
  });
  file.on("data", (chunk) => hash.update(chunk));
  try {
    await pipeline(file, parser.resume());
  } catch (error) {
    if (error instanceof CsvError) throw errors.malformedTable(path, line, brokenRow(error));
    throw error;
  }
  if (rows.collector === undefined) throw errors.emptyTable(path, "an empty file");
  return rows.collector.finish(hash.digest("hex"));
}

function brokenRow({ code, message }: CsvError): string {
  switch (code) {
    case "CSV_QUOTE_NOT_CLOSED":
      return "a cell of this row starts with a quote that never closes";
    case "CSV_MAX_RECORD_SIZE":
      return `the row is longer than ${longestRow / 2 ** 20} MiB; perhaps a quote never closes`;
    case "INVALID_OPENING_QUOTE":
      return "a cell of this row has a quote inside, but is not quoted: quote the cell and double the quote";
    case "CSV_INVALID_CLOSING_QUOTE":
      return "a cell of this row goes on after its closing quote: double a quote that is part of the text";
    default:
      return message;
  }
}

interface Collector {
  add(record: readonly string[], line: number): void;
  finish(sha256: string): Table;
}

/** Takes rows as they come; `finish` refuses the table if any of them was bad. */
function collectRows(path: string, headerRecord: readonly string[], request: ColumnRequest, capacity: number): Collector {
  const header = headerRecord.map((name) => name.trim());
  const other = otherSeparator(path, headerRecord);
  if (other !== undefined) throw errors.malformedTable(path, 1, other);
  const columns = chooseColumns(path, header, request);
  const width = columns.features.length;
  const features = new Float32Array(capacity * width);
  const lines = new Uint32Array(capacity);
  const labels = columns.labels.map((): string[] => []);
  const problems: string[] = [];
  let [rows, bad] = [0, 0];
  let emptyLines: number[] = [];

  const report = (line: number, problem: string): void => {
    bad += 1;
    if (problems.length < reportedRows) problems.push(`${path}:${line}: ${problem}`);
  };
  return {
    add(record, line) {
      if (record.length === 1 && record[0].trim() === "") {
        emptyLines.push(line);
        return;
      }
      for (const empty of emptyLines) report(empty, "the line is empty");
      emptyLines = [];
      if (rows === capacity) throw errors.unreadableData(path, "it changed while it was read");
      const problem = record.length === header.length ? readCells(record, header, columns, features, rows * width) : wrongWidth(record, header);
      if (problem !== undefined) report(line, problem);
      for (const [i, position] of columns.labels.entries()) labels[i].push((record[position] ?? "").trim());
      lines[rows] = line;
      rows += 1;
    },
    finish(sha256) {
      if (bad > 0) throw errors.badRows(path, bad, problems);
      if (rows === 0) throw errors.emptyTable(path, "only a header");
      return {
        path,
        rows,
        featureNames: columns.features.map((position) => header[position]),
        features: features.subarray(0, rows * width),
        labels: new Map(request.labels.map((name, i) => [name, labels[i]])),
        lines: lines.subarray(0, rows),
        sha256,
      };
    },
  };
}

const separators = new Map([[",", "commas"], ["\t", "tabs"], [";", "semicolons"]]); // prettier-ignore

/** A header of one cell in which another separator stands was written with that one. */
function otherSeparator(path: string, header: readonly string[]): string | undefined {
  if (header.length !== 1) return undefined;
  const found = [...separators].find(([separator]) => header[0].includes(separator));
  const expected = isTabSeparated(path) ? "tabs" : "commas";
  return found === undefined ? undefined : `expected columns that are separated by ${expected}, as the file's name says, got ${found[1]}`;
}

function isTabSeparated(path: string): boolean {
  return [".tsv", ".tab"].includes(extname(path).toLowerCase());
}

function wrongWidth(record: readonly string[], header: readonly string[]): string {
  const missing = record.length < header.length ? `, so column "${header[record.length]}" has none` : "";
  return `expected ${header.length} cells as in the header, got ${record.length}${missing}`;
}

/** Writes the features of a row from `offset` on; answers the first problem, if there is one. */
function readCells(
  record: readonly string[],
  header: readonly string[],
  columns: Columns,
  features: Float32Array,
  offset: number,
): string | undefined {
  for (const [i, position] of columns.features.entries()) {
    const value = parseDecimal(record[position]);
    if (value === undefined) return notANumber(header[position], record[position]);
    features[offset + i] = value;
  }
  for (const position of columns.labels)
    if (record[position].trim() === "") return `column "${header[position]}": expected a label, got an empty cell`;
  return undefined;
}

const decimal = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i;

/** A decimal number that float32 can hold, or undefined. White space around it does not count. */
export function parseDecimal(text: string): number | undefined {
  if (!decimal.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(Math.fround(value)) ? value : undefined;
}

/** What is wrong with a cell that `parseDecimal` does not read. */
export function notANumber(column: string, text: string): string {
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  const got = text.trim() === "" ? "an empty cell" : decimal.test(text) ? `${shown.trim()}, which is too large for float32` : JSON.stringify(shown);
  return `column "${column}": expected a number, got ${got}`;
}
