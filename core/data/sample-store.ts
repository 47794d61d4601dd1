// Samples that a reader has to decode one after the other, kept for reading by index: in memory while they fit, else in a file that is gone
// when it is closed.

import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { freemem, totalmem } from "node:os";
import { join } from "node:path";
import * as errors from "../errors.js";
import { elementCount } from "../graph/dims.js";
import { emptyRange, rangeOf, widen, type SampleSource, type ValueRange } from "./source.js";

/** Values in each piece of memory. */
const chunkValues = 2 ** 20;

/** Bytes of decoded samples that stay in memory. */
export function defaultMemoryLimit(): number {
  return Math.min(2e9, totalmem() / 4, Math.max(freemem() / 2, 2 ** 28));
}

/** Takes samples in their order; `finish` makes a source of them. */
export class SampleStore {
  readonly #shape: readonly number[];
  readonly #size: number;
  readonly #perChunk: number;
  readonly #folder: string;
  readonly #limit: number;
  readonly #hash = createHash("sha256");
  readonly #chunks: Float32Array[] = [];
  #count = 0;
  #range: ValueRange = emptyRange;
  #file: number | undefined;
  /** Samples of the last chunk that are neither hashed nor on disk yet. */
  #open = 0;

  /** `folder` takes the file where memory does not do. */
  constructor(shape: readonly number[], folder: string, memoryLimit = defaultMemoryLimit()) {
    this.#shape = shape;
    this.#size = elementCount(shape);
    this.#perChunk = Math.max(1, Math.floor(chunkValues / Math.max(1, this.#size)));
    this.#folder = folder;
    this.#limit = memoryLimit;
  }

  get count(): number {
    return this.#count;
  }

  /** Where the next sample's values go; `keep` makes them count. */
  next(): Float32Array {
    if (this.#open === this.#perChunk || this.#chunks.length === 0) this.#turn();
    return (this.#chunks.at(-1) as Float32Array).subarray(this.#open * this.#size, (this.#open + 1) * this.#size);
  }

  /** Keeps what was written to `next()`. */
  keep(): void {
    this.#open += 1;
    this.#count += 1;
  }

  /** The samples as a source; what `describe` answers is its caller's matter. @throws data/spill where they cannot be kept on disk */
  finish(describe: SampleSource["describe"]): SampleSource {
    this.#flush();
    const [size, perChunk, chunks, file, folder] = [this.#size, this.#perChunk, this.#chunks, this.#file, this.#folder];
    if (file !== undefined) chunks.splice(0);
    return {
      count: this.#count,
      sampleShape: this.#shape,
      contentHash: this.#hash.update(`float32[${[this.#count, ...this.#shape].join()}]`).digest("hex"),
      range: this.#range,
      read(index, into, offset) {
        if (file === undefined) {
          const start = (index % perChunk) * size;
          into.set(chunks[Math.floor(index / perChunk)].subarray(start, start + size), offset);
        } else {
          const bytes = new Uint8Array(into.buffer, into.byteOffset + 4 * offset, 4 * size);
          if (readSync(file, bytes, 0, bytes.byteLength, index * 4 * size) < bytes.byteLength) throw errors.spill(folder, "it was cut short");
        }
      },
      describe,
      close: () => this.close(),
    };
  }

  /** Gives everything back. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    this.#chunks.splice(0);
  }

  /** Begins another chunk. */
  #turn(): void {
    this.#flush();
    const chunkBytes = 4 * this.#perChunk * this.#size;
    if (this.#file === undefined && (this.#chunks.length + 1) * chunkBytes > this.#limit && this.#chunks.length > 0) this.#spill();
    // On disk one chunk is used again and again.
    if (this.#file === undefined || this.#chunks.length === 0) this.#chunks.push(new Float32Array(this.#perChunk * this.#size));
    this.#open = 0;
  }

  /** Hashes, measures and, where there is a file, writes what has come since the last time. */
  #flush(): void {
    const chunk = this.#chunks.at(-1);
    if (chunk === undefined || this.#open === 0) return;
    const values = chunk.subarray(0, this.#open * this.#size);
    this.#hash.update(bytesOf(values));
    this.#range = widen(this.#range, rangeOf(values));
    if (this.#file !== undefined) this.#write(this.#file, values);
  }

  #spill(): void {
    try {
      mkdirSync(this.#folder, { recursive: true });
      const path = join(this.#folder, `samples-${process.pid}-${Math.random().toString(36).slice(2)}.tmp`);
      this.#file = openSync(path, "wx+");
      unlinkSync(path);
    } catch (cause) {
      throw errors.spill(this.#folder, cause);
    }
    for (const chunk of this.#chunks) this.#write(this.#file, chunk);
    this.#chunks.splice(1);
  }

  #write(file: number, values: Float32Array): void {
    const bytes = bytesOf(values);
    try {
      for (let done = 0; done < bytes.byteLength;) done += writeSync(file, bytes, done);
    } catch (cause) {
      throw errors.spill(this.#folder, cause);
    }
  }
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
