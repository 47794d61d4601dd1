// The bench's results as text for a terminal.

import { cpus } from "node:os";
import type { Growth } from "./growth.js";
import { timeOf, type RowResult, type SideResult } from "./measure.js";
import type { Cost, Profile } from "./profile.js";
import type { Row } from "./rows.js";
import { pairedRatio } from "./statistics.js";

/** A block of lines for each row. */
export function plainTable(results: readonly RowResult[]): string {
  return results
    .map(({ row, sides }) => ["", row.title, ...sides.map((side) => `  ${side.peer.title.padEnd(14)} ${plainCell(side, sides[0], row)}`)].join("\n"))
    .join("\n");
}

function plainCell(side: SideResult, ours: SideResult, row: Row): string {
  if (side.status === "impossible") return `– ${side.reason}`;
  const cells = [duration(timeOf(side)).padStart(10), memory(side).padStart(9)];
  if (side !== ours && ours.status !== "impossible") cells.push(`  ours ÷ this: ${ratioText(ours, side, row)}, memory ${memoryRatio(ours, side)}`);
  if (side.status === "differs") cells.push(`  FAILED: the losses differ by ${side.difference.toExponential(1)}`);
  return cells.join(" ");
}

/** One line for each row: our time and memory, and for each peer its own and the ratio. */
export function markdownTable(results: readonly RowResult[]): string {
  const [first] = results;
  const peers = first.sides.slice(1).map((side) => side.peer.title);
  const lines = results.map(({ row, sides: [ours, ...others] }) => {
    const cells = others.map((side) => {
      if (side.status === "impossible") return `– (${side.reason})`;
      const ratio = ours.status === "impossible" ? "" : `**${ratioText(ours, side, row)}** `;
      return `${ratio}(${duration(timeOf(side))}, ${memory(side)})${side.status === "differs" ? " losses differ" : ""}`;
    });
    const own = ours.status === "impossible" ? `– (${ours.reason})` : `${duration(timeOf(ours))}, ${memory(ours)}`;
    return [row.title, own, ...cells];
  });
  const head = ["Work", "Frostline", ...peers.map((title) => `÷ ${title}`)];
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

type Measured = Exclude<SideResult, { readonly status: "impossible" }>;

/** Our time ÷ theirs, and for PyTorch whether that is within the target for this maker's processors. */
function ratioText(ours: Measured, side: Measured, { target }: Row): string {
  const ratio = pairedRatio(ours.milliseconds, side.milliseconds);
  if (side.peer.name !== "torch") return ratio.toFixed(2);
  const most = /intel/i.test(cpus()[0]?.model ?? "") ? target.intel : target.amd;
  return `${ratio.toFixed(2)} ${ratio <= most ? "≤" : ">"} ${most}`;
}

function memoryRatio(ours: Measured, side: Measured): string {
  return ours.peakMemory === undefined || side.peakMemory === undefined ? "unknown" : (ours.peakMemory / side.peakMemory).toFixed(2);
}

function memory({ peakMemory }: Measured): string {
  return peakMemory === undefined ? "" : `${(peakMemory / 2 ** 20).toFixed(0)} MiB`;
}

function duration(milliseconds: number): string {
  return milliseconds >= 2000 ? `${(milliseconds / 1000).toFixed(1)} s` : `${milliseconds.toFixed(milliseconds < 100 ? 2 : 0)} ms`;
}

/** Entries that a profile lists of each kind. */
const listed = 12;

export function printProfile(title: string, { step, limit, byOperator, others }: Profile): void {
  const inside = byOperator.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  console.log(
    `\n${title}\n  ${step.toFixed(2)} ms a step; its matrix products and convolutions alone: ${limit.toFixed(2)} ms, ${percent(limit / step)}`,
  );
  const line = ({ name, calls, milliseconds }: Cost): string => {
    const time = `${milliseconds.toFixed(2)} ms`.padStart(12);
    return `  ${time} ${percent(milliseconds / step).padStart(7)} ${String(calls).padStart(5)} × ${name}`;
  };
  console.log("  by operator, as the runtime's profile has them:");
  for (const cost of byOperator.slice(0, listed)) console.log(line(cost));
  console.log(`  ${`${(step - inside).toFixed(2)} ms`.padStart(12)} ${percent((step - inside) / step).padStart(7)}         outside the operators`);
  console.log("  costliest nodes beside matrix products and convolutions:");
  for (const cost of others.slice(0, listed)) console.log(line(cost));
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

const growthColumns = ["size", "step", "a unit", "nodes", "building", "the runtime's part"];
const growthWidths = [8, 12, 12, 8, 12, 20];

export function printGrowthHead(series: string): void {
  console.log(`\nGrowth with ${series}`);
  printGrowthLine(growthColumns);
}

export function printGrowth({ size, step, nodes, build, compile }: Growth): void {
  const perUnit = `${((step / size) * 1000).toFixed(1)} µs`;
  printGrowthLine([String(size), `${step.toFixed(2)} ms`, perUnit, String(nodes), `${build.toFixed(0)} ms`, `${compile.toFixed(0)} ms`]);
}

function printGrowthLine(cells: readonly string[]): void {
  console.log(cells.map((cell, i) => cell.padStart(growthWidths[i])).join(""));
}
