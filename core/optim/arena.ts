// One memory for everything that an optimizer step touches (weights, gradients, running values), so that the vector kernels can work on
// it in place and the runtime can read and write it without copies. It is sized once: growing it would detach every view.

import { kernelBytes } from "./kernels/kernels.generated.js";

/** Update rules and vector arithmetic over byte offsets; see kernels.wat for the operations and their order. */
export interface Kernels {
  adam(
    p: number, g: number, m: number, v: number, end: number,
    shrink: number, penalty: number, keepMean: number, shareMean: number, keepSquare: number, shareSquare: number, rate: number, epsilon: number,
  ): void; // prettier-ignore
  sgd(p: number, g: number, end: number, rate: number, decay: number): void;
  momentum(p: number, g: number, m: number, end: number, rate: number, decay: number, momentum: number, share: number, ahead: number): void;
  /** `a` and `b` are not looked at unless `centered` and `running` are 1. */
  rmsprop(
    p: number, g: number, v: number, a: number, b: number, end: number,
    penalty: number, keep: number, share: number, epsilon: number, rate: number, momentum: number, centered: number, running: number,
  ): void; // prettier-ignore
  adagrad(p: number, g: number, s: number, end: number, penalty: number, rate: number, epsilon: number): void;
  lion(
    p: number, g: number, m: number, end: number,
    shrink: number, rate: number, keepNow: number, shareNow: number, keepMean: number, shareMean: number,
  ): void; // prettier-ignore
  lambMeans(
    p: number, g: number, m: number, v: number, end: number, keepMean: number, shareMean: number, keepSquare: number, shareSquare: number,
    meanScale: number, squareScale: number, epsilon: number, decay: number,
  ): number; // prettier-ignore
  lambStep(
    p: number, m: number, v: number, end: number, meanScale: number, squareScale: number, epsilon: number, decay: number, rate: number,
  ): void; // prettier-ignore
  sumOfSquares(x: number, end: number): number;
  scale(x: number, end: number, factor: number): void;
  clamp(x: number, end: number, limit: number): void;
  mix(x: number, y: number, end: number, keep: number, share: number): void;
}

/** The part of the WebAssembly API that is used here; Node's types do not declare it. */
interface WebAssemblyApi {
  readonly Memory: new (limits: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

const pageBytes = 65536;
const mostPages = 65536;
/** Vectors start at multiples of this, and are padded to it. */
const alignment = 16;

const kernelsByBuffer = new WeakMap<ArrayBufferLike, Kernels>();

function padded(length: number): number {
  return Math.ceil((length * 4) / alignment) * alignment;
}

export class Arena {
  readonly #buffer: ArrayBuffer | undefined;
  #used = 0;

  /** Room for vectors of these lengths; beyond 4 GiB, or without WebAssembly SIMD, vectors get memory of their own. */
  constructor(lengths: Iterable<number>) {
    let bytes = 0;
    for (const length of lengths) bytes += padded(length);
    this.#buffer = createMemory(bytes);
  }

  /** A vector of zeros. */
  floats(length: number): Float32Array {
    const start = this.#used;
    if (this.#buffer === undefined || start + padded(length) > this.#buffer.byteLength) return new Float32Array(length);
    this.#used += padded(length);
    return new Float32Array(this.#buffer, start, length);
  }
}

function createMemory(bytes: number): ArrayBuffer | undefined {
  const pages = Math.max(1, Math.ceil(bytes / pageBytes));
  if (pages > mostPages) return undefined;
  try {
    const { Memory, Module, Instance } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;
    const memory = new Memory({ initial: pages, maximum: pages });
    const instance = new Instance(new Module(Buffer.from(kernelBytes, "base64")), { frostline: { memory } });
    kernelsByBuffer.set(memory.buffer, instance.exports as Kernels);
    return memory.buffer;
  } catch {
    return undefined;
  }
}

/** The kernels that can work on these vectors: all in one arena and equally long. Undefined where loops have to do. */
export function kernelsFor(...vectors: readonly Float32Array[]): Kernels | undefined {
  const [{ buffer, length }] = vectors;
  const kernels = kernelsByBuffer.get(buffer);
  return kernels !== undefined && vectors.every((v) => v.buffer === buffer && v.length === length && v.byteOffset % alignment === 0)
    ? kernels
    : undefined;
}

/** Byte offset of a vector's end in its arena. */
export function endOf({ byteOffset, byteLength }: Float32Array): number {
  return byteOffset + byteLength;
}
