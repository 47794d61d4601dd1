// @ts-check
// `npm run demo`: prepares the checkout, trains the recipe beside this file with the real command line, and reads a few digits with the
// exported model. `-- --seeds 0,1,2` trains once for each seed and prints the accuracy of every phase and its mean.

import { spawn } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { prepare, root } from "../../../test/support/prepare.mjs";

const folder = fileURLToPath(new URL(".", import.meta.url));
const recipe = join(folder, "digits.finetune.json");
const cli = join(root, "dist", "cli.js");

/** @typedef {{ phase: string, test?: { accuracy?: number } }} PhaseMetrics */

/**
 * Runs a program with this terminal; Ctrl-C reaches it by itself, so this process only waits.
 * @param {readonly string[]} args for Node
 * @returns {Promise<number>} exit status
 */
function run(args) {
  const child = spawn(process.execPath, args, { stdio: "inherit" });
  return new Promise((resolve, reject) => child.on("error", reject).on("close", (status) => resolve(status ?? 4)));
}

/** @param {string} file */
const shown = (file) => relative(process.cwd(), file) || file;

async function trainOnce() {
  const started = performance.now();
  const status = await run([cli, "train", recipe]);
  if (status !== 0) return status;
  console.log("\nEight digits that the training never saw, read with the exported model through onnxruntime alone:\n");
  const read = await run([join(folder, "read-digits.mjs"), join(folder, "digits.onnx"), ...testRows().slice(0, 8).map(String)]);
  if (read !== 0) return read;
  console.log(`Done in ${((performance.now() - started) / 1000).toFixed(0)} s. In this checkout, \`frostline\` is \`node ${shown(cli)}\`. More to try:
  npm run demo -- --seeds 0,1,2    how much the accuracy depends on the split and the order of samples
  ${shown(recipe)}    the recipe: change it and run the demo again`);
  return 0;
}

/** Rows that the newest run held out for its test. @returns {readonly number[]} */
function testRows() {
  const runs = join(folder, ".frostline", "runs");
  const newest = readdirSync(runs).sort().at(-1) ?? "";
  return JSON.parse(readFileSync(join(runs, newest, "run.json"), "utf8")).heldOut.test;
}

/** @param {readonly number[]} seeds */
async function trainSeeds(seeds) {
  /** @type {Map<string, number[]>} */
  const accuracies = new Map();
  console.log(`Training with ${seeds.length === 1 ? "one seed" : `${seeds.length} seeds`}, one after the other …`);
  for (const seed of seeds) {
    const { status, phases } = await trainSeed(seed);
    if (status !== 0) return status;
    for (const { phase, test } of phases) accuracies.set(phase, [...(accuracies.get(phase) ?? []), test?.accuracy ?? NaN]);
    console.log(`seed ${seed}: ${phases.map(({ phase, test }) => `${phase} ${percent(test?.accuracy ?? NaN)}`).join(", ")}`);
  }
  console.log(`\nAccuracy on the test rows, mean of ${seeds.length} seeds:`);
  for (const [phase, values] of accuracies) console.log(`  ${phase.padEnd(14)} ${percent(values.reduce((a, b) => a + b, 0) / values.length)}`);
  return 0;
}

/** @param {number} share */
const percent = (share) => `${(share * 100).toFixed(2)} %`;

/**
 * Trains the recipe with another seed; its features are those of the recipe itself, since the same folder keeps them.
 * @param {number} seed
 * @returns {Promise<{ status: number, phases: readonly PhaseMetrics[] }>}
 */
async function trainSeed(seed) {
  const copy = join(folder, `digits.seed-${seed}.finetune.json`);
  const text = readFileSync(recipe, "utf8")
    .replace(/"seed": \d+/, `"seed": ${seed}`)
    .replace(/"output": "[^"]*"/, `"output": ".frostline/digits.seed-${seed}.onnx"`);
  writeFileSync(copy, text);
  try {
    return await trainQuietly(copy);
  } finally {
    rmSync(copy);
  }
}

/**
 * @param {string} file a recipe
 * @returns {Promise<{ status: number, phases: readonly PhaseMetrics[] }>}
 */
async function trainQuietly(file) {
  const child = spawn(process.execPath, [cli, "train", file, "--json"], { stdio: ["ignore", "pipe", "inherit"] });
  /** @type {readonly PhaseMetrics[]} */
  let phases = [];
  const ended = new Promise((resolve) => child.on("close", (status) => resolve(status ?? 4)));
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line);
    if (event.event === "done") phases = event.metrics.phases;
    if (event.event === "error") console.error(`${event.message}\n${event.hint ?? ""}`);
  }
  return { status: await ended, phases };
}

/** @param {readonly string[]} args @returns {readonly number[] | undefined} */
function seedsOf(args) {
  if (args.length === 0) return undefined;
  const seeds = (args[0] === "--seeds" ? (args[1] ?? "") : args[0].replace(/^--seeds=/, "")).split(",");
  if (args.length > 2 || !args[0].startsWith("--seeds") || !seeds.every((seed) => /^\d+$/.test(seed)))
    throw new Error("usage: npm run demo [-- --seeds 0,1,2]");
  return seeds.map(Number);
}

// A stop ends the command line between two steps, with a checkpoint; this process waits for it.
process.on("SIGINT", () => {});
try {
  const seeds = seedsOf(process.argv.slice(2));
  await prepare();
  process.exitCode = await (seeds === undefined ? trainOnce() : trainSeeds(seeds));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
