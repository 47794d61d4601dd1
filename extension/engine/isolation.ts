// Where runs compute: in a thread where that is known to work under this version of the editor and of Frostline, in a process of its own
// where it is not, or where a person wants it so. What is known is kept, so that it is found out once.

import type { Isolation } from "./service.js";

/** What is known, and of which versions. */
export interface Verdict {
  readonly versions: string;
  readonly isolation: Isolation;
}

export interface IsolationOptions {
  /** The versions of the editor and of Frostline: what is known of others does not count. */
  readonly versions: string;
  readonly setting: () => Isolation;
  readonly read: () => Verdict | undefined;
  readonly keep: (verdict: Verdict) => PromiseLike<void>;
  /** Tries in a process of its own whether threads work; undefined where they do, else why not. */
  readonly selfTest: () => Promise<string | undefined>;
  /** Whether an earlier session may have crashed in a run. */
  readonly foundCrash: () => Promise<boolean>;
  /** Tells a person why runs compute in a process from now on. */
  readonly tell: (reason: string) => void;
}

export class IsolationChoice {
  readonly #options: IsolationOptions;
  #choosing: Promise<Isolation> | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: IsolationOptions) {
    this.#options = options;
  }

  /** Looks once whether an earlier session crashed; nothing is started for it. */
  lookBack(): Promise<void> {
    this.#looking ??= this.#lookBack();
    return this.#looking;
  }

  /** Where the next run computes; the first time under new versions this tries threads out. */
  async choose(): Promise<Isolation> {
    if (this.#options.setting() === "process") return "process";
    await this.lookBack();
    const known = this.#known();
    if (known !== undefined) return known;
    // Two runs that start together are one question.
    this.#choosing ??= this.#tryThreads().finally(() => (this.#choosing = undefined));
    return this.#choosing;
  }

  #known(): Isolation | undefined {
    const verdict = this.#options.read();
    return verdict?.versions === this.#options.versions ? verdict.isolation : undefined;
  }

  async #lookBack(): Promise<void> {
    if (!(await this.#options.foundCrash())) return;
    await this.#settle("process", "The editor may have crashed in a run the last time");
  }

  async #tryThreads(): Promise<Isolation> {
    const problem = await this.#options.selfTest();
    return problem === undefined ? this.#settle("thread") : this.#settle("process", `The runtime does not work in a thread here (${problem})`);
  }

  async #settle(isolation: Isolation, reason?: string): Promise<Isolation> {
    const { versions, keep, tell } = this.#options;
    await keep({ versions, isolation });
    if (reason !== undefined) tell(`${reason}. Runs compute in a process of their own from now on, which a crash cannot leave.`);
    return isolation;
  }
}
