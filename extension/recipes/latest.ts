// Work that is asked for again and again, of which only the answer to the last request counts: once things are quiet it runs, one at a
// time, and what was overtaken meanwhile is dropped.

export interface LatestOptions<T> {
  readonly work: () => Promise<T>;
  readonly onResult: (result: T) => void;
  readonly onError: (error: unknown) => void;
  /** Milliseconds without a request before it runs. */
  readonly quiet: number;
}

export class Latest<T> {
  readonly #options: LatestOptions<T>;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  /** Counts requests: an answer belongs to the number that it started with. */
  #wanted = 0;
  #answered = 0;

  constructor(options: LatestOptions<T>) {
    this.#options = options;
  }

  /** Asks for the work; `quiet` for this time only. */
  request(quiet = this.#options.quiet): void {
    this.#wanted += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#run(), quiet);
  }

  /** No answer comes any more. */
  dispose(): void {
    clearTimeout(this.#timer);
    this.#wanted = -1;
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    const { work, onResult, onError } = this.#options;
    const number = this.#wanted;
    try {
      const result = await work();
      if (number === this.#wanted) onResult(result);
    } catch (error) {
      if (number === this.#wanted) onError(error);
    } finally {
      this.#running = false;
      this.#answered = number;
      if (this.#wanted > this.#answered) this.request(0);
    }
  }
}
