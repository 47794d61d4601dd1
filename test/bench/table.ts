// The bench's results as text for a terminal.

import { timeOf, type RowResult, type SideResult } from "./measure.js";
import type { Peer } from "./peers.js";
import type { Cost, Profile } from "./profile.js";
import { pairedRatio } from "./statistics.js";

export function printTable(results: readonly RowResult[], peers: readonly Peer[]): void {
  for (const { row, sides } of results) {
    console.log(`\n${row.title}`);
    const [ours] = sides;
    for (const side of sides) console.log(`  ${side.peer.title.padEnd(12)} ${cellOf(side, ours)}`);
  }
  void peers;
}

function cellOf(side: SideResult, ours: SideResult): string {
  if (side.status === "impossible") return `– ${side.reason}`;
  const time = `${timeOf(side).toFixed(2)} ms`.padStart(12);
  const memory = side.peakMemory === undefined ? "" : `${(side.peakMemory / 2 ** 20).toFixed(0)} MiB`.padStart(10);
  const ratio = side === ours || ours.status === "impossible" ? "" : `  ours ÷ this: ${pairedRatio(ours.milliseconds, side.milliseconds).toFixed(2)}`;
  const losses = side.status === "differs" ? `  losses differ by ${side.difference.toExponential(1)}` : "";
  return `${time}${memory}${ratio}${losses}`;
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
