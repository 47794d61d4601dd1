// Freeze plans: an ordered list of globs that says which parameters an optimizer may move. Here lie their matching and their errors;
// which of the parameters a gradient then reaches is the freeze analysis' business (`core/autodiff/freeze.ts`).

import type { MarkedParameter } from "../autodiff/freeze.js";
import type { Parameter } from "../autodiff/parameters.js";
import * as errors from "../errors.js";
import { compileGlob, longestGlob } from "../graph/glob.js";
import { nearest } from "../graph/nearest.js";
import { isQuantised } from "../graph/tensor.js";
import type { Graph } from "../graph/types.js";

/** What a rule can see of a parameter. */
export type Named = Pick<Parameter, "name" | "path">;

/** One rule of a plan, read. */
export interface PlanRule {
  /** As it was written. */
  readonly text: string;
  /** Written with a leading `!`: in a plan, what it matches trains. */
  readonly negated: boolean;
  /** Whether it matches a parameter's stored name or its derived path. */
  readonly matches: (parameter: Named) => boolean;
}

export interface Decision {
  readonly frozen: boolean;
  /** Index of the rule that decided: the last one that matches. Absent where none does. */
  readonly rule?: number;
}

export interface PlanResult {
  /** The decision for any parameter of the model, by its name and path alone. */
  readonly decide: (parameter: Named) => Decision;
  /** For `analyseFreeze`. */
  readonly isFrozen: (parameter: Named) => boolean;
  /** For each rule, how many parameters (buffers do not count) it decides. */
  readonly perRule: readonly number[];
  /** Whether a `!` rule asks for this parameter to train. */
  readonly asked: (parameter: Named) => boolean;
}

export interface PlanOptions {
  /** What the names of a new head start with, where there is one: `head`, or `head2` where the model had `head` itself. */
  readonly headPrefix?: string;
}

/** The plan of a recipe that names none: all but the new head, or nothing where there is no head. */
export function defaultPlan(headPrefix?: string): readonly string[] {
  return headPrefix === undefined ? [] : ["*", `!${headPrefix}.*`];
}

const freezeRule: errors.RuleKind = { name: "freeze rule", negation: "makes trainable" };

/**
 * Reads one rule. `*` matches any characters, `.` and `/` included, `?` one of them, `[…]` one of a set, `{a,b}` and `{3..5}`
 * alternatives; a backslash takes the next character as it is (`\!`, `\*`). Everything else stands for itself.
 * @throws recipe/freeze-rule
 */
export function parseRule(text: string, kind = freezeRule): PlanRule {
  const negated = text.startsWith("!");
  const glob = negated ? text.slice(1) : text;
  if (glob === "") throw errors.badRule(kind, text, "it is empty");
  if (glob.length > longestGlob) throw errors.badRule(kind, text, `it has more than ${longestGlob} characters`);
  if (hasOpenSet(glob)) throw errors.badRule(kind, text, "a [ in it is never closed; write \\[ for the character itself");
  const match = compileGlob(glob);
  return { text, negated, matches: ({ name, path }) => match(name) || match(path) };
}

function hasOpenSet(glob: string): boolean {
  return glob.replace(/\\.|\[[!^]?[^\]]+\]/gs, "").includes("[");
}

/**
 * Applies a plan: the last rule that matches a parameter decides it, and one that no rule matches trains. Buffers follow their layer,
 * so a rule that only matches buffers is no mistake, but decides nothing.
 * @throws recipe/freeze-rule for a rule that cannot be read; recipe/no-match for one that matches nothing; recipe/head-prefix; recipe/head-parameters
 */
export function applyPlan(
  rules: readonly string[],
  parameters: readonly (Named & Pick<Parameter, "kind">)[],
  { headPrefix }: PlanOptions = {},
): PlanResult {
  const plan = rules.map((rule) => parseRule(rule));
  for (const rule of plan) {
    if (headPrefix !== undefined && meansOtherHead(rule, headPrefix)) throw errors.headRenamed(rule.text, headPrefix);
    if (!parameters.some(rule.matches) && headPrefix !== undefined && rule.text === `!${headPrefix}.*`) throw errors.headWithoutParameters();
    requireMatch(rule, parameters, freezeRule);
  }
  const decide = (parameter: Named): Decision => {
    const rule = plan.findLastIndex((r) => r.matches(parameter));
    return rule < 0 ? { frozen: false } : { frozen: !plan[rule].negated, rule };
  };
  const perRule = rules.map(() => 0);
  for (const parameter of parameters) {
    const { rule } = decide(parameter);
    if (rule !== undefined && parameter.kind === "parameter") perRule[rule] += 1;
  }
  return {
    decide,
    isFrozen: (parameter) => decide(parameter).frozen,
    perRule,
    asked: (parameter) => {
      const { rule } = decide(parameter);
      return rule !== undefined && plan[rule].negated;
    },
  };
}

