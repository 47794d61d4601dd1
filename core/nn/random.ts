// Random numbers that need no state: every number is a pure function of a seed, a purpose and counters, so a resumed run, a
// cold start and another thread draw the same ones. Which numbers are drawn for what is decided by the callers.

import * as errors from "../errors.js";

/** A sequence of random numbers, addressed by index. The same seed, purpose and counters always give the same one. */
export interface Stream {
  /** Two 32-bit words that stand for seed, purpose and counters. */
  readonly key: readonly [number, number];
}

const two32 = 2 ** 32;
const utf8 = new TextEncoder();

/** What a block of the generator is used for while a key is derived or numbers are drawn: kinds never share a block. */
const use = { text: 1, counter: 2, words: 3, integer: 4 } as const;

/**
 * The stream for a purpose (`"shuffle"`, `"dropout"`, …) and any counters that tell its uses apart (epoch, step, node).
 * Seed and counters are safe non-negative integers. Different keys give unrelated streams.
 * @throws recipe/seed
 */
export function stream(seed: number, purpose: string, ...counters: readonly number[]): Stream {
  let key = words(seed);
  const block = new Uint32Array(4);
  const absorb = (first: number, second: number, kind: number, length: number): void => {
    philox(block, first, second, kind, length, key[0], key[1]);
    key = [block[0], block[1]];
  };
  const bytes = utf8.encode(purpose);
  const padded = new DataView(new ArrayBuffer(Math.ceil((bytes.length + 1) / 8) * 8));
  new Uint8Array(padded.buffer).set(bytes);
  for (let at = 0; at < padded.byteLength; at += 8) absorb(padded.getUint32(at, true), padded.getUint32(at + 4, true), use.text, bytes.length);
  for (const [i, counter] of counters.entries()) absorb(...words(counter), use.counter, i);
  return { key };
}

/** Number `index` of the stream, uniform in [0, 1): a multiple of 2⁻²⁴, so float32 holds it exactly. */
export function uniform(stream: Stream, index: number): number {
  const block = new Uint32Array(4);
  drawWords(stream, Math.floor(index / 4), block);
  return toUniform(block[index % 4]);
}

/** Number `index` of the stream from the standard normal distribution. Source: Box and Muller 1958. */
export function normal(stream: Stream, index: number): number {
  const block = new Uint32Array(4);
  drawWords(stream, Math.floor(index / 4), block);
  return toNormal(block, index % 4);
}

/** Integer `index` of the stream, uniform in [0, below), without bias; `below` from 1 to 2³². Source: rejection as in Lemire 2019. */
export function integer(stream: Stream, index: number, below: number): number {
  return drawInteger(stream, index, below, new Uint32Array(4));
}

/** Fills `into` with `uniform` of indices `start`, `start + 1`, …, mapped to [low, high) (other bounds than 0 and 1 can round to `high`). `start` is a multiple of 4. */
export function fillUniform(stream: Stream, into: Float32Array | Float64Array, low = 0, high = 1, start = 0): void {
  const block = new Uint32Array(4);
  for (let i = 0; i < into.length; i += 4) {
    drawWords(stream, (start + i) / 4, block);
    for (let j = 0; j < 4 && i + j < into.length; j += 1) into[i + j] = low + (high - low) * toUniform(block[j]);
  }
}

/** Fills `into` with `normal` of indices `start`, `start + 1`, …, scaled. `start` is a multiple of 4. */
export function fillNormal(stream: Stream, into: Float32Array | Float64Array, mean = 0, deviation = 1, start = 0): void {
  const block = new Uint32Array(4);
  for (let i = 0; i < into.length; i += 4) {
    drawWords(stream, (start + i) / 4, block);
    for (let j = 0; j < 4 && i + j < into.length; j += 1) into[i + j] = mean + deviation * toNormal(block, j);
  }
}

/** The numbers 0 … n − 1 in random order, every order equally likely. Source: Fisher and Yates, in Durstenfeld's form (CACM 1964). */
export function permutation(stream: Stream, n: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  const block = new Uint32Array(4);
  for (let i = n - 1; i > 0; i -= 1) {
    const j = drawInteger(stream, i, i + 1, block);
    const kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
  return order;
}

function words(value: number): readonly [number, number] {
  if (!Number.isSafeInteger(value) || value < 0) throw errors.badSeed(value);
  return [value >>> 0, Math.floor(value / two32)];
}

function drawWords(stream: Stream, blockIndex: number, into: Uint32Array): void {
  philox(into, blockIndex >>> 0, Math.floor(blockIndex / two32), use.words, 0, stream.key[0], stream.key[1]);
}

function drawInteger(stream: Stream, index: number, below: number, block: Uint32Array): number {
  const limit = two32 - (two32 % below);
  for (let attempt = 0; ; attempt += 1) {
    philox(block, index >>> 0, Math.floor(index / two32), use.integer, attempt, stream.key[0], stream.key[1]);
    for (const word of block) if (word < limit) return word % below;
  }
}

function toUniform(word: number): number {
  return (word >>> 8) * 2 ** -24;
}

/** Words 0 and 1 give the numbers 0 and 1, words 2 and 3 the numbers 2 and 3. */
function toNormal(block: Uint32Array, position: number): number {
  const pair = position & 2;
  const radius = Math.sqrt(-2 * Math.log((block[pair] + 1) / two32));
  const angle = (2 * Math.PI * block[pair + 1]) / two32;
  return radius * (position === pair ? Math.cos(angle) : Math.sin(angle));
}

/**
 * One block of Philox4x32-10: 128 bits of counter and 64 bits of key to 128 random bits, a bijection of the counter.
 * Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */
export function philox(into: Uint32Array, c0: number, c1: number, c2: number, c3: number, k0: number, k1: number): void {
  let [x0, x1, x2, x3] = [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
  let [key0, key1] = [k0 >>> 0, k1 >>> 0];
  for (let round = 0; round < 10; round += 1) {
    const high0 = multiplyHigh(0xd2511f53, x0);
    const low0 = Math.imul(0xd2511f53, x0);
    const high1 = multiplyHigh(0xcd9e8d57, x2);
    const low1 = Math.imul(0xcd9e8d57, x2);
    x0 = (high1 ^ x1 ^ key0) >>> 0;
    x1 = low1 >>> 0;
    x2 = (high0 ^ x3 ^ key1) >>> 0;
    x3 = low0 >>> 0;
    key0 = (key0 + 0x9e3779b9) >>> 0;
    key1 = (key1 + 0xbb67ae85) >>> 0;
  }
  into[0] = x0;
  into[1] = x1;
  into[2] = x2;
  into[3] = x3;
}

/** The upper 32 bits of the product of two 32-bit words. */
function multiplyHigh(a: number, b: number): number {
  const [a0, a1, b0, b1] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const cross = a0 * b1 + (middle & 0xffff);
  return a1 * b1 + (middle >>> 16) + (cross >>> 16);
}
