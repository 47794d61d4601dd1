// What label columns mean to a loss: classes for cross-entropy, 0 and 1 for binary cross-entropy, numbers for the others. Where the columns
// come from is the readers' matter.

import * as errors from "../errors.js";
import { BadSamples, reportedSamples } from "./bad-samples.js";
import { notANumber, parseDecimal } from "./decimal.js";

/** The values of a column, one a row: text, or numbers where the file has a type for them. */
export type LabelColumn = readonly string[] | Float64Array;

/** The label columns of a dataset. */
export interface Labels {
  /** The file, as messages call it. */
  readonly path: string;
  readonly rows: number;
  /** By column name, in the order in which the loss takes them. */
  readonly columns: ReadonlyMap<string, LabelColumn>;
  /** Where a row comes from: `digits.csv:12`. */
  describe(row: number): string;
}

export interface ClassLabels {
  /** Class of each row; of rows that cannot be used it means nothing. */
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
 * classes. `outputs` is the number of classes of the model's output. Rows that cannot be used go to `bad`.
 * @throws data/rows, where bad rows end the run, for labels that are missing or not finite, for a few among indices that are none, and for an
 * index that the output does not have; data/classes where there are more named classes than outputs
 */
export function classLabels(labels: Labels, column: string, outputs?: number, bad = new BadSamples()): ClassLabels {
  const values = columnOf(labels, column);
  const texts = values instanceof Float64Array ? Array.from(values, String) : values;
  const leaveOut = (isBad: (text: string) => boolean, problem: (text: string) => string, hint?: string): readonly string[] => {
    for (const [row, text] of texts.entries()) if (isBad(text)) bad.addRow(row, labels.describe(row), `column "${column}": ${problem(text)}`);
    bad.refuse(labels.path, hint);
    return texts.filter((_, row) => !bad.has(row));
  };
  let good = leaveOut((text) => missing.test(text), (text) => `expected a class, got ${quote(text)}`); // prettier-ignore
  const indices = good.filter((text) => wholeNumber.test(text)).length;
  if (indices < good.length && good.length >= fewestRows && indices >= mostlyIndices * good.length) {
    const wanted = `expected a whole number from 0 up, as in ${indices} of ${good.length} rows`;
    good = leaveOut((text) => !missing.test(text) && !wholeNumber.test(text), (text) => `${wanted}, got ${quote(text)}`, mixedLabels); // prettier-ignore
  }
  if (indices === good.length) {
    const classes = outputs ?? good.reduce((most, text) => Math.max(most, Number(text)), 0) + 1;
    const limit = Math.min(classes, 2 ** 31);
    leaveOut((text) => Number(text) >= limit, (text) => `expected a class from 0 to ${limit - 1}, got ${text}`); // prettier-ignore
    return { indices: Int32Array.from(texts, (text, row) => (bad.has(row) ? 0 : Number(text))), classes };
  }
  const different = [...new Set(good)];
  const numeric = different.every((text) => parseDecimal(text) !== undefined);
  const names = different.sort((a, b) => (numeric ? Number(a) - Number(b) : 0) || (a < b ? -1 : 1));
  if (outputs !== undefined && names.length > outputs) throw errors.tooManyClasses(labels.path, column, names.length, outputs, rarest(labels, texts));
  const positions = new Map(names.map((name, i) => [name, i]));
  return { indices: Int32Array.from(texts, (text) => positions.get(text) ?? 0), classes: outputs ?? names.length, names };
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

/** Columns of 0 and 1, one row of targets per row of the table. Others go to `bad`. @throws data/rows where that ends the run */
export function binaryTargets(labels: Labels, bad = new BadSamples()): NumericTargets {
  const zeroOrOne = (value: number | undefined): number | undefined => (value === 0 || value === 1 ? value : undefined);
  return cellTargets(labels, bad, zeroOrOne, (column, text) => `column "${column}": expected 0 or 1, got ${JSON.stringify(text.slice(0, 40))}`);
}

/** Columns as numbers, one row of targets per row of the table. Others go to `bad`. @throws data/rows where that ends the run */
export function numericTargets(labels: Labels, bad = new BadSamples()): NumericTargets {
  return cellTargets(labels, bad, (value) => value, notANumber);
}

function cellTargets(
  labels: Labels,
  bad: BadSamples,
  accept: (value: number | undefined) => number | undefined,
  problem: (column: string, text: string) => string,
): NumericTargets {
  const { rows } = labels;
  const columns = [...labels.columns];
  const values = new Float32Array(rows * columns.length);
  for (let row = 0; row < rows; row += 1) {
    for (const [position, [name, cells]] of columns.entries()) {
      const cell = cells[row];
      const value = accept(typeof cell === "string" ? parseDecimal(cell) : Number.isFinite(Math.fround(cell)) ? cell : undefined);
      if (value === undefined) bad.addRow(row, labels.describe(row), problem(name, String(cell)));
      else values[row * columns.length + position] = value;
    }
  }
  bad.refuse(labels.path);
  return { values, columns: columns.length };
}

const mixedLabels = "Mend or remove these rows. If all labels of the column are names of classes, give none of them a number as its name.";

function quote(text: string): string {
  return text === "" ? "an empty cell" : JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

/** The classes with the fewest rows, where each first stands: a mistyped label makes a class of its own. */
function rarest(labels: Labels, texts: readonly string[]): readonly string[] {
  const counts = new Map<string, { readonly first: number; rows: number }>();
  for (const [row, text] of texts.entries()) {
    const known = counts.get(text);
    if (known === undefined) counts.set(text, { first: row, rows: 1 });
    else known.rows += 1;
  }
  return [...counts]
    .sort(([, a], [, b]) => a.rows - b.rows || a.first - b.first)
    .slice(0, reportedSamples)
    .map(([text, { first, rows }]) => `${labels.describe(first)}: ${quote(text)}, ${rows === 1 ? "in this row only" : `the first of ${rows} rows`}`);
}

function columnOf({ path, columns }: Labels, column: string): LabelColumn {
  const values = columns.get(column);
  if (values === undefined) throw errors.unknownColumn(path, "data.label", column, [...columns.keys()]);
  return values;
}
