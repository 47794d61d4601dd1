// JSON lines: one JSON object a line, whose fields are the columns.

import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import * as errors from "../errors.js";
import { assertFile, guardFile } from "./data-file.js";
import type { ReadContext, ReadRequest, Rows } from "./dataset.js";
import { RecordReader } from "./records.js";

/** A line longer than this is none. */
const longestLine = 2 ** 28;

/**
 * Reads a file of JSON objects, UTF-8, one a line; empty lines do not count. Fields with numbers, or with lists of them, make the sample.
 * @throws data/no-file; data/unreadable; data/empty; data/rows where bad samples end the run; and what `chooseColumns` throws
 */
export async function openJsonLines(path: string, request: ReadRequest, context: ReadContext): Promise<Rows> {
  await assertFile(path);
  return guardFile(path, readLines(path, request, context));
}

async function readLines(path: string, request: ReadRequest, context: ReadContext): Promise<Rows> {
  const hash = createHash("sha256");
  const reader = new RecordReader(path, request, context);
  let line = 0;
  try {
    for await (const text of linesOf(path, hash)) {
      line += 1;
      if (text.trim() === "") continue;
      const record = parseRecord(text);
      if (typeof record === "string") reader.addBroken(line, record);
      else reader.add(Object.keys(record), (field) => (Object.hasOwn(record, field) ? record[field] : undefined), line);
    }
    return reader.finish(hash.digest("hex"));
  } catch (error) {
    reader.close();
    throw error;
  }
}

/** The record, or what is wrong with the line. */
function parseRecord(text: string): Readonly<Record<string, unknown>> | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return `expected a JSON object, got ${shorten(text)}, which is not JSON`;
  }
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  return isRecord ? (value as Readonly<Record<string, unknown>>) : `expected a JSON object, got ${shorten(text)}`;
}

function shorten(text: string): string {
  const start = text.trim();
  return start.length > 40 ? `${start.slice(0, 40)}…` : start;
}

/** The lines of a file without their ends; a byte order mark is left out. All bytes go through `hash`. @throws data/format */
async function* linesOf(path: string, hash: Hash): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let length = 0;
  let first = true;
  const take = (last: Buffer): string => {
    const text = Buffer.concat([...parts, last]).toString("utf8");
    parts = [];
    length = 0;
    const line = first ? text.replace(/^\uFEFF/, "") : text;
    first = false;
    return line;
  };
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 18 }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      yield take(chunk.subarray(start, end));
      start = end + 1;
    }
    parts.push(chunk.subarray(start));
    length += chunk.byteLength - start;
    if (length > longestLine) throw errors.unreadableFormat(path, "a JSON object a line", `a line is longer than ${longestLine / 2 ** 20} MiB`);
  }
  if (length > 0) yield take(Buffer.alloc(0));
}
