// The two ways to make features: here, when they are asked for, or by a feed that runs ahead. Both give the same bits; which of them a phase
// uses is decided in feed-rule.ts.

import type { HostTensor } from "../runtime/executor.js";
import type { Feed, FeedJob, MakeRequest } from "./feed.js";
import type { FeatureMaker, FeatureValue } from "./features.js";
import { Lookahead } from "./lookahead.js";
import { atFrostLine, type Prefix } from "./prefix.js";
import { readSamples, type SampleJob } from "./samples.js";

export interface MakerOptions {
  /** What it makes, in the order of the values at the frost line. */
  readonly values: readonly FeatureValue[];
  /** Samples in each run of the prefix, padded where there are fewer. */
  readonly batchSize: number;
  /** Name of the model's input. */
  readonly input: string;
  readonly prefix: Prefix | undefined;
  /** Runs of the frozen prefix so far. */
  readonly executions: () => number;
}

/** Reads samples and runs the prefix when it is asked. */
export class LocalMaker implements FeatureMaker {
  readonly #options: MakerOptions;
  readonly #job: SampleJob;
  /** Samples of the last batch; the next one is written over them. */
  #samples: Float32Array | undefined;

  constructor(job: SampleJob, options: MakerOptions) {
    this.#options = options;
    this.#job = job;
  }

  get values(): readonly FeatureValue[] {
    return this.#options.values;
  }

  get batchSize(): number {
    return this.#options.batchSize;
  }

  executions(): number {
    return this.#options.executions();
  }

  async make(indices: readonly number[], epoch?: number): Promise<readonly HostTensor[]> {
    const { input, prefix, batchSize } = this.#options;
    const samples = await readSamples(this.#job, indices, prefix === undefined ? indices.length : batchSize, epoch, this.#samples);
    if (samples.data instanceof Float32Array) this.#samples = samples.data;
    return atFrostLine(namesOf(this.values), input, samples, prefix);
  }

  async release(): Promise<void> {
    this.#samples = undefined;
    await this.#options.prefix?.release();
  }
}

export interface FedMakerOptions extends MakerOptions {
  readonly start: () => Feed;
  /** Made anew for each start: parts of it move to the feed. */
  readonly describe: () => FeedJob;
  /** The feed runs the prefix. */
  readonly makesFeatures: boolean;
  /** How many batches the feed may be ahead. */
  readonly limit: number;
  /** The feed's prefix has run once more. */
  readonly onPrefixRun: () => void;
}

/** Takes samples, or features where the feed has the prefix, from a feed that it starts when it first needs it. */
export class FedMaker implements FeatureMaker {
  readonly #options: FedMakerOptions;
  #running: { readonly feed: Feed; readonly ahead: Lookahead<readonly HostTensor[]> } | undefined;

  constructor(options: FedMakerOptions) {
    this.#options = options;
  }

  get values(): readonly FeatureValue[] {
    return this.#options.values;
  }

  get batchSize(): number {
    return this.#options.batchSize;
  }

  executions(): number {
    return this.#options.executions();
  }

  expect(requests: Iterable<MakeRequest>): void {
    this.#ahead().expect(requests);
  }

  async make(indices: readonly number[], epoch?: number): Promise<readonly HostTensor[]> {
    const made = await this.#ahead().take({ indices, ...(epoch === undefined ? {} : { epoch }) });
    const { input, prefix, makesFeatures, onPrefixRun } = this.#options;
    if (!makesFeatures) return atFrostLine(namesOf(this.values), input, made[0], prefix);
    onPrefixRun();
    return made;
  }

  async release(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    running?.ahead.clear();
    await running?.feed.close();
    await this.#options.prefix?.release();
  }

  #ahead(): Lookahead<readonly HostTensor[]> {
    if (this.#running === undefined) {
      const { start, describe, limit } = this.#options;
      const feed = start();
      feed.open(describe());
      this.#running = { feed, ahead: new Lookahead({ make: (request) => feed.make(request), drop: () => feed.drop(), limit }) };
    }
    return this.#running.ahead;
  }
}

function namesOf(values: readonly FeatureValue[]): readonly string[] {
  return values.map(({ name }) => name);
}
