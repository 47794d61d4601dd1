// Samples that cannot be used: gathered while data is read and labels are made sense of, then either the end of the run or left out of it,
// as the recipe says. What is wrong with a sample is told by whoever finds it.

import * as errors from "../errors.js";

/** What happens to samples that cannot be used: the first few are named and the run ends, or it goes on without them. */
export type BadSamplePolicy = "stop" | "skip";

/** Problems that an error or a warning spells out; of the others it gives the number. */
export const reportedSamples = 5;

/** Gathers problems; one of these serves all files of a run. */
export class BadSamples {
  readonly #policy: BadSamplePolicy;
  readonly #rows = new Set<number>();
  readonly #examples: string[] = [];
  #count = 0;

  constructor(policy: BadSamplePolicy = "stop") {
    this.#policy = policy;
  }

  /** How many samples cannot be used. */
  get count(): number {
    return this.#count;
  }

  /** The first few in words: `digits.csv:12: column "p3": …`. */
  get examples(): readonly string[] {
    return this.#examples;
  }

  /** A sample that its reader leaves out: nobody will see it under any number. */
  add(place: string, problem: string): void {
    this.#count += 1;
    if (this.#examples.length < reportedSamples) this.#examples.push(`${place}: ${problem}`);
  }

  /** A sample that has its row in the dataset already; a second problem of the same row does not count. */
  addRow(row: number, place: string, problem: string): void {
    if (this.#rows.has(row)) return;
    this.#rows.add(row);
    this.add(place, problem);
  }

  has(row: number): boolean {
    return this.#rows.has(row);
  }

  /** Of `count` rows those without a problem, ascending; the ones with a problem are forgotten. */
  takeGood(count: number): Uint32Array {
    const good = new Uint32Array(count - this.#rows.size);
    let at = 0;
    for (let row = 0; row < count; row += 1) if (!this.#rows.has(row)) good[at++] = row;
    this.#rows.clear();
    return good;
  }

  /** Ends the run where there are problems and the recipe does not say otherwise. @throws data/rows */
  refuse(path: string, hint?: string): void {
    if (this.#policy === "stop" && this.#count > 0) throw errors.badRows(path, this.#count, this.#examples, hint);
  }
}
