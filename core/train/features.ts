// The features that training steps read: for each sample the values at the frost line, computed once by the frozen prefix (or just the
// transformed sample where nothing is frozen), kept in memory while they fit and on disk where a cache is given.

import { elementCount } from "../graph/dims.js";
import { byteSize } from "../graph/tensor.js";
import type { DType } from "../graph/types.js";
import type { HostTensor } from "../runtime/executor.js";
import { hostTensor } from "../runtime/host-tensor.js";
import type { CachedFeatures } from "./feature-cache.js";
import type { MakeRequest } from "./feed.js";

/** One value at the frost line. `shape` is that of a single sample, its axis 0 included. */
export interface FeatureValue {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** Makes features of samples: `indices` has at most `batchSize` entries; answers one tensor per value for that many samples. */
export interface FeatureMaker {
  readonly values: readonly FeatureValue[];
  readonly batchSize: number;
  /** With an `epoch` the samples are augmented as in that epoch. */
  make(indices: readonly number[], epoch?: number): Promise<readonly HostTensor[]>;
  /** Hears what it will be asked for, in order, so that it may work ahead. */
  expect?(requests: Iterable<MakeRequest>): void;
  /** Runs of the frozen prefix so far. */
  executions(): number;
  /** Frees what only making needs; it can be asked again afterwards. */
  release(): Promise<void>;
}

/** Samples that will be gathered together. With an `epoch` they are training samples. */
export interface Gathering {
  readonly rows: readonly number[];
  readonly epoch?: number;
}

export interface FeatureProgress {
  /** Samples whose features are there. */
  readonly done: number;
  /** How many of them came from an earlier run. */
  readonly reused: number;
  /** Runs of the frozen prefix. */
  readonly executions: number;
}

export interface FeatureOptions {
  readonly samples: number;
  /** The samples whose features are kept, ascending, where the others are augmented: those are made anew in every epoch. */
  readonly kept?: Uint32Array;
  readonly cache: CachedFeatures | undefined;
  /** Bytes of features that may stay in memory. */
  readonly memoryLimit: number;
  readonly onProgress: (progress: FeatureProgress) => void;
  readonly stopRequested: () => boolean;
  /** Called once if the cache turns out not to be usable. */
  readonly onCacheError: (cause: unknown) => void;
}

/** Batches between two records of progress on disk. */
const commitEvery = 16;

export class FeatureStore {
  readonly #maker: FeatureMaker;
  readonly #options: FeatureOptions;
  readonly #bytesPerValue: readonly number[];
  readonly #recordBytes: number;
  #memory: Uint8Array | undefined;
  #cache: CachedFeatures | undefined;
  #progress: FeatureProgress = { done: 0, reused: 0, executions: 0 };
  /** Place of each sample among those that are kept, where not all of them are. */
  readonly #places: Uint32Array | undefined;
  /** What `gather` answers, by number of samples. */
  readonly #gathered = new Map<number, readonly HostTensor[]>();

  constructor(maker: FeatureMaker, options: FeatureOptions) {
    this.#maker = maker;
    this.#options = options;
    this.#bytesPerValue = maker.values.map((v) => byteSize(v.dtype, elementCount(v.shape)));
    this.#recordBytes = this.#bytesPerValue.reduce((a, c) => a + c, 0);
    this.#cache = options.cache;
    if (options.kept === undefined) return;
    this.#places = new Uint32Array(options.samples);
    for (const [place, index] of options.kept.entries()) this.#places[index] = place;
  }

  get values(): readonly FeatureValue[] {
    return this.#maker.values;
  }

