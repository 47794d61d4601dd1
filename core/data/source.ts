// What the trainer asks of data, whatever it was read from: samples by index. Labels, transforms and splits are beside it.

/** Samples of one shape, in a fixed order. */
export interface SampleSource {
  readonly count: number;
  /** Shape of one sample, without a batch axis. */
  readonly sampleShape: readonly number[];
  /** SHA-256 (hex) of all samples as they are read, so that results computed from them can be kept. */
  readonly contentHash: string;
  /** Writes sample `index` to `into` from `offset` on. A source that has to decode first answers a promise. */
  read(index: number, into: Float32Array, offset: number): void | Promise<void>;
  /** Where sample `index` comes from, for messages: `digits.csv:12`. */
  describe(index: number): string;
}
