// The bench's results as text for a terminal.

import { stepTime, type RowResult, type SideResult } from "./measure.js";
import type { Peer } from "./peers.js";
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
  const time = `${stepTime(side).toFixed(2)} ms`.padStart(12);
  const memory = side.peakMemory === undefined ? "" : `${(side.peakMemory / 2 ** 20).toFixed(0)} MiB`.padStart(10);
  const ratio = side === ours || ours.status === "impossible" ? "" : `  ours ÷ this: ${pairedRatio(ours.milliseconds, side.milliseconds).toFixed(2)}`;
  const losses = side.status === "differs" ? `  losses differ by ${side.difference.toExponential(1)}` : "";
  return `${time}${memory}${ratio}${losses}`;
}
