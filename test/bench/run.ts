// `npm run bench`: trains the same tasks with the engine and with its peers, in turns, and prints times, ratios and peak memory in one
// table. `-- --rows mlp,cnn` picks rows, `--peers torch` peers, `--rounds 15` says how often the sides take turns.

import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { measureRow, type RowResult } from "./measure.js";
import { peers, ours } from "./peers.js";
import { rows } from "./rows.js";
import { printTable } from "./table.js";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: rows.map((row) => row.name).join(",") },
    peers: { type: "string", default: peers.map((peer) => peer.name).join(",") },
    rounds: { type: "string", default: "11" },
  },
});

/** @throws where a name is none of `known` */
function pick<T extends { readonly name: string }>(wanted: string, known: readonly T[], what: string): readonly T[] {
  return wanted.split(",").map((name) => {
    const found = known.find((item) => item.name === name);
    if (found === undefined) throw new Error(`no such ${what}: ${name}; there are ${known.map((item) => item.name).join(", ")}`);
    return found;
  });
}

async function main(): Promise<readonly RowResult[]> {
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds takes a whole number from 1 on, got ${values.rounds}`);
  const [wantedRows, wantedPeers] = [pick(values.rows, rows, "row"), pick(values.peers, peers, "peer")];
  const threads = availableParallelism();
  const folder = await mkdtemp(join(tmpdir(), "frostline-bench-"));
  try {
    const results: RowResult[] = [];
    for (const row of wantedRows) {
      process.stderr.write(`${row.title} …\n`);
      results.push(await measureRow(row, [ours, ...wantedPeers], { folder, threads, rounds }));
    }
    console.log(`\n${cpus()[0]?.model.trim() ?? "unknown processor"}, ${threads} threads, Node ${process.versions.node}`);
    printTable(results, wantedPeers);
    return results;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

main().then(
  (results) => (process.exitCode = results.every(({ sides }) => sides.every((side) => side.status !== "differs")) ? 0 : 1),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 2;
  },
);
