// Reads a table of comma- or tab-separated values into samples and labels, row by row, and says which rows cannot be used.
// What labels mean is in labels.ts, which columns are taken in columns.ts.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { extname } from "node:path";
import { pipeline } from "node:stream/promises";
import { CsvError, parse } from "csv-parse";
import * as errors from "../errors.js";
import { chooseColumns, type Columns } from "./columns.js";
import type { ReadContext, ReadRequest, Rows } from "./dataset.js";
import { notANumber, parseDecimal } from "./decimal.js";
import { assertFile, guardFile } from "./data-file.js";
import { SampleStore } from "./sample-store.js";

/** A row longer than this is taken for a quote that never closes. */
const longestRow = 2 ** 24;

/**
 * Reads a file with a header: tab-separated where its name ends in `.tsv` or `.tab`, else comma-separated; UTF-8, with or without a
 * byte order mark; fields may be quoted; empty lines at the end do not count. Numbers are decimal. Rows with missing, extra or non-numeric
 * cells, or without a label, are bad samples.
 * @throws data/no-file; data/unreadable; data/table for a broken quote; data/empty; data/rows where bad samples end the run; and what
 * `chooseColumns` throws
 */
export async function openTable(path: string, request: ReadRequest, context: ReadContext): Promise<Rows> {
  await assertFile(path);
  return guardFile(path, readRows(path, request, context));
}

async function readRows(path: string, request: ReadRequest, context: ReadContext): Promise<Rows> {
  const hash = createHash("sha256");
  const file = createReadStream(path, { highWaterMark: 2 ** 18 });
  const rows: { collector?: Collector } = {};
  let line = 1;
  // Rows are taken as the parser finds them, not from its output, so that `line` is right when it stops at a broken one.
  const onRecord = (record: readonly string[]): undefined => {
    if (rows.collector === undefined) rows.collector = collectRows(path, record, request, context);
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
    if (rows.collector === undefined) throw errors.emptyTable(path, "an empty file");
    return rows.collector.finish(hash.digest("hex"));
  } catch (error) {
    rows.collector?.close();
    if (error instanceof CsvError) throw errors.malformedTable(path, line, brokenRow(error));
    throw error;
  }
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
  /** @throws data/rows; data/empty */
  finish(sha256: string): Rows;
  /** Gives up. */
  close(): void;
}

/** Takes rows as they come. */
function collectRows(path: string, headerRecord: readonly string[], request: ReadRequest, { bad, folder }: ReadContext): Collector {
  const header = headerRecord.map((name) => name.trim());
  const other = otherSeparator(path, headerRecord);
  if (other !== undefined) throw errors.malformedTable(path, 1, other);
  const columns = chooseColumns(path, header, request);
  const store = new SampleStore([columns.features.length], folder);
  const texts = [...columns.labels, ...(columns.part === undefined ? [] : [columns.part])].map((position) => ({ position, values: [] as string[] }));
  const lines: number[] = [];
  const numbers: number[] = [];
  /** Labels repeat: each text is kept once. */
  const known = new Map<string, string>();
  let seen = 0;
  let emptyLines: number[] = [];

  const report = (line: number, problem: string): void => {
    bad.add(`${path}:${line}`, problem);
    seen += 1;
  };
  return {
    add(record, line) {
      if (record.length === 1 && record[0].trim() === "") {
        emptyLines.push(line);
        return;
      }
      for (const empty of emptyLines) report(empty, "the line is empty");
      emptyLines = [];
      const problem = record.length === header.length ? readCells(record, header, columns, store.next()) : wrongWidth(record, header);
      if (problem !== undefined) {
        report(line, problem);
        return;
      }
      for (const { position, values } of texts) values.push(once(record[position].trim(), known));
      store.keep();
      seen += 1;
      lines.push(line);
      numbers.push(seen);
    },
    finish(sha256) {
      bad.refuse(path);
      if (store.count === 0) throw errors.emptyTable(path, seen === 0 ? "only a header" : "none that can be used");
      const at = Uint32Array.from(lines);
      return {
        path,
        source: store.finish((row) => `${path}:${at[row]}`),
        labels: new Map(request.labels.map((name, i) => [name, texts[i].values])),
        ...(columns.part === undefined ? {} : { part: texts[texts.length - 1].values }),
        numbers: Uint32Array.from(numbers),
        sha256,
      };
    },
    close: () => store.close(),
  };
}

/** The text, or the same text as it is kept already; past some thousands there is nothing to gain. */
function once(text: string, known: Map<string, string>): string {
  const kept = known.get(text);
  if (kept === undefined && known.size < 10_000) known.set(text, text);
  return kept ?? text;
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

/** Writes the features of a row ; answers the first problem, if there is one. */
function readCells(record: readonly string[], header: readonly string[], columns: Columns, into: Float32Array): string | undefined {
  for (const [i, position] of columns.features.entries()) {
    const value = parseDecimal(record[position]);
    if (value === undefined) return notANumber(header[position], record[position]);
    into[i] = value;
  }
  for (const position of [...columns.labels, ...(columns.part === undefined ? [] : [columns.part])])
    if (record[position].trim() === "") return `column "${header[position]}": expected a label, got an empty cell`;
  return undefined;
}
