// The sides of the bench: how each is started, and what has to be there for it.

import { spawnSync } from "node:child_process";
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
    args: [here("dist/ours.js")],
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

/** Peers from npm; their packages are in this folder's own `package.json`. */
function nodePeer(name: string, title: string, script: string): Peer {
  return { name, title, command: () => ({ name, command: process.execPath, args: [here(script)] }) };
}

const tfjs = nodePeer("tfjs", "TensorFlow.js", "peers/tfjs_peer.mjs");
const jax = nodePeer("jax", "jax-js", "peers/jax_peer.mjs");

/** Installs what the peers from npm need where it is not there yet. Where that fails, their cells of the table say what is missing. */
export function installPeers(wanted: readonly Peer[]): void {
  if (!wanted.some((peer) => peer === tfjs || peer === jax) || existsSync(here("node_modules"))) return;
  process.stderr.write("Installing the peers …\n");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const { status } = spawnSync(npm, ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: __dirname, stdio: ["ignore", 2, 2] });
  if (status !== 0) process.stderr.write("The peers could not be installed.\n");
}

export const peers: readonly Peer[] = [torch, tfjs, jax];
