// Measures one row: starts the sides, compares the losses of their first steps, then lets them take turns.

import { setTimeout as pause } from "node:timers/promises";
import type { Peer } from "./peers.js";
import type { Task, WholeRun } from "./protocol.js";
import { writeTask, writeWhole, type Row } from "./rows.js";
import { Side } from "./side.js";
import { lossDifference, median, turns } from "./statistics.js";

export interface MeasureOptions {
  readonly folder: string;
  readonly threads: number;
  readonly rounds: number;
}

export type SideResult =
  | {
      readonly status: "measured" | "differs";
      readonly peer: Peer;
      readonly description: string;
      /** Milliseconds a step, or of a whole run, by round. */
      readonly milliseconds: readonly number[];
      /** From the first side's losses. */
      readonly difference: number;
      readonly peakMemory: number | undefined;
    }
  | { readonly status: "impossible"; readonly peer: Peer; readonly reason: string };

export interface RowResult {
  readonly row: Row;
  /** Ours first. */
  readonly sides: readonly SideResult[];
}

/** Whole runs that are measured of each side: they take long. */
const mostWholeRuns = 3;
/** Steps whose losses are compared. */
const comparedSteps = 10;
/** Milliseconds that a side trains for in each of its turns, in whole steps. */
const turnLength = 250;
/** A side whose steps take longer than this (in milliseconds) takes no turns: its compared steps have to do. */
const slowStep = 1500;
/** A side whose first step takes longer than this is not measured. */
const longestStep = 30_000;
/** Milliseconds between two turns: threads that wait for more work go to sleep. */
export const betweenTurns = 40;

interface Ready {
  readonly peer: Peer;
  readonly side: Side;
  readonly description: string;
  readonly losses: readonly number[];
  /** Trains for a while and answers milliseconds a step, or those of a whole run; undefined where the side is too slow to take turns. */
  readonly turn: (() => Promise<number>) | undefined;
  /** By round. */
  readonly milliseconds: number[];
}

type Impossible = Extract<SideResult, { status: "impossible" }>;

export async function measureRow(row: Row, peers: readonly Peer[], { folder, threads, rounds }: MeasureOptions): Promise<RowResult> {
  const task = await writeTask(row, folder, threads);
  const whole = row.whole === undefined ? undefined : await writeWhole(row.whole, task, folder);
  const prepared: (Ready | Impossible)[] = [];
  try {
    for (const peer of peers) prepared.push(await prepare(peer, task, whole));
    const ready = prepared.filter((side) => "side" in side);
    const wanted = whole === undefined ? rounds : Math.min(rounds, mostWholeRuns);
    for (const { side } of turns(ready, wanted)) {
      if (side.turn === undefined) continue;
      side.milliseconds.push(await side.turn());
      await pause(betweenTurns);
    }
    const reference = ready.at(0)?.losses ?? [];
    return { row, sides: prepared.map((side) => ("side" in side ? resultOf(side, reference) : side)) };
  } finally {
    for (const side of prepared) if ("side" in side) await side.side.close();
  }
}

async function prepare(peer: Peer, task: Task, whole: WholeRun | undefined): Promise<Ready | Impossible> {
  const side = new Side(peer.command());
  try {
    const { description } = await side.ask("prepare", task);
    const started = await (whole === undefined ? startSteps(side) : startWhole(side, whole));
    await pause(betweenTurns);
    return { peer, side, description, ...started };
  } catch (error) {
    await side.close();
    return { status: "impossible", peer, reason: error instanceof Error ? error.message : String(error) };
  }
}

async function startSteps(side: Side): Promise<Pick<Ready, "losses" | "turn" | "milliseconds">> {
  const first = await side.ask("run", { steps: 1 });
  if (first.milliseconds > longestStep) throw new Error(`one step takes ${(first.milliseconds / 1000).toFixed(0)} s`);
  const rest = await side.ask("run", { steps: comparedSteps - 1 });
  const losses = [...first.losses, ...rest.losses];
  const step = rest.milliseconds / (comparedSteps - 1);
  if (step > slowStep) return { losses, turn: undefined, milliseconds: [step] };
  const steps = Math.max(1, Math.round(turnLength / step));
  const turn = async (): Promise<number> => {
    await side.ask("run", { steps: 1 });
    return (await side.ask("run", { steps })).milliseconds / steps;
  };
  return { losses, turn, milliseconds: [] };
}

async function startWhole(side: Side, whole: WholeRun): Promise<Pick<Ready, "losses" | "turn" | "milliseconds">> {
  const { losses } = await side.ask("whole", { ...whole, epochs: 1, peerEpochs: 1 });
  return { losses, turn: async () => (await side.ask("whole", whole)).milliseconds, milliseconds: [] };
}

/** The losses of ten steps from the same start may differ by this much. */
const tolerance = 1e-3;

function resultOf({ peer, side, description, losses, milliseconds }: Ready, reference: readonly number[]): SideResult {
  const difference = lossDifference(reference, losses);
  const status = difference <= tolerance ? "measured" : "differs";
  return { status, peer, description, milliseconds, difference, peakMemory: side.peakMemory() };
}

/** Median milliseconds a step, or of a whole run. */
export function timeOf({ milliseconds }: Extract<SideResult, { milliseconds: readonly number[] }>): number {
  return median(milliseconds);
}