  get progress(): FeatureProgress {
    return { ...this.#progress, executions: this.#maker.executions() };
  }

  /** Computes what is not there yet, batch by batch in file order. Answers false where a stop came first. */
  async fill(): Promise<boolean> {
    const total = this.#count * this.#recordBytes;
    if (total <= this.#options.memoryLimit) this.#memory = new Uint8Array(total);
    let done = this.#takeCached();
    if (this.#kept) this.#report(done, done);
    if (this.#kept && done < this.#count) this.#maker.expect?.(this.#fillRequests(done));
    let batches = 1;
    for (const { indices } of this.#fillRequests(done)) {
      if (!this.#kept) break;
      if (this.#options.stopRequested()) {
        await this.#commit();
        return false;
      }
      const records = await this.#makeRecords(indices, done);
      this.#append(records);
      done += indices.length;
      if (batches++ % commitEvery === 0) await this.#commit();
      this.#report(done, this.#progress.reused);
      // A stop is a message: it is read here.
      await new Promise(setImmediate);
    }
    await this.#commit();
    if (this.#kept && this.#options.kept === undefined) await this.#maker.release();
    return true;
  }

  /** Batches of what is kept, from place `from` on. */
  *#fillRequests(from: number): Generator<MakeRequest> {
    const { kept } = this.#options;
    const [count, size] = [this.#count, this.#maker.batchSize];
    for (let start = from; start < count; start += size) {
      const places = range(start, Math.min(count, start + size));
      yield { indices: kept === undefined ? places : places.map((place) => kept[place]) };
    }
  }

  /** Says what will be gathered next, in order, so that what has to be made for it is made ahead. */
  expect(gatherings: Iterable<Gathering>): void {
    if (this.#isMade() || this.#isMade(0)) this.#maker.expect?.(this.#gatherRequests(gatherings));
  }

  *#gatherRequests(gatherings: Iterable<Gathering>): Generator<MakeRequest> {
    for (const { rows, epoch } of gatherings) if (this.#isMade(epoch)) yield* this.#requests(rows, epoch);
  }

  /** Whether gathering means making: for training samples where an epoch is given. */
  #isMade(epoch?: number): boolean {
    return !this.#kept || (epoch !== undefined && this.#places !== undefined);
  }

  *#requests(rows: readonly number[], epoch?: number): Generator<MakeRequest> {
    const size = this.#maker.batchSize;
    for (let start = 0; start < rows.length; start += size)
      yield { indices: rows.slice(start, start + size), ...(epoch === undefined ? {} : { epoch }) };
  }

  /** Number of samples whose features are kept. */
  get #count(): number {
    return this.#options.kept?.length ?? this.#options.samples;
  }

  /** Somewhere: in memory or on disk. Otherwise `gather` computes features again each time. */
  get #kept(): boolean {
    return this.#memory !== undefined || this.#cache !== undefined;
  }

  /**
   * Features of the given samples, one tensor per value, samples along axis 0. With an `epoch` they are training samples: where these are
   * augmented, as in that epoch. The next call for as many samples writes over what this one answers.
   */
  async gather(indices: readonly number[], epoch?: number): Promise<readonly HostTensor[]> {
    let tensors = this.#gathered.get(indices.length);
    if (tensors === undefined) {
      tensors = this.#maker.values.map(({ dtype, shape }) => hostTensor(dtype, [indices.length * (shape[0] ?? 1), ...shape.slice(1)]));
      this.#gathered.set(indices.length, tensors);
    }
    const targets = tensors.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    await this.gatherInto(targets, indices, epoch);
    return tensors;
  }

  /** The same into memory that is given: for each value the bytes of so many samples. */
  async gatherInto(targets: readonly Uint8Array[], indices: readonly number[], epoch?: number): Promise<void> {
    if (this.#isMade(epoch) || !this.#gatherKept(indices, targets)) await this.#gatherMade(indices, targets, epoch);
  }

  async #gatherMade(rows: readonly number[], targets: readonly Uint8Array[], epoch?: number): Promise<void> {
    let done = 0;
    for (const { indices } of this.#requests(rows, epoch)) {
      const tensors = await this.#maker.make(indices, epoch);
      for (const [v, size] of this.#bytesPerValue.entries()) {
        const { buffer, byteOffset } = tensors[v].data;
        targets[v].set(new Uint8Array(buffer, byteOffset, indices.length * size), done * size);
      }
      done += indices.length;
    }
  }

  /** Answers false where the features are neither in memory nor on disk, or not any more. */
  #gatherKept(indices: readonly number[], targets: readonly Uint8Array[]): boolean {
    const places = this.#places;
    const at = places === undefined ? indices : indices.map((index) => places[index]);
    const [memory, size] = [this.#memory, this.#recordBytes];
    if (memory === undefined) return this.#gatherCached(at, targets);
    for (const [i, place] of at.entries()) this.#scatter(memory.subarray(place * size, (place + 1) * size), targets, i);
    return true;
  }

  #gatherCached(places: readonly number[], targets: readonly Uint8Array[]): boolean {
    if (this.#cache === undefined) return false;
    try {
      const record = new Uint8Array(this.#recordBytes);
      for (const [at, place] of places.entries()) {
        this.#cache.read(place, record);
        this.#scatter(record, targets, at);
      }
      return true;
    } catch (cause) {
      this.#dropCache(cause);
      return false;
    }
  }

  /** Gives back what can be had again: the memory where the features are on disk too, and what makes them. */
  async rest(): Promise<void> {
    if (this.#cache !== undefined) this.#memory = undefined;
    this.#gathered.clear();
    await this.#maker.release();
  }

  async close(): Promise<void> {
    this.#cache?.close();
    this.#cache = undefined;
    this.#memory = undefined;
    await this.#maker.release();
  }

  #report(done: number, reused: number): void {
    this.#progress = { done, reused, executions: 0 };
    this.#options.onProgress(this.progress);
  }

  #takeCached(): number {
    const cache = this.#cache;
    if (cache === undefined) return 0;
    // Whole batches only, so that what follows is computed in the same batches as in a run without a cache.
    const whole = cache.count >= this.#count ? this.#count : cache.count - (cache.count % this.#maker.batchSize);
    try {
      if (this.#memory !== undefined && whole > 0) cache.read(0, this.#memory.subarray(0, whole * this.#recordBytes));
      return whole;
    } catch (cause) {
      this.#dropCache(cause);
      return 0;
    }
  }

  /** Features of a batch as records: in the memory from place `at` on, or in new memory where there is none. */
  async #makeRecords(indices: readonly number[], at: number): Promise<Uint8Array> {
    const tensors = await this.#maker.make(indices);
    const [start, length] = [at * this.#recordBytes, indices.length * this.#recordBytes];
    const records = this.#memory?.subarray(start, start + length) ?? new Uint8Array(length);
    let offset = 0;
    for (const [v, { data }] of tensors.entries()) {
      const size = this.#bytesPerValue[v];
      const source = new Uint8Array(data.buffer, data.byteOffset, indices.length * size);
      for (let i = 0; i < indices.length; i++) records.set(source.subarray(i * size, (i + 1) * size), i * this.#recordBytes + offset);
      offset += size;
    }
    return records;
  }

  #scatter(record: Uint8Array, targets: readonly Uint8Array[], at: number): void {
    let offset = 0;
    for (const [v, size] of this.#bytesPerValue.entries()) {
      targets[v].set(record.subarray(offset, offset + size), at * size);
      offset += size;
    }
  }

  #append(records: Uint8Array): void {
    if (this.#cache === undefined) return;
    try {
      this.#cache.append(records);
    } catch (cause) {
      this.#dropCache(cause);
    }
  }

  async #commit(): Promise<void> {
    try {
      await this.#cache?.commit();
    } catch (cause) {
      this.#dropCache(cause);
    }
  }

  /** Without a place on disk, and with too little memory, features are computed again whenever they are read. */
  #dropCache(cause: unknown): void {
    this.#cache?.discard();
    this.#cache = undefined;
    this.#options.onCacheError(cause);
  }
}

function range(start: number, end: number): readonly number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}
