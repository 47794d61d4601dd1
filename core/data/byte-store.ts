// Bytes to be read at any place: a part of a file, or bytes that had to be decoded first, which stay in memory while they fit and go to a
// file that is gone when it is closed where they do not.

import { closeSync, mkdirSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { freemem, totalmem } from "node:os";
import { join } from "node:path";
import * as errors from "../errors.js";

/** Bytes that are there, readable at any place. */
export interface ByteRegion {
  readonly byteLength: number;
  /** Fills `into` from `position` on. @throws data/unreadable; data/spill */
  read(position: number, into: Uint8Array): void;
  close(): void;
}

/** Bytes in each piece of memory. */
const chunkBytes = 2 ** 22;

/** Bytes of decoded data that stay in memory. */
function defaultMemoryLimit(): number {
  return Math.min(2e9, totalmem() / 4, Math.max(freemem() / 2, 2 ** 28));
}

/** `byteLength` bytes of a file from `start` on; `path` may be open several times. @throws data/unreadable */
export function fileRegion(path: string, start: number, byteLength: number): ByteRegion {
  const file = openSync(path, "r");
  let open = true;
  return {
    byteLength,
    read(position, into) {
      if (!readWhole(file, into, start + position)) throw errors.unreadableData(path, "it became shorter while it was read");
    },
    close: () => {
      if (open) closeSync(file);
      open = false;
    },
  };
}

/** Takes bytes in their order, for reading them at any place. */
export class ByteStore implements ByteRegion {
  readonly #folder: string;
  readonly #limit: number;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;
  #file: number | undefined;

  /** `folder` takes the file where memory does not do; it is made then. */
  constructor(folder: string, memoryLimit = defaultMemoryLimit()) {
    this.#folder = folder;
    this.#limit = memoryLimit;
  }

  get byteLength(): number {
    return this.#length;
  }

  /** @throws data/spill where there is no room on the disk either */
  append(bytes: Uint8Array): void {
    if (this.#file === undefined && this.#length + bytes.byteLength > this.#limit) this.#spill();
    if (this.#file !== undefined) this.#write(this.#file, bytes);
    else {
      for (let done = 0; done < bytes.byteLength;) {
        const at = (this.#length + done) % chunkBytes;
        if (at === 0) this.#chunks.push(new Uint8Array(chunkBytes));
        const part = bytes.subarray(done, done + chunkBytes - at);
        this.#chunks[this.#chunks.length - 1].set(part, at);
        done += part.byteLength;
      }
    }
    this.#length += bytes.byteLength;
  }

  read(position: number, into: Uint8Array): void {
    if (this.#file !== undefined) {
      if (!readWhole(this.#file, into, position)) throw errors.spill(this.#folder, "the file became shorter");
      return;
    }
    for (let done = 0; done < into.byteLength;) {
      const at = (position + done) % chunkBytes;
      const chunk = this.#chunks[Math.floor((position + done) / chunkBytes)];
      const part = chunk.subarray(at, at + into.byteLength - done);
      into.set(part, done);
      done += part.byteLength;
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    this.#chunks.splice(0);
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
    let left = this.#length;
    for (const chunk of this.#chunks.splice(0)) {
      this.#write(this.#file, chunk.subarray(0, left));
      left -= chunk.byteLength;
    }
  }

  #write(file: number, bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.byteLength;) done += writeSync(file, bytes, done, bytes.byteLength - done);
    } catch (cause) {
      throw errors.spill(this.#folder, cause);
    }
  }
}

/** A part of a region; closing it closes the region. */
export function partOf(region: ByteRegion, start: number, byteLength: number): ByteRegion {
  return { byteLength, read: (position, into) => region.read(start + position, into), close: () => region.close() };
}

/** As many bytes as there are, up to `length`. */
export function readBytes(region: ByteRegion, position: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.max(0, Math.min(length, region.byteLength - position)));
  region.read(position, bytes);
  return bytes;
}

/** Answers false where the file ends before. */
function readWhole(file: number, into: Uint8Array, position: number): boolean {
  for (let done = 0; done < into.byteLength;) {
    const read = readSync(file, into, done, into.byteLength - done, position + done);
    if (read === 0) return false;
    done += read;
  }
  return true;
}
