// Findings about a recipe, gathered with their places in its text and with edits that mend them.

import * as errors from "../errors.js";
import type { KeyPath, Problem, RecipeText, TextRange } from "./recipe-problems.js";

/** An edit that mends a finding. */
export interface RecipeFix {
  readonly title: string;
  readonly range: TextRange;
  /** What comes in its place. */
  readonly text: string;
}

export interface RecipeFinding {
  readonly range: TextRange;
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly fixes: readonly RecipeFix[];
}

export class Findings {
  readonly #source: RecipeText;
  readonly #found: RecipeFinding[] = [];

  constructor(source: RecipeText) {
    this.#source = source;
  }

  /** In the order of the text, each once. */
  get list(): readonly RecipeFinding[] {
    const unique = new Map(this.#found.map((finding) => [`${finding.range.offset}\n${finding.message}`, finding]));
    return [...unique.values()].sort((a, b) => a.range.offset - b.range.offset);
  }

  add(problem: Problem): void {
    const { message, hint } = problem;
    this.#push(this.#source.rangeOf(problem), "error", "recipe/invalid", message, hint);
  }

  warn(path: KeyPath, code: string, message: string): void {
    this.#push(this.#source.rangeOf({ path }), "warning", code, message);
  }

  /** `near` are values that may have been meant; by default those that the error names. */
  addError(path: KeyPath, error: errors.EngineError, near?: readonly string[]): void {
    const range = this.#source.rangeOf({ path });
    const meant = near ?? (Array.isArray(error.data.near) ? error.data.near.filter((name) => typeof name === "string") : []);
    const fixes = this.#source.isText(path)
      ? meant.map((name): RecipeFix => ({ title: `Change to "${name}"`, range, text: JSON.stringify(name) }))
      : [];
    this.#push(range, "error", error.code, error.message, error.hint, fixes);
  }

  /** Does something whose engine errors belong to one place; answers undefined after one. */
  async attempt<T>(path: KeyPath, work: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#take(path, error);
      return undefined;
    }
  }

  /** The same for what answers at once. */
  attemptNow<T>(path: KeyPath, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#take(path, error);
      return undefined;
    }
  }

  #take(path: KeyPath, error: unknown): void {
    if (!(error instanceof errors.EngineError)) throw error;
    this.addError(path, error);
  }

  #push(range: TextRange, severity: RecipeFinding["severity"], code: string, message: string, hint?: string, fixes: readonly RecipeFix[] = []): void {
    this.#found.push({ range, severity, code, message, ...(hint === undefined ? {} : { hint }), fixes });
  }
}
