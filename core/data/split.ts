// Which rows train, choose and test, and in what order and groups they are fed. Everything here follows from the seed.

import * as errors from "../errors.js";
import { permutation, stream } from "../nn/random.js";

/** Fractions of all rows that are held out; the rest trains. */
export interface SplitFractions {
  readonly validation?: number | undefined;
  readonly test?: number | undefined;
}

/** Row numbers, ascending. The three are disjoint and hold every row. */
export interface Split {
  readonly train: Uint32Array;
  readonly validation: Uint32Array;
  readonly test: Uint32Array;
}

/**
 * Draws the test rows, then the validation rows: ⌊fraction · rows⌉ of each. With `classes` (one per row) every class has its share of each
 * as nearly as whole rows allow: the largest remainders are rounded up. Test rows do not depend on the fraction of the validation rows.
 * @throws recipe/split where a fraction is not from 0 to below 1, or a part that is wanted would be empty; recipe/seed
 */
export function split(rows: number, fractions: SplitFractions, seed: number, classes?: Int32Array): Split {
  const [test, validation] = [fractions.test ?? 0, fractions.validation ?? 0];
  const wanted = { test: countOf("test", test, rows), validation: countOf("validation", validation, rows) };
  if (wanted.test + wanted.validation >= rows) {
    throw errors.badSplit(`validation ${validation} and test ${test} of ${rows} rows leave none to train on`);
  }
  const groups = groupRows(rows, classes);
  const sizes = groups.map((group) => group.length);
  const inTest = apportion(wanted.test, sizes, sizes, rows);
  const capacity = sizes.map((size, i) => size - inTest[i]);
  const inValidation = apportion(wanted.validation, sizes, capacity, rows);

  const parts = { train: [] as number[], validation: [] as number[], test: [] as number[] };
  for (const [i, group] of groups.entries()) {
    for (const [rank, position] of permutation(stream(seed, "split", i), group.length).entries()) {
      const part = rank < inTest[i] ? parts.test : rank < inTest[i] + inValidation[i] ? parts.validation : parts.train;
      part.push(group[position]);
    }
  }
  return { train: ascending(parts.train), validation: ascending(parts.validation), test: ascending(parts.test) };
}

/**
 * As `split`, where the files hold rows out themselves: `held` is 0 for rows to be split, 1 for validation rows and 2 for test rows.
 * @throws recipe/split as `split`, and where no row trains or a fraction is wanted of a part that has rows already; recipe/seed
 */
export function splitRest(held: Uint8Array, fractions: SplitFractions, seed: number, classes?: Int32Array): Split {
  const rowsOf = (part: number): number[] => [...held.keys()].filter((row) => held[row] === part);
  const [open, validation, test] = [rowsOf(0), rowsOf(1), rowsOf(2)];
  if (open.length === 0) throw errors.badSplit("no row is one to train on");
  for (const [part, rows] of Object.entries({ validation, test })) {
    const fraction = fractions[part as keyof SplitFractions] ?? 0;
    if (fraction > 0 && rows.length > 0) throw errors.badSplit(`${part}: ${rows.length} rows are ${part} rows already, so no fraction can be drawn`);
  }
  const drawn = split(open.length, fractions, seed, classes === undefined ? undefined : Int32Array.from(open, (row) => classes[row]));
  const withDrawn = (rows: readonly number[], positions: Uint32Array): Uint32Array =>
    ascending([...rows, ...Array.from(positions, (position) => open[position])]);
  return { train: withDrawn([], drawn.train), validation: withDrawn(validation, drawn.validation), test: withDrawn(test, drawn.test) };
}

/** `rows` in an order drawn by the seed; another epoch (or any other counter) gives another order. @throws recipe/seed */
export function shuffled(rows: Uint32Array, seed: number, ...counters: readonly number[]): Uint32Array {
  return permutation(stream(seed, "shuffle", ...counters), rows.length).map((position) => rows[position]);
}

/** The order cut into batches of `batchSize`, views of it; the last one may be smaller. */
export function batches(order: Uint32Array, batchSize: number): readonly Uint32Array[] {
  return Array.from({ length: Math.ceil(order.length / batchSize) }, (_, i) => order.subarray(i * batchSize, (i + 1) * batchSize));
}

function countOf(part: string, fraction: number, rows: number): number {
  if (!(fraction >= 0 && fraction < 1)) throw errors.badSplit(`${part}: expected a fraction from 0 to below 1, got ${fraction}`);
  const count = Math.round(fraction * rows);
  if (fraction > 0 && count === 0) throw errors.badSplit(`${part}: ${fraction} of ${rows} rows is less than one row`);
  return count;
}

/** Row numbers by class, in the order of the classes; all rows together where there are none. */
function groupRows(rows: number, classes: Int32Array | undefined): readonly (readonly number[])[] {
  const groups = new Map<number, number[]>();
  for (let row = 0; row < rows; row += 1) {
    const key = classes?.[row] ?? 0;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => group);
}

/**
 * Shares `total` out in proportion to `sizes` (which sum to `rows`), none above its capacity: whole shares first, then one each in the
 * order of the largest remainders, earlier ones first where these are equal. Source: Hamilton's method of apportionment.
 */
function apportion(total: number, sizes: readonly number[], capacity: readonly number[], rows: number): readonly number[] {
  const quotas = sizes.map((size) => (total * size) / rows);
  const shares = quotas.map((quota, i) => Math.min(Math.floor(quota), capacity[i]));
  let left = total - shares.reduce((sum, share) => sum + share, 0);
  while (left > 0) {
    const open = [...shares.keys()].filter((i) => shares[i] < capacity[i]);
    open.sort((a, b) => quotas[b] - shares[b] - (quotas[a] - shares[a]) || a - b);
    for (const i of open.slice(0, left)) {
      shares[i] += 1;
      left -= 1;
    }
  }
  return shares;
}

function ascending(rows: readonly number[]): Uint32Array {
  return Uint32Array.from(rows).sort();
}
