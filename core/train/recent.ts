// Keeps the few results that were used last, so that asking again costs nothing and memory stays bounded.

/** At most `limit` values by key; the one that was not used for the longest time goes first. */
export class Recent<K, V> {
  readonly #limit: number;
  readonly #values = new Map<K, V>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The value that is kept, or the one that `make` answers. */
  get(key: K, make: () => V): V {
    const value = this.#values.has(key) ? (this.#values.get(key) as V) : make();
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size > this.#limit) this.#values.delete(this.#values.keys().next().value as K);
    return value;
  }

  delete(key: K): void {
    this.#values.delete(key);
  }
}
