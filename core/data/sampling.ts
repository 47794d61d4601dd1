// Which training rows an epoch draws, and in what order. It follows from seed and epoch alone, so a resumed run draws the same ones.

import { permutation, stream } from "../nn/random.js";
import { shuffled } from "./split.js";

export interface SamplingOptions {
  readonly seed: number;
  /** Counts from 0 over the whole run. */
  readonly epoch: number;
  /** False: rows stay in the order of the file. */
  readonly shuffle: boolean;
  /** Class of each row of the dataset, where every class is to be drawn equally often. */
  readonly balance?: Int32Array | undefined;
}

/**
 * The rows of one epoch: `rows` themselves or, balanced, as many of them with every class that occurs equally often, to one row. A class that
 * has more rows than its share gives another part of them each epoch; one that has fewer gives each of its rows as often as any other, to one.
 * @throws recipe/seed
 */
export function epochRows(rows: Uint32Array, { seed, epoch, shuffle, balance }: SamplingOptions): Uint32Array {
  const drawn = balance === undefined ? rows : drawBalanced(rows, balance, seed, epoch);
  return shuffle ? shuffled(drawn, seed, epoch) : drawn;
}

/** In ascending order. */
function drawBalanced(rows: Uint32Array, classes: Int32Array, seed: number, epoch: number): Uint32Array {
  const groups = new Map<number, number[]>();
  for (const row of rows) {
    const group = groups.get(classes[row]);
    if (group === undefined) groups.set(classes[row], [row]);
    else group.push(row);
  }
  const ordered = [...groups].sort(([a], [b]) => a - b);
  const share = Math.floor(rows.length / ordered.length);
  // Those that are left over go to other classes each epoch.
  const luck = permutation(stream(seed, "balance", epoch), ordered.length);
  const drawn = new Uint32Array(rows.length);
  let at = 0;
  for (const [i, [name, group]] of ordered.entries()) {
    const wanted = share + (luck[i] < rows.length % ordered.length ? 1 : 0);
    const order = permutation(stream(seed, "balance class", epoch, name), group.length);
    for (let n = 0; n < wanted; n += 1) drawn[at++] = group[order[n % group.length]];
  }
  return drawn.sort();
}
