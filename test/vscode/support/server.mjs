// @ts-check
// Starts VS Code as a server: a real workbench that a browser shows, and a real extension host in Node. Which one, the prepared host says.

import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const guard = fileURLToPath(new URL("guard.mjs", import.meta.url));
const startLimit = 60_000;
const stopLimit = 5_000;

/**
 * @typedef {object} ServerOptions
 * @property {import("./prepare.mjs").Host} host
 * @property {string} dataDir where it keeps what it knows
 * @property {string} [extensionsDir] where extensions are installed; none are there otherwise
 * @property {Readonly<Record<string, unknown>>} [settings] of the user
 * @property {Readonly<Record<string, string>>} [env] what its processes have in their environment besides
 * @property {boolean} [trust] whether folders must be trusted first
 * @property {boolean} [driver] lets the page's address name an extension under development, and hides notifications
 * @property {string} [log] file that everything it prints is added to
 */

/** @typedef {{ port: number, output: () => string, stop: () => Promise<void> }} Server */

/** What every start has: nothing leaves the machine, and no folder of the user is looked at. */
const common = [
  ["--host", "127.0.0.1"],
  ["--port", "0"],
  ["--without-connection-token"],
  ["--accept-server-license-terms"],
  ["--disable-telemetry"],
  ["--disable-experiments"],
  ["--disable-getting-started-override"],
].flat();

/** Settings that keep what the tests are not about out of their sight. */
const quiet = {
  "chat.disableAIFeatures": true,
  "extensions.ignoreRecommendations": true,
  "git.enabled": false,
  "telemetry.telemetryLevel": "off",
  "window.restoreWindows": "none",
  "workbench.editor.useModal": "off",
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.startupEditor": "none",
};

/**
 * Starts the server and waits until it listens.
 * @param {ServerOptions} options
 * @returns {Promise<Server>}
 */
export async function startServer({ host, dataDir, extensionsDir, settings = {}, env = {}, trust = false, driver = false, log }) {
  const user = join(dataDir, "data", "User");
  mkdirSync(user, { recursive: true });
  writeFileSync(join(user, "settings.json"), JSON.stringify({ ...quiet, ...settings }, null, 2));
  const args = [
    ...common,
    ...["--server-data-dir", dataDir, "--extensions-dir", extensionsDir ?? join(dataDir, "extensions")],
    ...(driver ? ["--enable-smoke-test-driver"] : []),
    ...(trust ? [] : ["--disable-workspace-trust"]),
  ];
  const child = spawn(process.execPath, [guard, host.node, host.server, ...args], {
    env: { ...process.env, EXTENSIONS_GALLERY: "{}", ...env },
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const port = new Promise((resolve) => {
    const seen = (/** @type {string} */ text) => {
      output += text;
      if (log !== undefined) appendFileSync(log, text);
      const found = /Extension host agent listening on (\d+)/.exec(output);
      if (found !== null) resolve(Number(found[1]));
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", seen);
  });
  const stop = () => endGroup(child.pid ?? 0);
  const first = await Promise.race([port, gone.then(() => undefined), delay(startLimit, undefined, { ref: false })]);
  if (first !== undefined) return { port: first, output: () => output, stop };
  await stop();
  throw new Error(`VS Code's server did not start\n${output}`);
}

/**
 * Asks a process group to end, and ends it where it does not.
 * @param {number} group
 */
async function endGroup(group) {
  signal(group, "SIGTERM");
  const end = performance.now() + stopLimit;
  while (signal(group, 0) && performance.now() < end) await delay(50);
  signal(group, "SIGKILL");
}

/**
 * @param {number} group
 * @param {NodeJS.Signals | 0} name
 * @returns {boolean} whether the group was there
 */
function signal(group, name) {
  try {
    process.kill(-group, name);
    return true;
  } catch {
    return false;
  }
}
