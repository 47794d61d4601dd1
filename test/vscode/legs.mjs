// @ts-check
// The legs of the tests in VS Code, each a suite: in the extension host of the newest and of the oldest editor that is supported, and
// outside, where keys are pressed in the workbench as a person would. None is left out: what cannot run has failed.

import { join } from "node:path";
import { discoverFiles, runSuite } from "../support/suites.mjs";
import { root } from "../support/prepare.mjs";
import { prepareChromium, prepareHost } from "./support/prepare.mjs";

/** @typedef {import("../support/suites.mjs").Result} Result */

const folder = join(root, "test", "vscode");

const legs = [
  { name: "vscode host", folder: join(folder, "host"), host: "newest" },
  { name: "vscode oldest", folder: join(folder, "host", "smoke"), host: "oldest" },
  { name: "vscode user", folder: join(folder, "user"), host: "newest", outside: true },
];

/** Milliseconds that one test may take: starting an editor is part of some. */
const testLimit = 120_000;

/** One task for each leg. */
export function vscodeTasks() {
  return legs.map((leg) => ({ name: "vscode", run: () => runLeg(leg) }));
}

/**
 * @param {{ name: string, folder: string, host: string, outside?: boolean }} leg
 * @returns {Promise<Result>}
 */
async function runLeg({ name, folder, host, outside = false }) {
  try {
    if (process.env.FROSTLINE_TEST_DESKTOP === undefined || outside) {
      prepareChromium();
      const { version } = await prepareHost(host);
      if (outside) return await runSuite({ name, folder }, { testLimit, env: { FROSTLINE_TEST_ABOUT: `VS Code ${version}` } });
    }
    const command = [join(root, "test", "vscode", "host-leg.mjs"), host, ...(await discoverFiles(folder))];
    return await runSuite({ name, folder }, { command, env: { FROSTLINE_TEST_HOST: host } });
  } catch (error) {
    return { name, passed: 0, failed: 1, skipped: [], notes: [], seconds: 0, output: error instanceof Error ? error.message : String(error) };
  }
}
