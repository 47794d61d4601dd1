// Goes once through all samples of some data: the values that training sees, and which samples are the same. What to make of it is
// data-advice.ts' matter.

import { createHash } from "node:crypto";
import type { SampleSource } from "../data/source.js";
import type { Split } from "../data/split.js";
import type { Transform } from "../data/transforms.js";
import { parts } from "../data/dataset.js";
import { elementCount } from "../graph/dims.js";

/** Values of one channel, the first axis of a sample, over some samples. */
export interface ChannelRange {
  readonly minimum: number;
  readonly maximum: number;
  readonly mean: number;
  readonly deviation: number;
}

/** Samples that are the same, value by value, as they are read. */
export interface DuplicateGroup {
  /** How many they are. */
  readonly samples: number;
  readonly members: readonly number[];
  /** The first few of them, one of each part before all others. */
  readonly rows: readonly number[];
  /** Held-out ones among them of which training has a copy, or validation where they are test samples. */
  readonly leaked: number;
}

export interface Examination {
  /** Over the training samples, after the transforms; one for all where there are very many channels. */
  readonly ranges: readonly ChannelRange[];
  readonly groups: readonly DuplicateGroup[];
}

/** More channels than this are told of as one. */
const mostChannels = 1024;
/** Rows that are listed of each group. */
const listedRows = 5;

/** Part of each row, as a position in `parts`. */
export function partOfRows({ train, validation, test }: Split, rows: number): Uint8Array {
  const of = new Uint8Array(rows);
  for (const [part, list] of [train, validation, test].entries()) for (const row of list) of[row] = part;
  return of;
}

/** Reads every sample once. Samples count as the same where the first 64 bits of their SHA-256 agree. */
export async function examine(source: SampleSource, transform: Transform, split: Split): Promise<Examination> {
  const partOf = partOfRows(split, source.count);
  const raw = new Float32Array(elementCount(source.sampleShape));
  const sample = new Float32Array(elementCount(transform.outputShape));
  const channels = transform.outputShape.length > 0 && transform.outputShape[0] <= mostChannels ? transform.outputShape[0] : 1;
  const ranges = new RunningRanges(channels);
  const hashes = new BigUint64Array(source.count);
  for (let row = 0; row < source.count; row += 1) {
    await source.read(row, raw, 0);
    hashes[row] = createHash("sha256").update(new Uint8Array(raw.buffer)).digest().readBigUInt64LE(0);
    if (partOf[row] !== 0) continue;
    transform.apply(raw, sample);
    ranges.add(sample);
  }
  return { ranges: ranges.results(), groups: groupsOf(hashes, partOf) };
}

/** Running bounds, means and squared deviations of channels. Source: Welford 1962. */
class RunningRanges {
  readonly #channels: number;
  readonly #minimum: Float64Array;
  readonly #maximum: Float64Array;
  readonly #mean: Float64Array;
  readonly #squares: Float64Array;
  /** Values of each channel so far. */
  #count = 0;

  constructor(channels: number) {
    this.#channels = channels;
    this.#minimum = new Float64Array(channels).fill(Infinity);
    this.#maximum = new Float64Array(channels).fill(-Infinity);
    this.#mean = new Float64Array(channels);
    this.#squares = new Float64Array(channels);
  }

  /** As many values of each channel, one channel after the other. */
  add(values: ArrayLike<number>): void {
    const [minimum, maximum, means, squares] = [this.#minimum, this.#maximum, this.#mean, this.#squares];
    const size = values.length / this.#channels;
    for (let channel = 0, at = 0; channel < this.#channels; channel += 1) {
      let [least, greatest, mean, square] = [minimum[channel], maximum[channel], means[channel], squares[channel]];
      for (let n = 1; n <= size; n += 1, at += 1) {
        const value = values[at];
        if (value < least) least = value;
        if (value > greatest) greatest = value;
        const before = value - mean;
        mean += before / (this.#count + n);
        square += before * (value - mean);
      }
      minimum[channel] = least;
      maximum[channel] = greatest;
      means[channel] = mean;
      squares[channel] = square;
    }
    this.#count += size;
  }

  results(): readonly ChannelRange[] {
    return Array.from(this.#mean, (mean, channel) => ({
      minimum: this.#minimum[channel],
      maximum: this.#maximum[channel],
      mean,
      deviation: Math.sqrt(this.#squares[channel] / Math.max(1, this.#count)),
    }));
  }
}

/** The range of the values of one column. */
export function rangeOfColumn(values: ArrayLike<number>): ChannelRange {
  const range = new RunningRanges(1);
  range.add(values);
  return range.results()[0];
}

/** Groups of equal hashes, those with leaked rows first, then in the order of their first rows. */
function groupsOf(hashes: BigUint64Array, partOf: Uint8Array): readonly DuplicateGroup[] {
  const order = Uint32Array.from(hashes.keys()).sort((a, b) => (hashes[a] < hashes[b] ? -1 : hashes[a] > hashes[b] ? 1 : a - b));
  const groups: DuplicateGroup[] = [];
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && hashes[order[end]] === hashes[order[start]]) end += 1;
    if (end - start > 1) groups.push(groupOf(order.subarray(start, end), partOf));
    start = end;
  }
  return groups.sort((a, b) => Number(b.leaked > 0) - Number(a.leaked > 0) || a.rows[0] - b.rows[0]);
}

function groupOf(rows: Uint32Array, partOf: Uint8Array): DuplicateGroup {
  const counts = [0, 0, 0];
  for (const row of rows) counts[partOf[row]] += 1;
  const [train, validation, test] = counts;
  const leaked = (train > 0 ? validation : 0) + (train > 0 || validation > 0 ? test : 0);
  const firsts = parts.flatMap((_, part) => [rows.find((row) => partOf[row] === part) ?? []].flat());
  const shown = [...new Set([...firsts, ...rows])].slice(0, listedRows);
  return { samples: rows.length, members: [...rows], rows: shown, leaked };
}
