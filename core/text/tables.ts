// Tables and numbers as text for people: columns, freeze tables, confusion matrices, metrics. Nothing is printed here.

import type { ConfusionMatrix, MarkTotals, PlanRow } from "../train/events.js";
import type { SetMetrics } from "../train/state.js";
import type { Colors } from "./colors.js";

export type Align = "left" | "right";

/** Rows of equal length as lines with aligned columns, indented by two. Colour codes do not count as width. */
export function columns(rows: readonly (readonly string[])[], align: readonly Align[] = []): readonly string[] {
  const widths = (rows[0] ?? []).map((_, c) => Math.max(...rows.map((row) => visibleWidth(row[c]))));
  return rows.map((row) => `  ${row.map((cell, c) => padded(cell, widths[c], align[c] ?? "left")).join("  ")}`.trimEnd());
}

function padded(cell: string, width: number, align: Align): string {
  const space = " ".repeat(width - visibleWidth(cell));
  return align === "left" ? cell + space : space + cell;
}

// eslint-disable-next-line no-control-regex -- colour codes start with the escape character
const colorCode = /\u001b\[\d+m/g;

function visibleWidth(text: string): number {
  return text.replace(colorCode, "").length;
}

const grouped = new Intl.NumberFormat("en-US");

/** `1,234,567` */
export function count(n: number): string {
  return grouped.format(n);
}

/** `1 tensor`, `2 tensors` */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** `96.50 %` */
export function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

/** Four decimals, or powers of ten for what is very large. */
export function decimal(value: number): string {
  return Math.abs(value) < 1e6 ? value.toFixed(4) : value.toExponential(3);
}

/** `4.2 s`, `1 min 05 s`, `2 h 03 min` */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const [large, small, units] = whole < 3600 ? [whole / 60, whole % 60, ["min", "s"]] : [whole / 3600, (whole % 3600) / 60, ["h", "min"]];
  return `${Math.floor(large)} ${units[0]} ${String(Math.floor(small)).padStart(2, "0")} ${units[1]}`;
}

/** `loss 0.1234  accuracy 96.50 %` */
export function metrics({ loss, ...others }: SetMetrics): string {
  return [`loss ${decimal(loss)}`, ...metricColumns.flatMap(({ key, name, write }) => told(name, others[key], write))].join("  ");
}

function told(name: string, value: number | undefined, write: (value: number) => string): readonly string[] {
  return value === undefined ? [] : [`${name} ${write(value)}`];
}

/** What is shown of a set of samples besides the loss, in this order; `heading` stands over a column. */
export const metricColumns: readonly {
  readonly key: Exclude<keyof SetMetrics, "loss">;
  readonly name: string;
  readonly heading: string;
  readonly write: (value: number) => string;
}[] = [
  { key: "accuracy", name: "accuracy", heading: "accuracy", write: percent },
  { key: "topKAccuracy", name: "top-k accuracy", heading: "top-k", write: percent },
  { key: "precision", name: "precision", heading: "precision", write: percent },
  { key: "recall", name: "recall", heading: "recall", write: percent },
  { key: "f1", name: "F1", heading: "F1", write: percent },
  { key: "auc", name: "AUC", heading: "AUC", write: decimal },
  { key: "meanAbsoluteError", name: "mean absolute error", heading: "mean abs. error", write: decimal },
  { key: "rSquared", name: "R²", heading: "R²", write: decimal },
];

/** Rows of a freeze table that fit on a screen. */
const mostRows = 24;

/** A line for each layer and mark; neighbours with the same mark and a common scope are drawn together where there are many. */
export function freezeTable(rows: readonly PlanRow[], colors: Colors): readonly string[] {
  let shown = rows.map((row): ShownRow => ({ ...row, layers: 1, first: row.layer, last: row.layer }));
  for (const depth of [6, 5, 4, 3, 2, 1, 0]) if (shown.length > mostRows) shown = collapse(shown, depth);
  const paint: Record<PlanRow["mark"], (text: string) => string> = {
    trainable: colors.green,
    frozen: colors.cyan,
    blocked: colors.yellow,
    buffer: colors.dim,
  };
  const body = shown.map(({ layer, mark, reason, tensors, elements, layers }) => [
    layers === 1 ? layer : `${layer} (${layers} layers)`,
    paint[mark](reason === undefined ? mark : `${mark} (${reason})`),
    count(tensors),
    count(elements),
  ]);
  return columns([["layer", "mark", "tensors", "elements"].map(colors.dim), ...body], ["left", "left", "right", "right"]);
}

interface ShownRow extends PlanRow {
  readonly layers: number;
  readonly first: string;
  readonly last: string;
}

/** Joins rows of one mark whose layers share their first `depth` segments, and at depth 0 all neighbours of one mark. */
function collapse(rows: readonly ShownRow[], depth: number): ShownRow[] {
  const joined = new Map<string, ShownRow>();
  let stretch = 0;
  let before: ShownRow | undefined;
  for (const row of rows) {
    if (before !== undefined && (before.mark !== row.mark || before.reason !== row.reason)) stretch += 1;
    before = row;
    const scope = row.first.split(".").slice(0, depth).join(".");
    const key = [row.mark, row.reason, depth === 0 ? stretch : scope].join("\n");
    const known = joined.get(key);
    const span = (first: string): string => (depth === 0 ? `${first} … ${row.last}` : `${scope}.*`);
    joined.set(
      key,
      known === undefined
        ? row
        : {
            ...known,
            layer: span(known.first),
            last: row.last,
            layers: known.layers + row.layers,
            tensors: known.tensors + row.tensors,
            elements: known.elements + row.elements,
          },
    );
  }
  return [...joined.values()];
}

/** `3,370 of 1,150,000 parameters train (0.3 %), …` */
export function totalsLine({ parameters, trainable, frozen, blocked, buffers }: MarkTotals): string {
  const share = parameters === 0 ? 0 : (trainable / parameters) * 100;
  const shown = share > 0 && share < 0.05 ? "< 0.1" : share.toFixed(1);
  const parts = [`${count(trainable)} trainable (${shown} %)`, `${count(frozen)} frozen`, `${count(blocked)} blocked`];
  return `${count(parameters)} parameters: ${parts.join(", ")}; ${count(buffers)} in buffers`;
}

/** Largest matrix that is drawn whole. */
const mostClasses = 20;

/** Rows are the actual classes, columns the predicted ones; the diagonal is what was right. For many classes the worst confusions only. */
export function confusionTable({ labels, counts }: ConfusionMatrix, colors: Colors): readonly string[] {
  if (labels.length > mostClasses) return worstConfusions(labels, counts);
  const header = ["", ...labels].map(colors.dim);
  const body = counts.map((row, actual) => [
    colors.dim(labels[actual]),
    ...row.map((n, predicted) => (n === 0 ? colors.dim("·") : actual === predicted ? colors.green(count(n)) : colors.red(count(n)))),
  ]);
  return columns([header, ...body], ["right", ...labels.map((): Align => "right")]);
}

function worstConfusions(labels: readonly string[], counts: ConfusionMatrix["counts"]): readonly string[] {
  const wrong = counts.flatMap((row, a) =>
    row.flatMap((n, p) => (n > 0 && a !== p ? [{ n, text: [labels[a], "taken for", labels[p], count(n)] }] : [])),
  );
  const worst = wrong.sort((a, b) => b.n - a.n).slice(0, 10);
  return columns(worst.map(({ text }) => text), ["left", "left", "left", "right"]); // prettier-ignore
}
