// What is wrong with a recipe's text, in the author's terms: each problem with its key and its place in the file. It turns the schema's
// and the JSON reader's findings into sentences; what a recipe may hold is said in recipe-schema.ts.

import { findNodeAtLocation, parseTree, printParseErrorCode, type Node as JsonNode, type ParseError } from "jsonc-parser";
import type { z } from "zod";
import { nearest, didYouMean } from "../graph/nearest.js";

export type KeyPath = readonly (string | number)[];

export interface Problem {
  readonly path: KeyPath;
  readonly message: string;
  readonly hint?: string | undefined;
  /** The problem is with the key itself, not with its value. */
  readonly atKey?: boolean;
}

/** Characters of a text, in UTF-16 code units from its start. */
export interface TextRange {
  readonly offset: number;
  readonly length: number;
}

/** A problem with its place; line and column count from 1. */
export interface PlacedProblem {
  readonly line: number;
  readonly column: number;
  /** `data.split.test`; empty for the recipe as a whole. */
  readonly key: string;
  readonly message: string;
  readonly hint?: string;
}

/** The text of a recipe, read once, for values and for places. */
export class RecipeText {
  readonly value: unknown;
  readonly syntaxErrors: readonly PlacedProblem[];
  readonly duplicates: readonly Problem[];
  readonly #text: string;
  readonly #root: JsonNode | undefined;

