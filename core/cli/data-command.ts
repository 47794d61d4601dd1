// `frostline data`: what a recipe's data is like and what is wrong with it, as a report or as JSON.

import { relative } from "node:path";
import type { DataReport, TargetRange } from "../train/data-report.js";
import { columns, count, plural } from "../text/tables.js";
import type { Colors } from "../text/colors.js";
import type { Terminal } from "./terminal.js";
import { withWorker } from "./worker.js";

export interface DataOptions {
  readonly preview?: string;
}

/** Classes and channels that are listed; the rest is counted. */
const [mostClasses, mostChannels] = [30, 8];

/** Exit status where `train` would refuse to start. */
const refusedStatus = 1;

export async function dataCommand(recipe: string, { preview }: DataOptions, terminal: Terminal): Promise<number> {
  const report = await withWorker("inspect", (worker) => worker.data({ recipe, ...(preview === undefined ? {} : { preview }) }));
  terminal.record(report);
  for (const line of describe(report, terminal.colors)) terminal.line(line);
  return report.problems.some(({ severity }) => severity === "error") ? refusedStatus : 0;
}

function describe(report: DataReport, colors: Colors): readonly string[] {
  const { samples, shape, classes, targets, ranges, duplicates, preview, picture } = report;
  return [
    colors.bold(here(report.recipe)),
    "",
    `  samples  ${count(samples.all)}: ${count(samples.train)} to train on, ${count(samples.validation)} for validation, ${count(samples.test)} for the test`,
    ...(samples.bad === 0 ? [] : [`  bad      ${colors.red(`${plural(samples.bad, "sample")} that cannot be used`)}`]),
    `  shape    ${show(shape.read)}${show(shape.read) === show(shape.transformed) ? "" : `, ${show(shape.transformed)} after the transforms`}`,
    `  copies   ${duplicates.samples === 0 ? "none" : `${plural(duplicates.samples, "sample")} ${duplicates.samples === 1 ? "equals" : "equal"} an earlier one`}`,
    "",
    ...(classes === undefined ? [] : classTable(classes, colors)),
    ...(targets === undefined ? [] : rangeTable("Labels", targets, colors)),
    ...rangeTable("Values of the training samples, after the transforms", ranges, colors),
    colors.bold("Some samples: label, and values here and there"),
    ...columns(preview.map(({ place, label, values }) => [here(place), label, values.map(short).join(" ")])),
    "",
    ...(picture === undefined ? [] : [`A picture of samples: ${here(picture)}`, ""]),
    ...problemLines(report, colors),
  ];
}

/** Paths below the working directory as a person writes them there. */
function here(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") ? path : short;
}

function show(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function classTable(classes: NonNullable<DataReport["classes"]>, colors: Colors): readonly string[] {
  const total = classes.reduce((sum, { train }) => sum + train, 0);
  const header = ["class", "train", "share", "validation", "test"].map(colors.dim);
  const rows = classes
    .slice(0, mostClasses)
    .map(({ name, train, validation, test }) => [name, count(train), share(train, total), count(validation), count(test)]);
  const more = classes.length > mostClasses ? [`  and ${count(classes.length - mostClasses)} more (all of them with --json)`] : [];
  return [
    colors.bold(plural(classes.length, "class", "classes")),
    ...columns([header, ...rows], ["left", "right", "right", "right", "right"]),
    ...more,
    "",
  ];
}

function share(part: number, total: number): string {
  return total === 0 ? "–" : `${((100 * part) / total).toFixed(1)} %`;
}

function rangeTable(
  title: string,
  ranges: readonly (DataReport["ranges"][number] & Partial<Pick<TargetRange, "column">>)[],
  colors: Colors,
): readonly string[] {
  const shown = ranges.length > mostChannels ? [] : ranges;
  const header = [ranges[0]?.column === undefined ? "channel" : "column", "least", "greatest", "mean", "deviation"].map(colors.dim);
  const rows = shown.map(({ column, minimum, maximum, mean, deviation }, i) => [
    column ?? String(i),
    ...[minimum, maximum, mean, deviation].map(short),
  ]);
  const all = [
    `all ${ranges.length}`,
    short(Math.min(...ranges.map((r) => r.minimum))),
    short(Math.max(...ranges.map((r) => r.maximum))),
    short(ranges.reduce((sum, r) => sum + r.mean, 0) / ranges.length),
    "",
  ];
  return [colors.bold(title), ...columns([header, ...(shown.length === 0 ? [all] : rows)], ["left", "right", "right", "right", "right"]), ""];
}

function problemLines({ problems }: DataReport, colors: Colors): readonly string[] {
  if (problems.length === 0) return [colors.green("No problems found.")];
  const paint = { error: colors.red, warning: colors.yellow, hint: colors.cyan };
  return [
    colors.bold(plural(problems.length, "finding")),
    ...problems.flatMap(({ severity, message, fix, places = [] }) => [
      `  ${paint[severity](severity)}: ${message.replaceAll("\n", "\n  ")}`,
      ...places.map((place) => `    ${place}`),
      ...(fix === undefined ? [] : [`    ${colors.dim(fix)}`]),
    ]),
  ];
}
