// Samples that a reader has to decode one after the other, kept for reading by index.

import { createHash } from "node:crypto";
import { elementCount } from "../graph/dims.js";
import { ByteStore } from "./byte-store.js";
import { emptyRange, rangeOf, widen, type SampleSource, type ValueRange } from "./source.js";

/** Values that are hashed, measured and stored at once. */
const blockValues = 2 ** 16;

/** Takes samples in their order; `finish` makes a source of them. */
export class SampleStore {
  readonly #shape: readonly number[];
  readonly #size: number;
  readonly #bytes: ByteStore;
  readonly #block: Float32Array;
  readonly #hash = createHash("sha256");
  #count = 0;
  #range: ValueRange = emptyRange;
  /** Values of the block that are neither hashed nor stored yet. */
  #filled = 0;

  /** `folder` takes a file where memory does not do. */
  constructor(shape: readonly number[], folder: string, memoryLimit?: number) {
    this.#shape = shape;
    this.#size = elementCount(shape);
    this.#bytes = new ByteStore(folder, memoryLimit);
    this.#block = new Float32Array(Math.max(1, Math.floor(blockValues / Math.max(1, this.#size))) * this.#size);
  }

  get count(): number {
    return this.#count;
  }

  /** Where the next sample's values go; `keep` makes them count. */
  next(): Float32Array {
    if (this.#filled === this.#block.length) this.#flush();
    return this.#block.subarray(this.#filled, this.#filled + this.#size);
  }

  /** Keeps what was written to `next()`. @throws data/spill */
  keep(): void {
    this.#filled += this.#size;
    this.#count += 1;
  }

  /** The samples as a source; what `describe` answers is its caller's matter. @throws data/spill */
  finish(describe: SampleSource["describe"]): SampleSource {
    this.#flush();
    const [bytes, sampleBytes] = [this.#bytes, 4 * this.#size];
    return {
      count: this.#count,
      sampleShape: this.#shape,
      contentHash: this.#hash.update(`float32[${[this.#count, ...this.#shape].join()}]`).digest("hex"),
      range: this.#range,
      read: (index, into, offset) => bytes.read(index * sampleBytes, new Uint8Array(into.buffer, into.byteOffset + 4 * offset, sampleBytes)),
      describe,
      close: () => bytes.close(),
    };
  }

  /** Gives everything back. */
  close(): void {
    this.#bytes.close();
  }

  #flush(): void {
    const values = this.#block.subarray(0, this.#filled);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.#hash.update(bytes);
    this.#range = widen(this.#range, rangeOf(values));
    this.#bytes.append(bytes);
    this.#filled = 0;
  }
}
