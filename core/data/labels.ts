// What the label columns of a table mean to a loss: classes for cross-entropy, 0 and 1 for binary cross-entropy, numbers for the others.

import * as errors from "../errors.js";
import { notANumber, parseDecimal, reportedRows, type Table } from "./table.js";

export interface ClassLabels {
  /** Class of each row. */
  readonly indices: Int32Array;
  /** Classes that the model's output has or, where that is not known, that the labels need. */
  readonly classes: number;
  /** Text of each class, where labels are not class indices already. */
  readonly names?: readonly string[];
}

export interface NumericTargets {
  /** [rows, columns] */
  readonly values: Float32Array;
  readonly columns: number;
}

/** `3`, and `3.0`, as tables that were floating-point once write it. */
const wholeNumber = /^\+?\d+(?:\.0*)?$/;

/** How programs write a value that is missing or no number. `NA` and `none` are not among them: classes are called so. */
const missing = /^(?:|[+-]?nan|[+-]?inf(?:inity)?|null|n\/a|#n\/a|<na>|nat)$/i;

/** From this share of whole numbers on, in tables of at least so many rows, the other labels are taken for mistakes. */
const [mostlyIndices, fewestRows] = [0.9, 10];

/**
 * One column as classes. Whole numbers ≥ 0 are class indices as they stand. Otherwise every different text is a class, in sorted order: by
 * value where all are numbers, else by UTF-16 code units. A few other texts among indices are refused: read as names, they would move all
 * classes. `outputs` is the number of classes of the model's output.
 * @throws data/rows for labels that are missing or not finite, for a few among indices that are none, and for an index that the output does
 * not have; data/classes where there are more named classes than outputs
 */
export function classLabels(table: Pick<Table, "path" | "labels" | "lines">, column: string, outputs?: number): ClassLabels {
  const texts = columnOf(table, column);
  refuseRows(table, texts, (text) => missing.test(text), (text) => `column "${column}": expected a class, got ${quote(text)}`); // prettier-ignore
  const indices = texts.filter((text) => wholeNumber.test(text)).length;
  if (indices === texts.length) return indexLabels(table, column, texts, outputs);
  if (texts.length >= fewestRows && indices >= mostlyIndices * texts.length) {
    const wanted = `column "${column}": expected a whole number from 0 up, as in ${indices} of ${texts.length} rows`;
    refuseRows(table, texts, (text) => !wholeNumber.test(text), (text) => `${wanted}, got ${quote(text)}`, mixedLabels); // prettier-ignore
  }
  const different = [...new Set(texts)];
  const numeric = different.every((text) => parseDecimal(text) !== undefined);
  const names = different.sort((a, b) => (numeric ? Number(a) - Number(b) : 0) || (a < b ? -1 : 1));
  if (outputs !== undefined && names.length > outputs) throw errors.tooManyClasses(table.path, column, names.length, outputs, rarest(table, texts));
  const positions = new Map(names.map((name, i) => [name, i]));
  return { indices: Int32Array.from(texts, (text) => positions.get(text) as number), classes: outputs ?? names.length, names };
}

/**
 * What each class has to count so that all count alike over `rows`: rows ⁄ (classes that occur · rows of the class); 1 for those that do
 * not occur. Source: King and Zeng 2001; sklearn.utils.class_weight.compute_class_weight,
 * https://scikit-learn.org/stable/modules/generated/sklearn.utils.class_weight.compute_class_weight.html
 */
export function balancedWeights({ indices, classes }: ClassLabels, rows: Uint32Array): readonly number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const row of rows) counts[indices[row]] += 1;
  const present = counts.filter((n) => n > 0).length;
  return counts.map((n) => (n === 0 ? 1 : rows.length / (present * n)));
}

/** Columns of 0 and 1, one row of targets per row of the table. @throws data/rows naming the cells that are neither */
export function binaryTargets(table: Pick<Table, "path" | "labels" | "lines">, columns: readonly string[]): NumericTargets {
  const zeroOrOne = (text: string): number | undefined => {
    const value = parseDecimal(text);
    return value === 0 || value === 1 ? value : undefined;
  };
  return cellTargets(table, columns, zeroOrOne, (column, text) => `column "${column}": expected 0 or 1, got ${JSON.stringify(text.slice(0, 40))}`);
}

