// Changing the freeze plans of a recipe's text: rules are added at the end, where they decide, and everything else, comments included, stays
// as it is. Knows nothing of the editor.

import { applyEdits, modify, parse, type JSONPath } from "jsonc-parser";

/** A list of freeze rules in a recipe. */
export interface Plan {
  /** Where it stands, or would. */
  readonly path: JSONPath;
  /** Whose plan it is, for people. */
  readonly title: string;
  /** The rules that hold there now. */
  readonly rules: readonly string[];
  /** Whether they are written out there, or are the default. */
  readonly written: boolean;
}

interface RecipeShape {
  readonly model?: unknown;
  readonly head?: unknown;
  readonly freeze?: unknown;
  readonly phases?: readonly { readonly name?: unknown; readonly freeze?: unknown }[];
}

/** The model that a recipe names; undefined where it names none. */
export function modelOf(text: string): string | undefined {
  const { model } = shapeOf(text);
  return typeof model === "string" && model !== "" ? model : undefined;
}

/** The plans of a recipe: the one of the recipe itself, and those of phases that have their own. */
export function plansOf(text: string): readonly Plan[] {
  const { head, freeze, phases } = shapeOf(text);
  const standard = head === undefined ? [] : ["*", "!head.*"];
  const own = { path: ["freeze"], title: "The recipe", rules: rulesIn(freeze) ?? standard, written: Array.isArray(freeze) };
  const list = Array.isArray(phases) ? phases : [];
  const ofPhases = list.flatMap(({ name, freeze: rules }, i): readonly Plan[] => {
    const written = rulesIn(rules);
    const title = typeof name === "string" ? `Phase "${name}"` : `Phase ${i + 1}`;
    return written === undefined ? [] : [{ path: ["phases", i, "freeze"], title, rules: written, written: true }];
  });
  // Where every phase has a plan, the recipe's own decides nothing.
  return list.length > 0 && ofPhases.length === list.length ? ofPhases : [own, ...ofPhases];
}

/** The text with a plan that freezes, or trains, what the globs match. */
export function withRules(text: string, plan: Plan, globs: readonly string[], mark: "freeze" | "unfreeze"): string {
  const wanted = globs.map((glob) => (mark === "freeze" ? glob : `!${glob}`));
  // What said the same or the contrary of the same layers would only stand in the way of who reads it.
  const replaced = new Set(globs.flatMap((glob) => [glob, `!${glob}`]));
  const formattingOptions = { insertSpaces: true, tabSize: indentOf(text) };
  const change = (from: string, path: JSONPath, value: unknown, isArrayInsertion = false): string =>
    applyEdits(from, modify(from, path, value, { formattingOptions, isArrayInsertion }));
  if (!plan.written) return change(text, plan.path, [...plan.rules.filter((rule) => !replaced.has(rule)), ...wanted]);
  let changed = text;
  let length = plan.rules.length;
  for (let i = length - 1; i >= 0; i--) {
    if (!replaced.has(plan.rules[i])) continue;
    changed = change(changed, [...plan.path, i], undefined);
    length -= 1;
  }
  for (const rule of wanted) changed = change(changed, [...plan.path, length++], rule, true);
  return changed;
}

/** A name as a glob that matches nothing else. */
export function literalGlob(name: string): string {
  return name.replace(/[*?[\]{}!\\]/g, "\\$&");
}

function shapeOf(text: string): RecipeShape {
  const value: unknown = parse(text);
  return typeof value === "object" && value !== null ? value : {};
}

function rulesIn(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? value.filter((rule): rule is string => typeof rule === "string") : undefined;
}

function indentOf(text: string): number {
  return /^( +)"/m.exec(text)?.[1].length ?? 2;
}
