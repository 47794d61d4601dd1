// What is wrong with some data or could be better, and what to do about it. The facts come from data-report.ts.

import type { BadSamples } from "../data/bad-samples.js";
import type { EngineError } from "../errors.js";
import type { ClassCount, DataFacts } from "./data-report.js";
import type { ResolvedRecipe } from "./recipe.js";

export interface DataProblem {
  /** error: `frostline train` refuses to start; warning: results would mislead; hint: training could go better. */
  readonly severity: "error" | "warning" | "hint";
  readonly code: string;
  readonly message: string;
  /** What to do. */
  readonly fix?: string;
  /** Where, the first few. */
  readonly places?: readonly string[];
}

export interface AdviceContext {
  readonly recipe: ResolvedRecipe;
  readonly bad: BadSamples;
  /** What `train` would refuse the recipe for. */
  readonly refusals: readonly EngineError[];
  /** The model's input takes numbers that need not be whole. */
  readonly floating: boolean;
}

/** Classes of which one has this many times the rows of another are told of. */
const imbalance = 5;
/** A class with fewer training rows than this is told of. */
const fewestRows = 5;
/** Values beyond this are far from what networks are trained with. */
const largestValue = 10;
/** Channels of which one varies this many times as much as another are told of. */
const unevenness = 100;
/** Names that a message lists. */
const listed = 5;

/** In the order of their severity. */
export function adviceOn(facts: DataFacts, context: AdviceContext): readonly DataProblem[] {
  const found = [
    ...badSamples(context),
    ...context.refusals.map(({ code, message, hint }): DataProblem => ({
      severity: "error",
      code,
      message,
      ...(hint === undefined ? {} : { fix: hint }),
    })),
    ...duplicates(facts),
    ...(facts.classes === undefined ? [] : classProblems(facts.classes, context)),
    ...(context.floating ? rangeProblems(facts) : []),
    ...heldOut(facts),
  ];
  const rank = { error: 0, warning: 1, hint: 2 } as const;
  return found.sort((a, b) => rank[a.severity] - rank[b.severity]);
}

function badSamples({ bad, recipe }: AdviceContext): readonly DataProblem[] {
  if (bad.count === 0) return [];
  const skipped = recipe.data.onBadSample === "skip";
  return [
    {
      severity: skipped ? "warning" : "error",
      code: "data/rows",
      message: `${bad.count} ${bad.count === 1 ? "sample" : "samples"} cannot be used${skipped ? " and will be left out" : ""}`,
      fix: skipped ? "Mend them to train on them too." : 'Mend or remove them, or train without them: "data": { "onBadSample": "skip" }.',
      places: bad.examples,
    },
  ];
}

function duplicates({ duplicates: { samples, leaked, conflicting, groups } }: DataFacts): readonly DataProblem[] {
  const show = (wanted: (typeof groups)[number][]): readonly string[] =>
    wanted.slice(0, listed).map(({ rows }) => rows.map(({ place, part, label }) => `${place} (${part}, ${label})`).join(" = "));
  const problems: DataProblem[] = [];
  if (leaked > 0)
    problems.push({
      severity: "warning",
      code: "data/leakage",
      message: `${leaked} held-out ${leaked === 1 ? "sample is" : "samples are"} in the training rows too, or in both held-out parts: metrics look better than they are`,
      fix: 'Remove the copies, or keep copies in one part with a column: "split": { "column": "…" }.',
      places: show(groups.filter((group) => group.leaked > 0)),
    });
  if (conflicting > 0)
    problems.push({
      severity: "warning",
      code: "data/conflict",
      message: `${conflicting} ${conflicting === 1 ? "group" : "groups"} of equal samples have different labels: no model can tell them right`,
      fix: "Settle which label is right, or remove these samples.",
      places: show(groups.filter((group) => group.conflicting)),
    });
  if (samples > 0 && leaked === 0)
    problems.push({
      severity: "hint",
      code: "data/duplicates",
      message: `${samples} ${samples === 1 ? "sample equals" : "samples equal"} an earlier one of the same part, and count twice`,
      fix: "Remove the copies unless they are meant.",
      places: show([...groups]),
    });
  return problems;
}