/** Columns as numbers, one row of targets per row of the table. @throws data/rows naming the cells that are no numbers */
export function numericTargets(table: Pick<Table, "path" | "labels" | "lines">, columns: readonly string[]): NumericTargets {
  return cellTargets(table, columns, parseDecimal, notANumber);
}

function cellTargets(
  table: Pick<Table, "path" | "labels" | "lines">,
  columns: readonly string[],
  parse: (text: string) => number | undefined,
  problem: (column: string, text: string) => string,
): NumericTargets {
  const texts = columns.map((column) => columnOf(table, column));
  const rows = table.lines.length;
  const values = new Float32Array(rows * columns.length);
  const bad = badRowList(table);
  for (let row = 0; row < rows; row += 1) {
    const cells = texts.map((column) => parse(column[row]));
    const wrong = cells.indexOf(undefined);
    if (wrong >= 0) bad.add(row, problem(columns[wrong], texts[wrong][row]));
    else values.set(cells as number[], row * columns.length);
  }
  bad.refuse();
  return { values, columns: columns.length };
}

const mixedLabels = "Mend or remove these rows. If all labels of the column are names of classes, give none of them a number as its name.";

/** Refuses the rows whose text is `bad`. @throws data/rows */
function refuseRows(
  table: Pick<Table, "path" | "lines">,
  texts: readonly string[],
  bad: (text: string) => boolean,
  problem: (text: string) => string,
  hint?: string,
): void {
  const list = badRowList(table);
  for (const [row, text] of texts.entries()) if (bad(text)) list.add(row, problem(text));
  list.refuse(hint);
}

function quote(text: string): string {
  return text === "" ? "an empty cell" : JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

/** The classes with the fewest rows, where each first stands: a mistyped label makes a class of its own. */
function rarest({ path, lines }: Pick<Table, "path" | "lines">, texts: readonly string[]): readonly string[] {
  const counts = new Map<string, { readonly first: number; rows: number }>();
  for (const [row, text] of texts.entries()) {
    const known = counts.get(text);
    if (known === undefined) counts.set(text, { first: row, rows: 1 });
    else known.rows += 1;
  }
  return [...counts]
    .sort(([, a], [, b]) => a.rows - b.rows || a.first - b.first)
    .slice(0, reportedRows)
    .map(([text, { first, rows }]) => `${path}:${lines[first]}: ${quote(text)}, ${rows === 1 ? "in this row only" : `the first of ${rows} rows`}`);
}

function indexLabels(
  table: Pick<Table, "path" | "labels" | "lines">,
  column: string,
  texts: readonly string[],
  outputs: number | undefined,
): ClassLabels {
  const values = texts.map(Number);
  const classes = outputs ?? values.reduce((most, value) => Math.max(most, value), 0) + 1;
  const limit = Math.min(classes, 2 ** 31);
  const bad = badRowList(table);
  for (const [row, value] of values.entries()) {
    if (value >= limit) bad.add(row, `column "${column}": expected a class from 0 to ${limit - 1}, got ${texts[row]}`);
  }
  bad.refuse();
  return { indices: Int32Array.from(values), classes };
}

function columnOf({ path, labels }: Pick<Table, "path" | "labels">, column: string): readonly string[] {
  const texts = labels.get(column);
  if (texts === undefined) throw errors.unknownColumn(path, "data.label", column, [...labels.keys()]);
  return texts;
}

/** Gathers problems of rows; the first few are spelt out. */
function badRowList({ path, lines }: Pick<Table, "path" | "lines">): { add(row: number, problem: string): void; refuse(hint?: string): void } {
  const problems: string[] = [];
  let count = 0;
  return {
    add(row, problem) {
      count += 1;
      if (problems.length < reportedRows) problems.push(`${path}:${lines[row]}: ${problem}`);
    },
    refuse(hint) {
      if (count > 0) throw errors.badRows(path, count, problems, hint);
    },
  };
}
