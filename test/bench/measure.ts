// Measures one row: starts the sides, compares the losses of their first steps, then lets them take turns.

import { setTimeout as pause } from "node:timers/promises";
import type { Peer } from "./peers.js";
import type { Task } from "./protocol.js";
import { writeTask, type Row } from "./rows.js";
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
      /** Milliseconds a step, by round. */
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

/** Steps whose losses are compared. */
const comparedSteps = 10;
/** Milliseconds that a side trains for in each of its turns, in whole steps. */
const turnLength = 250;
/** A side whose steps take longer than this (in milliseconds) takes no turns: its compared steps have to do. */
const slowStep = 1500;
/** A side whose first step takes longer than this is not measured. */
const longestStep = 30_000;
/** Milliseconds between two turns: threads that wait for more work go to sleep. */
const betweenTurns = 40;

interface Ready {
  readonly peer: Peer;
  readonly side: Side;
  readonly description: string;
  readonly losses: readonly number[];
  readonly stepsPerTurn: number;
  readonly milliseconds: number[];
}

export async function measureRow(row: Row, peers: readonly Peer[], { folder, threads, rounds }: MeasureOptions): Promise<RowResult> {
  const task = await writeTask(row, folder, threads);
  const prepared: (Ready | Extract<SideResult, { status: "impossible" }>)[] = [];
  try {
    for (const peer of peers) prepared.push(await prepare(peer, task));
    const ready = prepared.filter((side) => "side" in side);
    const inTurns = ready.filter(({ stepsPerTurn }) => stepsPerTurn > 0);
    for (const { side } of turns(inTurns, rounds)) {
      await side.side.ask("run", { steps: 1 });
      const { milliseconds } = await side.side.ask("run", { steps: side.stepsPerTurn });
      side.milliseconds.push(milliseconds / side.stepsPerTurn);
      await pause(betweenTurns);
    }
    const reference = ready.at(0)?.losses ?? [];
    return { row, sides: prepared.map((side) => ("side" in side ? resultOf(side, reference) : side)) };
  } finally {
    for (const side of prepared) if ("side" in side) await side.side.close();
  }
}

async function prepare(peer: Peer, task: Task): Promise<Ready | Extract<SideResult, { status: "impossible" }>> {
  const side = new Side(peer.command());
  try {
    const { description } = await side.ask("prepare", task);
    const first = await side.ask("run", { steps: 1 });
    if (first.milliseconds > longestStep) throw new Error(`one step takes ${(first.milliseconds / 1000).toFixed(0)} s`);
    const rest = await side.ask("run", { steps: comparedSteps - 1 });
    const step = rest.milliseconds / (comparedSteps - 1);
    await pause(betweenTurns);
    const stepsPerTurn = step > slowStep ? 0 : Math.max(1, Math.round(turnLength / step));
    return { peer, side, description, losses: [...first.losses, ...rest.losses], stepsPerTurn, milliseconds: stepsPerTurn === 0 ? [step] : [] };
  } catch (error) {
    await side.close();
    return { status: "impossible", peer, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** The losses of ten steps from the same start may differ by this much. */
const tolerance = 1e-3;

function resultOf({ peer, side, description, losses, milliseconds }: Ready, reference: readonly number[]): SideResult {
  const difference = lossDifference(reference, losses);
  const status = difference <= tolerance ? "measured" : "differs";
  return { status, peer, description, milliseconds, difference, peakMemory: side.peakMemory() };
}

/** Median milliseconds a step. */
export function stepTime({ milliseconds }: Extract<SideResult, { milliseconds: readonly number[] }>): number {
  return median(milliseconds);
}