function classProblems(classes: readonly ClassCount[], { recipe }: AdviceContext): readonly DataProblem[] {
  const names = (list: readonly ClassCount[]): string =>
    `${list.slice(0, listed).map(({ name }) => `"${name}"`).join(", ")}${list.length > listed ? ` and ${list.length - listed} more` : ""}`; // prettier-ignore
  const problems: DataProblem[] = [];
  const untaught = classes.filter(({ train, validation, test }) => train === 0 && validation + test > 0);
  const absent = classes.filter(({ train, validation, test }) => train + validation + test === 0);
  const taught = classes.filter(({ train }) => train > 0).sort((a, b) => a.train - b.train);
  if (untaught.length > 0)
    problems.push({
      severity: "warning",
      code: "data/untaught-class",
      message: `no training row has the class ${names(untaught)}, but held-out rows have: the model cannot learn it`,
      fix: "Hold out fewer rows, or add training rows of it.",
    });
  if (absent.length > 0)
    problems.push({
      severity: "hint",
      code: "data/empty-class",
      message: `no row has the class ${names(absent)}, though larger class indices occur`,
      fix: "Check that class indices start at 0 and leave none out.",
    });
  const few = taught.filter(({ train }) => train < fewestRows);
  if (few.length > 0 && taught.length > few.length)
    problems.push({
      severity: "warning",
      code: "data/small-class",
      message: `the class ${names(few)} has fewer than ${fewestRows} training rows`,
      fix: "Add samples of it, or leave it out.",
    });
  const [smallest, largest] = [taught.at(0), taught.at(-1)];
  const evened = recipe.sampling === "balanced" || recipe.loss.classWeights !== undefined;
  if (smallest !== undefined && largest !== undefined && largest.train >= imbalance * smallest.train && !evened)
    problems.push({
      severity: "hint",
      code: "data/imbalance",
      message: `class "${largest.name}" has ${largest.train} training rows, "${smallest.name}" only ${smallest.train}`,
      fix: 'Even them out: "sampling": "balanced", or "loss": { "classWeights": "balanced" }.',
    });
  if (taught.length === 1)
    problems.push({
      severity: "warning",
      code: "data/one-class",
      message: `all training rows have the class "${taught[0].name}"`,
      fix: "Check data.label.",
    });
  return problems;
}

function rangeProblems({ ranges }: DataFacts): readonly DataProblem[] {
  const minimum = Math.min(...ranges.map((r) => r.minimum));
  const maximum = Math.max(...ranges.map((r) => r.maximum));
  if (minimum === maximum) return [{ severity: "warning", code: "data/constant", message: `every value of every training sample is ${minimum}`, fix: "Check data.features and data.transform." }]; // prettier-ignore
  const problems: DataProblem[] = [];
  const varying = ranges.filter((r) => r.deviation > 0).map((r) => r.deviation);
  const uneven = ranges.length > 1 && Math.max(...varying) > unevenness * Math.min(...varying);
  if (uneven)
    problems.push({
      severity: "hint",
      code: "data/uneven",
      message: `some channels vary ${Math.round(Math.max(...varying) / Math.min(...varying))} times as much as others`,
      fix: 'Bring them to one scale: { "normalize": { "mean": […], "std": […] } } in data.transform, with the means and deviations that `frostline data --json` gives.',
    });
  else if (Math.max(-minimum, maximum) > largestValue)
    problems.push({
      severity: "hint",
      code: "data/range",
      message: `values go from ${round(minimum)} to ${round(maximum)} after the transforms, far from 0 to 1`,
      fix: `Scale them: { "scale": { "from": [${round(minimum)}, ${round(maximum)}], "to": [0, 1] } } in data.transform, or as the model was trained.`,
    });
  const still = ranges.filter((r) => r.deviation === 0).length;
  if (still > 0)
    problems.push({
      severity: "hint",
      code: "data/still-channels",
      message: `${still} of ${ranges.length} channels have the same value in every training sample`,
      fix: "They tell the model nothing; leave them out of data.features if they are columns.",
    });
  return problems;
}

function heldOut({ samples }: DataFacts): readonly DataProblem[] {
  if (samples.validation > 0) return [];
  return [
    {
      severity: "hint",
      code: "data/no-validation",
      message: "no rows are held out for validation, so the last epoch counts as the best",
      fix: 'Hold some out: "split": { "validation": 0.1 }.',
    },
  ];
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
