// @ts-check
// Makes a checkout ready to run: installs the packages of the lockfile where they are missing or differ, and builds where a source
// changed. Uses Node's own modules only, since nothing else may be there yet.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's folder. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Folders and files that a bundle is made from. */
const inputs = ["core", "extension", "webpack.config.js", "tsconfig.json", "package.json", "package-lock.json"];

const oldestNode = [20, 19];

/** Installs and builds what is missing or stale. */
export async function prepare() {
  install();
  await build();
}

/** Installs the lockfile's packages where they are missing or differ. */
export function install() {
  refuseOldNode(process.versions.node);
  if (isInstalled(root)) return;
  console.log("Installing packages (npm ci) …");
  npm(["ci"]);
}

/** Builds the bundles where one is missing or a source changed. */
export async function build() {
  if (await isBuilt()) return;
  console.log("Building …");
  npm(["run", "--silent", "build"]);
}

/** @param {string} version */
function refuseOldNode(version) {
  const [major, minor] = version.split(".").map(Number);
  if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1]))
    throw new Error(`Node ${oldestNode.join(".")} or newer is needed; this is ${version}`);
}

/**
 * Whether `node_modules` holds what the lockfile asks for. Packages for other platforms may be absent.
 * @param {string} folder where the lockfile lies
 */
export function isInstalled(folder) {
  const installedFile = join(folder, "node_modules", ".package-lock.json");
  if (!existsSync(installedFile)) return false;
  const wanted = packagesOf(join(folder, "package-lock.json"));
  const installed = packagesOf(installedFile);
  const same = Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === "") return true;
    const found = installed[path];
    if (found === undefined) return optional === true;
    return found.version === version && found.integrity === integrity;
  });
  return same && Object.keys(installed).every((path) => path in wanted);
}

/** @typedef {{ version?: string, integrity?: string, optional?: boolean }} LockedPackage */

/**
 * @param {string} lockfile
 * @returns {Record<string, LockedPackage>}
 */
function packagesOf(lockfile) {
  return JSON.parse(readFileSync(lockfile, "utf8")).packages;
}

async function isBuilt() {
  const { entries } = createRequire(import.meta.url)("../../webpack.config.js");
  const digest = await inputsDigest();
  return Object.keys(entries).every((name) => {
    const stamp = join(root, "dist", `${name}.inputs`);
    return existsSync(join(root, "dist", `${name}.js`)) && existsSync(stamp) && readFileSync(stamp, "utf8").trim() === digest;
  });
}

/** Digest over the names and contents of everything that a bundle is made from. */
export async function inputsDigest() {
  const hash = createHash("sha256");
  for (const file of await filesUnder(inputs))
    hash
      .update(`${relative(root, file).split(sep).join("/")}\0`)
      .update(await readFile(file))
      .update("\0");
  return hash.digest("hex");
}

/**
 * @param {readonly string[]} paths relative to the repository; those that do not exist are left out
 * @returns {Promise<string[]>} sorted
 */
async function filesUnder(paths) {
  const files = [];
  for (const path of paths.map((p) => join(root, p)).filter((p) => existsSync(p))) {
    const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => undefined);
    if (entries === undefined) files.push(path);
    else files.push(...entries.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name)));
  }
  return files.sort();
}

/**
 * Runs npm to its end, showing its output.
 * @param {readonly string[]} args
 * @param {string} [cwd]
 * @param {Readonly<Record<string, string>>} [env] what it has in its environment besides
 */
export function npm(args, cwd = root, env = {}) {
  const script = process.env.npm_execpath;
  const [command, ...before] = script === undefined ? ["npm"] : [process.execPath, script];
  const shell = script === undefined && process.platform === "win32";
  const { status, error } = spawnSync(command, [...before, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "inherit"],
    shell,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`npm ${args.join(" ")} ended with status ${status}`);
}
