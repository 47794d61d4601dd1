// `npm run bench`: trains the same tasks with the engine and with its peers, in turns, and prints times, ratios and peak memory in one
// table. `-- --rows mlp,cnn` picks rows, `--peers torch` peers, `--rounds 15` says how often the sides take turns; `--write` prints the
// table in Markdown. `--profile` says where our time goes, `--growth` how it grows with the work.

import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundleSide } from "./bundle.js";
import { measureGrowth } from "./growth.js";
import { measureRow, type RowResult } from "./measure.js";
import { installPeers, ours, peers } from "./peers.js";
import { profileTask } from "./profile.js";
import { rows, writeTask, type Row } from "./rows.js";
import { markdownTable, plainTable, printGrowth, printGrowthHead, printProfile } from "./table.js";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: rows.map((row) => row.name).join(",") },
    peers: { type: "string", default: peers.map((peer) => peer.name).join(",") },
    rounds: { type: "string", default: "11" },
    profile: { type: "boolean", default: false },
    growth: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
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

async function main(): Promise<boolean> {
  const wantedRows = pick(values.rows, rows, "row");
  const folder = await mkdtemp(join(tmpdir(), "frostline-bench-"));
  const threads = availableParallelism();
  try {
    console.log(`${cpus()[0]?.model.trim() ?? "unknown processor"}, ${threads} threads, Node ${process.versions.node}`);
    if (values.growth) return await growth(folder, threads);
    if (values.profile) return await profile(wantedRows, folder, threads);
    return await compare(wantedRows, folder, threads);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Answers whether all sides that ran computed the same losses. */
async function compare(wantedRows: readonly Row[], folder: string, threads: number): Promise<boolean> {
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds takes a whole number from 1 on, got ${values.rounds}`);
  const wantedPeers = pick(values.peers, peers, "peer");
  installPeers(wantedPeers);
  await bundleSide("ours");
  const results: RowResult[] = [];
  for (const row of wantedRows) {
    process.stderr.write(`${row.title} …\n`);
    results.push(await measureRow(row, [ours, ...wantedPeers], { folder, threads, rounds }));
  }
  console.log(values.write ? markdownTable(results) : plainTable(results));
  return results.every(({ sides }) => sides.every((side) => side.status !== "differs"));
}

async function profile(wantedRows: readonly Row[], folder: string, threads: number): Promise<boolean> {
  for (const row of wantedRows) printProfile(row.title, await profileTask(await writeTask(row, folder, threads)));
  return true;
}

async function growth(folder: string, threads: number): Promise<boolean> {
  let series = "";
  for await (const size of measureGrowth(folder, threads)) {
    if (size.series !== series) printGrowthHead((series = size.series));
    printGrowth(size);
  }
  return true;
}

main().then(
  (agree) => (process.exitCode = agree ? 0 : 1),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 2;
  },
);
