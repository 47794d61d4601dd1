// @ts-check
// Runs one suite of tests or one check in a child process and counts its results. Which of them run is `test/run.mjs`'s matter.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./prepare.mjs";

/**
 * @typedef {object} Result
 * @property {string} name
 * @property {number} passed
 * @property {number} failed
 * @property {readonly string[]} skipped titles of tests
 * @property {number} seconds
 * @property {string} output what to show: the failures
 * @property {string} [about] what the tests ran in
 * @property {readonly string[]} [notes] what the tests measured
 */

/** @typedef {{ status: number | null, signal: NodeJS.Signals | null, output: string, stopped?: string }} Ending */

/** How long a suite may go on before it is stopped and counts as failed. */
const suiteLimit = 480_000;
/** How long a process may live on after its last test. */
const lingerLimit = 15_000;

/**
 * The suites: every folder of `folder` that holds a file `*.test.ts` at any depth.
 * @param {string} folder
 * @returns {Promise<{ name: string, folder: string }[]>} sorted by name
 */
export async function discoverSuites(folder) {
  const suites = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const suite = { name: entry.name, folder: join(folder, entry.name) };
    if ((await discoverFiles(suite.folder)).length > 0) suites.push(suite);
  }
  return suites.sort((a, b) => a.name.localeCompare(b.name));
}

/**
 * The files `*.test.ts` of a folder, at any depth.
 * @param {string} folder
 * @returns {Promise<readonly string[]>} paths, sorted
 */
export async function discoverFiles(folder) {
  const files = await readdir(folder, { recursive: true });
  return files.filter((file) => file.endsWith(".test.ts")).map((file) => join(folder, file)).sort(); // prettier-ignore
}

/**
 * Runs the tests of a folder. A suite that cannot load, runs nothing, crashes or does not end has one failure more.
 * @param {{ name: string, folder: string }} suite
 * @param {{ limit?: number, linger?: number, testLimit?: number, env?: Readonly<Record<string, string>>, command?: readonly string[] }} [options] limits in
 *   milliseconds, what the environment has besides, and what Node runs in the place of mocha: it has to see to the report itself
 * @returns {Promise<Result>}
 */
export async function runSuite({ name, folder }, { limit = suiteLimit, linger = lingerLimit, testLimit = 20_000, env = {}, command } = {}) {
  const started = performance.now();
  const scratch = mkdtempSync(join(tmpdir(), "frostline-test-"));
  const report = join(scratch, "report.json");
  const pattern = join(folder, "**", "*.test.ts").replaceAll("\\", "/");
  const mocha = ["--import", "tsx", "node_modules/mocha/bin/mocha.js", "--no-config", "--timeout", `${testLimit}`, "--forbid-only"];
  const args = command ?? [...mocha, "--reporter", "test/support/reporter.cjs", pattern];
  const ending = await runProcess(args, { limit, linger, report, env });
  const counts = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : undefined;
  rmSync(scratch, { recursive: true, force: true });
  const { about, notes = [] } = counts ?? {};
  return { name, seconds: secondsSince(started), about, notes, ...judge(counts, ending) };
}

/**
 * What a suite's counts and the end of its process amount to.
 * @param {{ passed: number, failed: number, skipped: readonly string[] } | undefined} counts undefined where the process ended before its tests did
 * @param {Ending} ending
 */
export function judge(counts, ending) {
  const { passed = 0, failed = 0, skipped = [] } = counts ?? {};
  const how = ending.stopped ?? (ending.signal === null ? `status ${ending.status}` : `signal ${ending.signal}`);
  const problem =
    counts === undefined
      ? `ended before its tests did (${how})`
      : passed + failed === 0
        ? "ran no tests"
        : ending.stopped !== undefined || ending.signal !== null || (failed === 0 && ending.status !== 0)
          ? `ended badly after its tests (${how})`
          : undefined;
  if (problem === undefined) return { passed, failed, skipped, output: failed > 0 ? ending.output : "" };
  return { passed, failed: failed + 1, skipped, output: `${ending.output}\n  the suite ${problem}\n` };
}

/**
 * Runs a tool that answers with its exit status; it counts as one test.
 * @param {{ name: string, args: readonly string[] }} check `args` for Node
 * @returns {Promise<Result>}
 */
export async function runCheck({ name, args }) {
  const started = performance.now();
  const ending = await runProcess(args, { limit: suiteLimit, linger: lingerLimit });
  const good = ending.status === 0;
  const seconds = secondsSince(started);
  return {
    name,
    passed: good ? 1 : 0,
    failed: good ? 0 : 1,
    skipped: [],
    seconds,
    output: good ? "" : `${ending.output}\n  ${ending.stopped ?? ""}`,
  };
}

/** @param {number} started */
function secondsSince(started) {
  return (performance.now() - started) / 1000;
}

/**
 * Runs Node in the repository's folder and gathers what it prints.
 * @param {readonly string[]} args
 * @param {{ limit: number, linger: number, report?: string, env?: Readonly<Record<string, string>> }} options `report`: the file whose
 *   appearance says that the tests are over
 * @returns {Promise<Ending>}
 */
function runProcess(args, { limit, linger, report, env = {} }) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env, ORT_DISABLE_TELEMETRY: "1", ...(report === undefined ? {} : { FROSTLINE_TEST_REPORT: report }) },
    });
    let output = "";
    /** @type {string | undefined} */
    let stopped;
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
    const stop = (/** @type {string} */ reason) => {
      stopped = reason;
      child.kill("SIGKILL");
    };
    const timer = setTimeout(() => stop(`stopped after ${limit / 1000} s`), limit);
    const started = performance.now();
    let over = Infinity;
    const watch = setInterval(() => {
      const now = performance.now() - started;
      if (report !== undefined && over === Infinity && existsSync(report)) over = now;
      if (now - over > linger) stop(`still running ${linger / 1000} s after the last test`);
    }, 500);
    const finish = (/** @type {Ending} */ ending) => {
      clearTimeout(timer);
      clearInterval(watch);
      resolve(ending);
    };
    child.on("error", (error) => finish({ status: null, signal: null, output: `${output}\n${error.message}` }));
    child.on("close", (status, signal) => finish({ status, signal, output, ...(stopped === undefined ? {} : { stopped }) }));
  });
}
