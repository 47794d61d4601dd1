// What a model is, as text for people: the report of `frostline inspect`, and what the editor shows of a model.

import type { InspectedValue, InspectReport } from "../train/inspect.js";
import type { Colors } from "./colors.js";
import { columns, count, plural, totalsLine } from "./tables.js";

/** Reasons that are listed; the rest is counted. */
const mostUntrainable = 12;

/** The report line by line, the parameters before what sums them up: whoever prints it sees its end. */
export function describeModel(report: InspectReport, colors: Colors): readonly string[] {
  return [...heading(report, colors), "", ...parameterTable(report, colors), ...summary(report, colors)];
}

/** The same, with the summary first: whoever opens it sees its start. */
export function describeModelTopDown(report: InspectReport, colors: Colors): readonly string[] {
  return [...heading(report, colors), "", ...summary(report, colors), "", ...parameterTable(report, colors)];
}

function heading({ model, inputs, outputs, batch }: InspectReport, colors: Colors): readonly string[] {
  return [
    colors.bold(model),
    "",
    ...inputs.map((v) => `  input   ${describeValue(v)}`),
    ...outputs.map((v) => `  output  ${describeValue(v)}`),
    `  batch   ${describeBatch(batch)}`,
    ...(batch.proposedCut === undefined ? [] : [`  cut     a new head could start from "${batch.proposedCut}"`]),
  ];
}

/** Ends with an empty line; nothing where there are no parameters. */
function parameterTable({ parameters }: InspectReport, colors: Colors): readonly string[] {
  if (parameters.length === 0) return [];
  const paint = { trainable: colors.green, frozen: colors.cyan, blocked: colors.yellow, buffer: colors.dim };
  const header = ["name", "path", "type", "elements", "mark"].map(colors.dim);
  const table = parameters.map(({ name, path, dtype, shape, elements, mark, reason }) => [
    name,
    path === name ? "" : path,
    `${dtype} [${shape.join(", ")}]`,
    count(elements),
    paint[mark](reason === undefined ? mark : `${mark} (${reason})`),
  ]);
  return [colors.bold("Parameters"), ...columns([header, ...table], ["left", "left", "left", "right", "left"]), ""];
}

function summary({ totals, ops, untrainable }: InspectReport, colors: Colors): readonly string[] {
  return [
    totalsLine(totals),
    "",
    `${colors.bold("Operators")}: ${Object.entries(ops).map(([op, n]) => `${op} ${count(n)}`).join(", ")}`, // prettier-ignore
    ...(untrainable.length === 0
      ? ["A gradient passes through every operator."]
      : [
          "",
          colors.bold(`No gradient passes through ${plural(untrainable.length, "node")}:`),
          ...columns(untrainable.slice(0, mostUntrainable).map(({ node, op, reason }) => [op, node, reason])),
          ...(untrainable.length > mostUntrainable ? [`  and ${count(untrainable.length - mostUntrainable)} more (all of them with --json)`] : []),
        ]),
  ];
}

function describeValue({ name, dtype, shape }: InspectedValue): string {
  return `"${name}" ${dtype}${shape === undefined ? "" : ` [${shape.map((d) => d ?? "?").join(", ")}]`}`;
}

function describeBatch({ free, blockedBy }: InspectReport["batch"]): string {
  if (free) return "any size";
  return blockedBy === undefined ? "fixed" : `fixed by ${blockedBy.op} "${blockedBy.node}": ${blockedBy.reason}`;
}
