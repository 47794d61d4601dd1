// Ownership of what has to be let go: a disposable that owns others and lets them go with itself, the last one first.

/** As VS Code has it; named here so that plain modules need not import the editor. */
export interface Disposable {
  dispose(): unknown;
}

/** Owns what is handed to `own`. */
export class Owner implements Disposable {
  readonly #owned: Disposable[] = [];
  #disposed = false;

  /** Takes over a disposable; one that comes too late is let go at once. */
  own<T extends Disposable>(disposable: T): T {
    if (this.#disposed) disposable.dispose();
    else this.#owned.push(disposable);
    return disposable;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  dispose(): void {
    this.#disposed = true;
    for (const disposable of this.#owned.splice(0).reverse()) disposable.dispose();
  }
}
