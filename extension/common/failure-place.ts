// Where in a file a failure points to, as far as its data says.

import { findNodeAtLocation, parseTree } from "jsonc-parser";
import { isAbsolute } from "node:path";
import type { EngineError } from "../../core/errors.js";

export interface Place {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/**
 * The file that a failure names and can be opened as text, with the line of its first problem where it has one. `recipe` is the path of the
 * recipe that was at work: what is wrong with a recipe is shown there.
 */
export function fileOf({ data, code }: EngineError, recipe?: string): Place | undefined {
  const [problem] = Array.isArray(data.problems) ? (data.problems as readonly unknown[]) : [];
  const { line = data.line, column = data.column } = (problem ?? {}) as Readonly<Record<string, unknown>>;
  const named = [data.path, data.file].find((value): value is string => typeof value === "string" && isAbsolute(value));
  const path = code.startsWith("recipe/") ? (recipe ?? named) : named;
  if (path === undefined || !isText(path) || code === "data/no-file") return undefined;
  return { path, line: positive(line), column: positive(column) };
}

/** Where the value lies that a message about a recipe is about: such messages start with its key, as in `data.label: …`. */
export function offsetOfKey(recipe: string, message: string): number | undefined {
  const key = /^([a-z]\w*(?:\.\w+|\[\d+\])*):? /i.exec(message)?.[1];
  const root = parseTree(recipe);
  if (key === undefined || root === undefined) return undefined;
  const path = key.split(/[.[\]]+/).filter((part) => part !== "");
  return findNodeAtLocation(root, path.map((part) => (/^\d+$/.test(part) ? Number(part) : part)))?.offset; // prettier-ignore
}

function positive(value: unknown): number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 ? value : 1;
}

function isText(path: string): boolean {
  return /\.(jsonc?|csv|tsv|jsonl|txt)$/i.test(path);
}
