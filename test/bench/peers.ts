// The sides of the bench: how each is started, and what has to be there for it.

import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { SideCommand } from "./side.js";

export interface Peer {
  readonly name: string;
  readonly title: string;
  readonly command: () => SideCommand;
}

const here = (name: string): string => join(__dirname, name);

export const ours: Peer = {
  name: "ours",
  title: "Frostline",
  command: () => ({
    name: "ours",
    command: process.execPath,
    args: ["--import", "tsx", here("ours.ts")],
    environment: { ORT_DISABLE_TELEMETRY: "1" },
  }),
};

/** Debian's build of OpenBLAS that shares PyTorch's threads; with any other, two pools of threads fight for the cores. */
const openblas = "/usr/lib/x86_64-linux-gnu/openblas-openmp";

const torch: Peer = {
  name: "torch",
  title: "PyTorch",
  command: () => ({
    name: "torch",
    command: process.env.FROSTLINE_BENCH_PYTHON ?? "/usr/bin/python3",
    args: [here("peers/torch_peer.py")],
    environment: {
      OMP_NUM_THREADS: String(availableParallelism()),
      OMP_WAIT_POLICY: "passive",
      ...(existsSync(openblas) ? { LD_LIBRARY_PATH: openblas } : {}),
    },
  }),
};

export const peers: readonly Peer[] = [torch];