  constructor(source: string) {
    this.#text = source.replace(/^\uFEFF/, " ");
    const found: ParseError[] = [];
    this.#root = parseTree(this.#text, found, { allowTrailingComma: true });
    // Only the first: the reader stumbles on from there.
    this.syntaxErrors = found
      .slice(0, 1)
      .map(({ error, offset }) => ({ ...this.#place(offset), key: "", message: spell(printParseErrorCode(error)) }));
    const duplicates: Problem[] = [];
    this.value = this.#root === undefined ? undefined : valueOf(this.#root, [], duplicates);
    this.duplicates = duplicates;
  }

  /** Where a problem stands: at the key or value that it names, or at the nearest thing around it that the text has. */
  locate(problem: Problem): PlacedProblem {
    const { path, message, hint } = problem;
    return { ...this.#place(this.rangeOf(problem).offset), key: formatKey(path), message, ...(hint === undefined ? {} : { hint }) };
  }

  /** The characters of that place, in UTF-16 code units: of an object or list only the first, of a key its name. */
  rangeOf({ path, atKey }: Pick<Problem, "path" | "atKey">): TextRange {
    let node: JsonNode | undefined;
    for (let length = path.length; node === undefined && length >= 0; length--)
      node = this.#root === undefined ? undefined : findNodeAtLocation(this.#root, [...path.slice(0, length)]);
    const target = atKey === true && node?.parent?.type === "property" ? node.parent.children?.[0] : node;
    if (target === undefined) return { offset: 0, length: 0 };
    const isWhole = target.type !== "object" && target.type !== "array";
    return { offset: target.offset, length: isWhole ? target.length : 1 };
  }

  /** Whether the text has a quoted text at exactly this place. */
  isText(path: KeyPath): boolean {
    return this.#root !== undefined && findNodeAtLocation(this.#root, [...path])?.type === "string";
  }

  #place(offset: number): { readonly line: number; readonly column: number } {
    const before = this.#text.slice(0, offset).split(/\r\n|\r|\n/);
    return { line: before.length, column: before[before.length - 1].length + 1 };
  }
}

/** The tree's value, with keys that stand twice in one object noted. */
function valueOf(node: JsonNode, path: KeyPath, duplicates: Problem[]): unknown {
  if (node.type === "array") return (node.children ?? []).map((child, i) => valueOf(child, [...path, i], duplicates));
  if (node.type !== "object") return node.value as unknown;
  const entries = new Map<string, unknown>();
  for (const { children } of node.children ?? []) {
    if (children?.length !== 2) continue;
    const key = children[0].value as string;
    if (entries.has(key)) duplicates.push({ path: [...path, key], message: "the key stands twice in the same object" });
    entries.set(key, valueOf(children[1], [...path, key], duplicates));
  }
  return Object.fromEntries(entries);
}

/** `CloseBraceExpected` → `close brace expected`. */
function spell(code: string): string {
  return code.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
}

/** `["data", "transform", 0, "pad"]` → `data.transform[0].pad`. */
export function formatKey(path: KeyPath): string {
  return path.map((part, i) => (typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`)).join("");
}

/** A JSON schema as far as keys are looked up in it. */
interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode | readonly SchemaNode[];
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
}

/** Keys that the schema knows at a place, over all alternatives. */
function knownKeys(schemas: readonly SchemaNode[], path: KeyPath): readonly string[] {
  const open = schemas.flatMap(alternatives);
  if (path.length === 0) return [...new Set(open.flatMap((s) => Object.keys(s.properties ?? {})))];
  const [head, ...rest] = path;
  const next = open.flatMap((s): readonly SchemaNode[] => {
    if (typeof head === "number") return s.items === undefined ? [] : Array.isArray(s.items) ? (s.items as SchemaNode[]) : [s.items as SchemaNode];
    const property = s.properties?.[head];
    return property === undefined ? [] : [property];
  });
  return knownKeys(next, rest);
}

function alternatives(schema: SchemaNode): readonly SchemaNode[] {
  const inner = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return [schema, ...inner.flatMap(alternatives)];
}

type Issue = z.core.$ZodIssue;

/** The problems that the schema's findings stand for. `schema` is the JSON schema, `input` what was read. */
export function problemsOf(issues: readonly Issue[], schema: unknown, input: unknown): readonly Problem[] {
  return issues.flatMap((issue) => describeIssue(issue, [], schema as SchemaNode, input));
}

function describeIssue(issue: Issue, above: KeyPath, schema: SchemaNode, input: unknown): readonly Problem[] {
  const path = [...above, ...(issue.path as KeyPath)];
  const got = describeValue(at(input, path));
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = knownKeys([schema], path);
      return issue.keys.map((key) => unknownKey([...path, key], key, known));
    }
    case "invalid_value": {
      const options = issue.values.map(String);
      const value = at(input, path);
      if (value === undefined) return [{ path, message: `missing: expected ${list(options)}` }];
      return [
        { path, message: `expected ${list(options)}, got ${got}`, hint: typeof value === "string" ? didYouMean(nearest(value, options)) : undefined },
      ];
    }
    case "invalid_union":
      return describeUnion(issue, path, schema, input);
    case "invalid_type": {
      const expected = typeNames[issue.expected] ?? issue.expected;
      return [{ path, message: at(input, path) === undefined ? `missing: expected ${expected}` : `expected ${expected}, got ${got}` }];
    }
    case "too_small":
    case "too_big":
      return [{ path, message: `expected ${describeBound(issue)}, got ${got}` }];
    default:
      return [{ path, message: issue.message }];
  }
}

function unknownKey(path: KeyPath, key: string, known: readonly string[]): Problem {
  return { path, message: `unknown key "${key}"`, hint: didYouMean(nearest(key, known)) ?? `Known keys: ${known.join(", ")}.`, atKey: true };
}

type UnionIssue = Extract<Issue, { code: "invalid_union" }>;

/** The problems of the alternative that was meant: the one with the fewest keys missing or unknown. */
function describeUnion(issue: UnionIssue, path: KeyPath, schema: SchemaNode, input: unknown): readonly Problem[] {
  const value = at(input, path);
  if (issue.errors.length === 0) {
    const options = ("options" in issue ? (issue.options as readonly unknown[]) : []).map(String);
    if (value === undefined) return [{ path, message: `missing: expected ${list(options)}` }];
    const hint = typeof value === "string" ? didYouMean(nearest(value, options)) : undefined;
    return [{ path, message: `expected ${list(options)}, got ${describeValue(value)}`, hint }];
  }
  const misfit = (branch: readonly Issue[]): number =>
    branch.filter(
      (i) => i.code === "unrecognized_keys" || (i.code === "invalid_type" && (i.path.length === 0 || at(value, i.path as KeyPath) === undefined)),
    ).length;
  const ranked = issue.errors.map((branch) => ({ branch, misfit: misfit(branch) })).sort((a, b) => a.misfit - b.misfit);
  const best = ranked.filter((r) => r.misfit === ranked[0].misfit);
  if (best.length === 1) return best[0].branch.flatMap((inner) => describeIssue(inner, path, schema, input));
  if (value !== null && typeof value === "object" && !Array.isArray(value)) return describeNoAlternative(value, path, schema);
  const expected = issue.errors.flatMap((branch) => branch.flatMap((i) => (i.code === "invalid_type" ? [typeNames[i.expected] ?? i.expected] : [])));
  return [{ path, message: `expected ${[...new Set(expected)].join(" or ")}, got ${describeValue(value)}` }];
}

function describeNoAlternative(value: object, path: KeyPath, schema: SchemaNode): readonly Problem[] {
  const known = knownKeys([schema], path);
  const unknown = Object.keys(value).filter((key) => !known.includes(key));
  if (unknown.length > 0) return unknown.map((key) => unknownKey([...path, key], key, known));
  return [{ path, message: `these keys do not go together: ${Object.keys(value).join(", ") || "none"}`, hint: `Known keys: ${known.join(", ")}.` }];
}

const typeNames: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "an object",
  array: "a list",
  tuple: "a list",
};

function describeBound(issue: Extract<Issue, { code: "too_small" | "too_big" }>): string {
  const small = issue.code === "too_small";
  const bound = String(small ? issue.minimum : issue.maximum);
  if (issue.origin === "string") return "a text that is not empty";
  if (issue.origin === "array") return `a list with ${small ? "at least" : "at most"} ${bound} ${bound === "1" ? "entry" : "entries"}`;
  if (issue.inclusive === false) return `a number ${small ? "above" : "below"} ${bound}`;
  return `a number ${small ? "from" : "up to"} ${bound}${small ? " up" : ""}`;
}

function list(options: readonly string[]): string {
  const quoted = options.map((o) => `"${o}"`);
  return quoted.length < 2 ? quoted.join("") : `${quoted.slice(0, -1).join(", ")} or ${quoted[quoted.length - 1]}`;
}

/** The value as the file has it, shortened. */
function describeValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return value.length === 1 ? "a list with 1 entry" : `a list with ${value.length} entries`;
  if (value !== null && typeof value === "object") return "an object";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function at(value: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (inner, key) => (inner !== null && typeof inner === "object" ? (inner as Record<string, unknown>)[key] : undefined),
    value,
  );
}
