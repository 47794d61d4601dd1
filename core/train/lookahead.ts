// Asking ahead: what will be wanted is requested before it is, in order and only so far, so that it is there when it is. What makes it is the
// caller's matter.

import type { MakeRequest } from "./feed.js";

export interface LookaheadOptions<T> {
  readonly make: (request: MakeRequest) => Promise<T>;
  /** Requests that were made and not taken are not wanted any more. */
  readonly drop: () => void;
  /** How many requests may be under way, or answered and not yet taken. */
  readonly limit: number;
}

interface Pending<T> {
  readonly request: MakeRequest;
  readonly answer: Promise<T>;
}

/** A bounded queue of answers. Whatever was expected, each `take` answers its own request. */
export class Lookahead<T> {
  readonly #options: LookaheadOptions<T>;
  readonly #pending: Pending<T>[] = [];
  #expected: Iterator<MakeRequest> | undefined;

  constructor(options: LookaheadOptions<T>) {
    this.#options = options;
  }

  /** Says what will be taken next, in order. What was expected before counts no more. */
  expect(requests: Iterable<MakeRequest>): void {
    this.clear();
    this.#expected = requests[Symbol.iterator]();
    this.#ask();
  }

  /** The answer to a request: the one that was asked for ahead of time where it is the next expected. @throws what making it did */
  take(request: MakeRequest): Promise<T> {
    const next = this.#pending.at(0);
    if (next === undefined || !isSame(next.request, request)) {
      this.clear();
      return this.#options.make(request);
    }
    this.#pending.shift();
    this.#ask();
    return next.answer;
  }

  /** Expects nothing any more. */
  clear(): void {
    this.#expected = undefined;
    if (this.#pending.splice(0).length > 0) this.#options.drop();
  }

  #ask(): void {
    while (this.#expected !== undefined && this.#pending.length < this.#options.limit) {
      const next = this.#expected.next();
      if (next.done === true) this.#expected = undefined;
      else this.#push(next.value);
    }
  }

  #push(request: MakeRequest): void {
    const answer = this.#options.make(request);
    // What goes wrong is told to whoever takes the answer; nobody may.
    answer.catch(() => undefined);
    this.#pending.push({ request, answer });
  }
}

function isSame(a: MakeRequest, b: MakeRequest): boolean {
  return a.epoch === b.epoch && a.indices.length === b.indices.length && a.indices.every((index, i) => index === b.indices[i]);
}
