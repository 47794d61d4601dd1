// What the trainer asks of data, whatever it was read from: samples by index. Labels, transforms and splits are beside it.

import { createHash } from "node:crypto";

/** Samples of one shape, in a fixed order. */
export interface SampleSource {
  readonly count: number;
  /** Shape of one sample, without a batch axis. */
  readonly sampleShape: readonly number[];
  /** SHA-256 (hex) of all samples as they are read, or of what decides them, so that results computed from them can be kept. */
  readonly contentHash: string;
  /** Bounds of all values. */
  readonly range: ValueRange;
  /** Writes sample `index` to `into` from `offset` on. A source that has to decode first answers a promise. */
  read(index: number, into: Float32Array, offset: number): void | Promise<void>;
  /** Where sample `index` comes from, for messages: `digits.csv:12`. */
  describe(index: number): string;
  /** Closes the files that it reads from. */
  close(): void;
}

/** Bounds of values: what lies outside does not occur. */
export interface ValueRange {
  readonly minimum: number;
  readonly maximum: number;
  /** All of them are whole numbers. */
  readonly whole: boolean;
}

/** The bounds of nothing. */
export const emptyRange: ValueRange = { minimum: Infinity, maximum: -Infinity, whole: true };

/** Bounds of the values of both. */
export function widen(a: ValueRange, b: ValueRange): ValueRange {
  return { minimum: Math.min(a.minimum, b.minimum), maximum: Math.max(a.maximum, b.maximum), whole: a.whole && b.whole };
}

/** Bounds of some values, NaN left out. */
export function rangeOf(values: ArrayLike<number>): ValueRange {
  let [minimum, maximum, whole] = [Infinity, -Infinity, true];
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
    if (whole && !Number.isInteger(value)) whole = false;
  }
  return { minimum, maximum, whole };
}

/** The samples `rows` of a source, in that order; the source itself where these are all of them. */
export function selectSamples(source: SampleSource, rows: Uint32Array): SampleSource {
  if (rows.length === source.count) return source;
  return {
    ...source,
    count: rows.length,
    contentHash: createHash("sha256")
      .update(source.contentHash)
      .update(new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength))
      .digest("hex"),
    read: (index, into, offset) => source.read(rows[index], into, offset),
    describe: (index) => source.describe(rows[index]),
    close: () => source.close(),
  };
}

/** The samples of several sources of one shape, one source after the other. */
export function joinSources(sources: readonly SampleSource[]): SampleSource {
  if (sources.length === 1) return sources[0];
  const starts: number[] = [];
  let count = 0;
  for (const source of sources) {
    starts.push(count);
    count += source.count;
  }
  const find = (index: number): number => starts.findLastIndex((start) => start <= index);
  return {
    count,
    sampleShape: sources[0].sampleShape,
    contentHash: createHash("sha256").update(sources.map((source) => `${source.count} ${source.contentHash}`).join()).digest("hex"), // prettier-ignore
    range: sources.map((source) => source.range).reduce(widen),
    read(index, into, offset) {
      const part = find(index);
      return sources[part].read(index - starts[part], into, offset);
    },
    describe(index) {
      const part = find(index);
      return sources[part].describe(index - starts[part]);
    },
    close: () => sources.forEach((source) => source.close()),
  };
}
