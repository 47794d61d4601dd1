// Which columns of a table are features and labels, from what a recipe names. Reading the rows is table.ts' part.

import * as errors from "../errors.js";
import { compileGlob, longestGlob } from "../graph/glob.js";
import { nearest } from "../graph/nearest.js";

/** What a recipe says of a table's columns. */
export interface ColumnRequest {
  /**
   * Globs over column names: each adds the columns that it matches, one with a leading `!` takes them out again, and the last one
   * that matches a column decides. A glob that is a column's whole name means that column.
   */
  readonly features: readonly string[];
  /** Names of the label columns. They are never among the columns that a glob matches. */
  readonly labels: readonly string[];
  /** Name of the column that says which part a row belongs to: no feature either. */
  readonly part?: string;
}

/** Positions in the header: features in the header's order, labels in the request's. */
export interface Columns {
  readonly features: readonly number[];
  readonly labels: readonly number[];
  readonly part?: number;
}

/**
 * @throws data/table for a header that names a column twice; recipe/unknown-column; recipe/label-feature where a feature without wildcards
 * is a label; recipe/no-features
 */
export function chooseColumns(path: string, header: readonly string[], { features, labels, part }: ColumnRequest): Columns {
  const positions = new Map<string, number>();
  for (const [i, name] of header.entries()) {
    const first = positions.get(name);
    if (first !== undefined && name !== "") throw errors.malformedTable(path, 1, `columns ${first + 1} and ${i + 1} are both named "${name}"`);
    positions.set(name, i);
  }
  const unknown = (role: string, name: string): Error => errors.unknownColumn(path, role, name, nearest(name, header));
  const labelColumns = labels.map((label) => {
    const position = positions.get(label);
    if (position === undefined) throw unknown("data.label", label);
    return position;
  });
  const partColumn = part === undefined ? undefined : positions.get(part);
  if (part !== undefined && partColumn === undefined) throw unknown("data.split.column", part);
  const chosen = new Set<number>();
  for (const rule of features) {
    const takesOut = rule.startsWith("!") && !positions.has(rule);
    const matched = matchColumns(takesOut ? rule.slice(1) : rule, header, positions);
    if (matched.length === 0) throw unknown("data.features", rule);
    if (!takesOut && matched.length === 1 && labels.includes(rule)) throw errors.labelIsFeature(rule);
    for (const position of matched) {
      if (takesOut) chosen.delete(position);
      else chosen.add(position);
    }
  }
  for (const label of labelColumns) chosen.delete(label);
  if (partColumn !== undefined) chosen.delete(partColumn);
  if (chosen.size === 0) throw errors.noFeatures(path, features);
  return { features: [...chosen].sort((a, b) => a - b), labels: labelColumns, ...(partColumn === undefined ? {} : { part: partColumn }) };
}

/** Positions of the columns that a glob matches, or of the one that has it as its name. */
function matchColumns(glob: string, header: readonly string[], positions: ReadonlyMap<string, number>): readonly number[] {
  const exact = positions.get(glob);
  if (exact !== undefined) return [exact];
  if (glob === "" || glob.length > longestGlob) return [];
  const matches = compileGlob(glob);
  return [...header.keys()].filter((i) => matches(header[i]));
}
