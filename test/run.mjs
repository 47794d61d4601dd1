// @ts-check
// `npm test`: prepares the checkout, then runs the checks and every suite, two at a time, and prints `N passed, N failed` as its last
// line. Arguments pick suites by name (`node test/run.mjs unit checks`); `long` are the suites that compute, on WebAssembly and
// the gradients on WebGPU too.

import { join } from "node:path";
import { build, install, root } from "./support/prepare.mjs";
import { softwareDevice } from "./support/device.mjs";
import { discoverSuites, runCheck, runSuite } from "./support/suites.mjs";
import { vscodeTasks } from "./vscode/legs.mjs";

/** @typedef {import("./support/suites.mjs").Result} Result */

const bin = (/** @type {string} */ path) => join(root, "node_modules", path);

const checks = [
  { name: "types", args: [bin("typescript/bin/tsc"), "--noEmit"] },
  { name: "lint", args: [bin("eslint/bin/eslint.js"), "--max-warnings", "0", "."] },
  { name: "format", args: [bin("prettier/bin/prettier.cjs"), "--check", ".", "--log-level", "warn"] },
  { name: "unused code", args: [bin("knip/bin/knip.js"), "--no-progress"] },
];

/** Suites that run once more under `long`, and how long each may take: a software device is slow. */
const computing = ["cli", "gradients", "unit"];
const longLimit = 1_800_000;

/** How many suites run at once: most of them use one core. */
const lanes = 2;

/** @param {readonly string[]} wanted names; none means all */
async function tasks(wanted) {
  const suites = (await discoverSuites(join(root, "test"))).filter(({ name }) => name !== "vscode");
  const named = [
    ...checks.map((check) => ({ name: "checks", run: () => runCheck(check) })),
    ...suites.map((suite) => ({ name: suite.name, run: () => runSuite(suite) })),
  ];
  const long = suites
    .filter(({ name }) => computing.includes(name))
    .flatMap((suite) => [() => runOn("wasm", suite), ...(suite.name === "gradients" ? [() => runOnDevice(suite)] : [])])
    .map((run) => ({ name: "long", run }));
  const all = [...named, ...long, ...vscodeTasks()];
  const unknown = wanted.filter((name) => all.every((task) => task.name !== name));
  if (unknown.length > 0) throw new Error(`no such suite: ${unknown.join(", ")}; there are ${[...new Set(all.map((t) => t.name))].join(", ")}`);
  return wanted.length === 0 ? named : all.filter((task) => wanted.includes(task.name));
}

/**
 * @param {string} provider
 * @param {{ name: string, folder: string }} suite
 * @param {Readonly<Record<string, string>>} [env]
 */
function runOn(provider, suite, env = {}) {
  const options = { limit: longLimit, testLimit: 120_000, env: { ...env, FROSTLINE_TEST_PROVIDER: provider } };
  return runSuite({ ...suite, name: `${suite.name} on ${provider}` }, options);
}

/** @param {{ name: string, folder: string }} suite */
async function runOnDevice(suite) {
  const { env, missing } = softwareDevice();
  if (env !== undefined) return runOn("webgpu", suite, env);
  return { name: `${suite.name} on webgpu`, passed: 0, failed: 0, skipped: [`all of it: ${missing}`], seconds: 0, output: "" };
}

/** @param {Result} result */
function show({ name, passed, failed, skipped, seconds, output, about, notes = [] }) {
  if (output !== "") console.log(`\n──── ${name} ────\n${output.trimEnd()}\n`);
  const mark = failed === 0 ? "✔" : "✘";
  const rest = `${skipped.length > 0 ? `, ${skipped.length} skipped` : ""} in ${seconds.toFixed(1)} s${about === undefined ? "" : ` (${about})`}`;
  console.log(`${mark} ${name.padEnd(19)} ${passed} passed, ${failed} failed${rest}`);
  for (const title of skipped) console.log(`  skipped: ${title}`);
  for (const note of notes) console.log(`  ${note}`);
}

/** The bundles, as one check: the other suites run even where it fails. @returns {Promise<Result>} */
async function runBuild() {
  const started = performance.now();
  const outcome = await build().then(
    () => ({ passed: 1, failed: 0, output: "" }),
    (error) => ({ passed: 0, failed: 1, output: String(error) }),
  );
  return { name: "build", ...outcome, skipped: [], seconds: (performance.now() - started) / 1000 };
}

async function main() {
  /** @type {Result[]} */
  const results = [];
  const add = (/** @type {Result} */ result) => {
    results.push(result);
    show(result);
  };
  install();
  const queue = await tasks(process.argv.slice(2));
  add(await runBuild());
  const lane = async () => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
      add(await task.run());
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return results;
}

const total = { passed: 0, failed: 0 };
try {
  for (const { passed, failed } of await main()) {
    total.passed += passed;
    total.failed += failed;
  }
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : String(error)}`);
  total.failed += 1;
}
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
