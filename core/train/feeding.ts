// The work of a feed: opens the data of a run once more and makes samples of it, or features where it has the frozen prefix, one request after
// the other.

import { join } from "node:path";
import { compileAugmentation } from "../data/augment.js";
import { BadSamples } from "../data/bad-samples.js";
import { openDataset } from "../data/dataset.js";
import { selectSamples } from "../data/source.js";
import { compileTransform } from "../data/transforms.js";
import * as errors from "../errors.js";
import { decodeModel } from "../onnx/decode.js";
import type { HostTensor } from "../runtime/executor.js";
import { createExecutor } from "../runtime/select.js";
import type { FeedJob, FeedPrefix, MakeRequest } from "./feed.js";
import { atFrostLine, Prefix } from "./prefix.js";
import { readSamples, type SampleJob } from "./samples.js";

/** What a feed has open. */
export class Feeding {
  readonly #job: FeedJob;
  readonly #samples: SampleJob;
  readonly #prefix: Prefix | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  #making: Promise<unknown> = Promise.resolve();
  #drops = 0;

  private constructor(job: FeedJob, samples: SampleJob, prefix: Prefix | undefined) {
    this.#job = job;
    this.#samples = samples;
    this.#prefix = prefix;
  }

  /** @throws data/… what is wrong with the data; data/changed where it is not what the run has read; run/… of the runtime */
  static async open(job: FeedJob): Promise<Feeding> {
    const { data, folder, rows, channels, seed, train, input } = job;
    const context = { bad: new BadSamples(data.onBadSample), folder: join(folder, ".frostline"), ...(channels === undefined ? {} : { channels }) };
    const dataset = await openDataset(data, context);
    try {
      const source = selectSamples(dataset.source, rows);
      if (source.contentHash !== job.contentHash) throw errors.dataChanged(dataset.labels.path);
      const samples: SampleJob = {
        source,
        transform: compileTransform(data.transform, source.sampleShape),
        ...(data.augment === undefined ? {} : { augmentation: compileAugmentation(data.augment, data.transform, source.sampleShape) }),
        input,
        recipe: { seed },
        split: { train },
      };
      return new Feeding(job, samples, job.prefix && (await openPrefix(job.prefix, input.name)));
    } catch (error) {
      dataset.source.close();
      throw error;
    }
  }

  /**
   * What `Feed.make` answers; undefined where it was dropped. The next request's samples are read while the prefix runs, as far as reading goes
   * on by itself.
   */
  make(request: MakeRequest): Promise<readonly HostTensor[] | undefined> {
    const drops = this.#drops;
    const isDropped = (): boolean => drops !== this.#drops;
    const samples = this.#reading.then(() => this.#read(request, isDropped));
    this.#reading = samples.catch(() => undefined);
    const made = Promise.all([samples, this.#making]).then(([read]) => (read === undefined || isDropped() ? undefined : this.#pass(read)));
    this.#making = made.catch(() => undefined);
    return made;
  }

  /** Lets go of what is not made yet. */
  drop(): void {
    this.#drops += 1;
  }

  /** Ends after what is going on. */
  async close(): Promise<void> {
    this.drop();
    await this.#making;
    await this.#prefix?.release();
    this.#samples.source.close();
  }

  async #read({ indices, epoch }: MakeRequest, isDropped: () => boolean): Promise<HostTensor | undefined> {
    // That a request was dropped is a message: it is read here.
    await new Promise(setImmediate);
    if (isDropped()) return undefined;
    return readSamples(this.#samples, indices, this.#job.batchSize, epoch);
  }

  async #pass(samples: HostTensor): Promise<readonly HostTensor[]> {
    const { input, prefix } = this.#job;
    return prefix === undefined ? [samples] : atFrostLine(prefix.boundary, input.name, samples, this.#prefix);
  }
}

async function openPrefix({ model, inFloat32, provider, threads, spinning }: FeedPrefix, input: string): Promise<Prefix> {
  return new Prefix({ graph: decodeModel(model).graph, inFloat32, input, executor: await createExecutor({ provider, threads, spinning }) });
}
