// What a feed is: a worker that makes samples, or features of them, ahead of whoever reads them. What it is asked and told stands here, as
// plain data that crosses to a thread or a process; what it does is in feeding.ts, who asks it ahead of time in lookahead.ts.

import type { TensorType } from "../graph/types.js";
import type { HostTensor } from "../runtime/executor.js";
import type { Provider } from "../runtime/providers.js";
import type { ResolvedRecipe } from "./recipe.js";

/** What a feed opens: the same data, transforms and augmentations as the run, and the phase's frozen prefix where it runs there. */
export interface FeedJob {
  readonly data: ResolvedRecipe["data"];
  /** The recipe's folder. */
  readonly folder: string;
  /** Rows that the run uses, and channels of images, as the run itself opened the data. */
  readonly rows: Uint32Array;
  readonly channels?: number;
  /** What these rows hold, as `SampleSource.contentHash` says it: other data is refused. */
  readonly contentHash: string;
  readonly seed: number;
  /** The samples that train. */
  readonly train: Uint32Array;
  readonly input: { readonly name: string; readonly type: TensorType; readonly sampleShape: readonly number[] };
  /** Samples in what is answered, padded where fewer are asked for. */
  readonly batchSize: number;
  /** Left out: the feed answers samples as the model's input takes them. */
  readonly prefix?: FeedPrefix;
}

/** A frozen prefix, to be run by an executor of the same description. */
export interface FeedPrefix {
  /** An encoded model. */
  readonly model: Uint8Array;
  readonly inFloat32: boolean;
  /** Values at the frost line, as they are answered. */
  readonly boundary: readonly string[];
  readonly provider: Provider;
  readonly threads: number;
  readonly spinning?: boolean;
}

/** Samples to make: at most `FeedJob.batchSize`. With an `epoch` they are augmented as in that epoch. */
export interface MakeRequest {
  readonly indices: readonly number[];
  readonly epoch?: number;
}

/** A running feed. Every promise fails with the feed's engine error, or with `run/worker-ended` if it is gone. */
export interface Feed {
  /** Before anything is asked of it. What is wrong with the job is told by the answers. */
  open(job: FeedJob): void;
  /** One after the other, in the order of the requests; nothing where the request was dropped meanwhile. */
  make(request: MakeRequest): Promise<readonly HostTensor[]>;
  /** Lets go of what was asked for and is not made yet. */
  drop(): void;
  /** Ends it after what it is doing, and answers when it has ended. */
  close(): Promise<void>;
}