/**
 * Whether globs like those of a plan pick a parameter: the last that matches decides, `!` leaves out, and what none matches is left out too.
 * `name` says in messages where the globs stand.
 * @throws recipe/freeze-rule for one that cannot be read; recipe/no-match for one that matches nothing
 */
export function selectBy(globs: readonly string[], parameters: readonly Named[], name: string): (parameter: Named) => boolean {
  const kind: errors.RuleKind = { name, negation: "takes out what it matches" };
  const rules = globs.map((glob) => parseRule(glob, kind));
  for (const rule of rules) requireMatch(rule, parameters, kind);
  return (parameter) => rules.findLast((rule) => rule.matches(parameter))?.negated === false;
}

function requireMatch(rule: PlanRule, parameters: readonly Named[], kind: errors.RuleKind): void {
  if (!parameters.some(rule.matches)) throw errors.ruleMatchesNothing(kind, rule.text, nearestRules(rule, parameters));
}

/** A rule written for a head called `head`, in a model that has `head` itself, so that the new one is called otherwise. */
function meansOtherHead(rule: PlanRule, headPrefix: string): boolean {
  const parts = (prefix: string): readonly Named[] =>
    ["weight", "bias"].map((slot) => ({ name: `${prefix}.0.${slot}`, path: `${prefix}.0/${slot}` }));
  return headPrefix !== "head" && parts("head").some(rule.matches) && !parts(headPrefix).some(rule.matches);
}

/** Rules of the same kind that would match something: whole names, or scopes where the rule ends with a star. */
function nearestRules({ text, negated }: PlanRule, parameters: readonly Named[]): readonly string[] {
  const glob = negated ? text.slice(1) : text;
  const names = parameters.flatMap(({ name, path }) => [name, path]);
  const found = glob.endsWith("*")
    ? nearest(glob.replace(/[./]?\*+$/, ""), scopesOf(names).keys()).map((scope) => `${scope}${scopesOf(names).get(scope) ?? ""}*`)
    : nearest(glob, names);
  return found.map((name) => `${negated ? "!" : ""}${name}`);
}

/** Every leading part of the names that ends before a `.` or `/`, with that separator. */
function scopesOf(names: readonly string[]): ReadonlyMap<string, string> {
  const scopes = new Map<string, string>();
  for (const name of names)
    for (const { index, 0: mark } of name.matchAll(/[./]/g))
      if (index > 0 && !scopes.has(name.slice(0, index))) scopes.set(name.slice(0, index), mark);
  return scopes;
}

/**
 * Refuses a plan under which a run would have nothing to do, or would train what no optimizer can move.
 * @throws recipe/quantised naming the tensor; recipe/nothing-trainable
 */
export function assertTrainable(marked: readonly MarkedParameter[]): void {
  const quantised = marked.find((p) => p.kind === "parameter" && isQuantised(p.dtype) && p.mark === "blocked" && p.reason === "op");
  if (quantised !== undefined) throw errors.trainableQuantised(quantised.name, quantised.dtype);
  if (marked.some((p) => p.mark === "trainable")) return;
  const count = (mark: MarkedParameter["mark"]): number => marked.filter((p) => p.mark === mark).length;
  throw errors.nothingTrainable(count("frozen"), count("blocked"));
}

/** The parameters that a `!` rule asks to train although every path to the loss is cut: worth a warning each. */
export function blockedRequests(marked: readonly MarkedParameter[], plan: PlanResult): readonly MarkedParameter[] {
  return marked.filter((p) => p.mark === "blocked" && plan.asked(p));
}

/** Names of all values of the outermost graph: inputs, initializers, node outputs. */
function valueNames(graph: Graph): readonly string[] {
  return [
    ...graph.inputs.map((i) => i.name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap((node) => node.outputs.filter((name) => name !== "")),
  ];
}

/**
 * Checks that a value which a recipe names exists; `role` says where the recipe names it (`stopGradient`, `head.after`).
 * @throws recipe/unknown-value with the nearest names
 */
export function requireValue(graph: Graph, name: string, role: string): void {
  const names = valueNames(graph);
  if (!names.includes(name)) throw errors.unknownValue(name, role, nearest(name, names));
}
