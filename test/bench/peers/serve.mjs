// @ts-check
// What the peers in JavaScript share: requests in, replies out (see ../protocol.ts), and reading a task's tensors.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** @typedef {import("../protocol.js").Task} Task */
/** @typedef {{ readonly shape: readonly number[], readonly data: Float32Array | Int32Array }} Tensor */

/**
 * Every tensor of a safetensors file by name; whole numbers in 32 bits.
 * @param {string} path
 * @returns {Map<string, Tensor>}
 */
export function readTensors(path) {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const tensors = new Map();
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(JSON.parse(bytes.toString("utf8", 8, start)))) {
    const buffer = new Uint8Array(bytes.subarray(start + offsets[0], start + offsets[1])).buffer;
    tensors.set(name, { shape, data: dtype === "I64" ? Int32Array.from(new BigInt64Array(buffer), Number) : new Float32Array(buffer) });
  }
  return tensors;
}

/**
 * Whether rules freeze a parameter: the last one that matches decides.
 * @param {string} name
 * @param {readonly string[]} rules
 */
export function isFrozen(name, rules) {
  const matches = (/** @type {string} */ rule) => new RegExp(`^${rule.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`).test(name);
  const last = rules.findLast((rule) => matches(rule.replace(/^!/, "")));
  return last !== undefined && !last.startsWith("!");
}

/**
 * Where batch number `step` starts among the samples.
 * @param {Task} task @param {number} step @param {number} samples
 */
export function batchStart({ batchSize }, step, samples) {
  return (step * batchSize) % samples;
}

/**
 * The samples of a batch, without a copy.
 * @param {Tensor} tensor @param {number} from @param {number} count
 * @returns {Tensor}
 */
export function pick({ shape, data }, from, count) {
  const size = shape.slice(1).reduce((a, n) => a * n, 1);
  return { shape: [count, ...shape.slice(1)], data: data.subarray(from * size, (from + count) * size) };
}

/**
 * Answers requests until there are no more.
 * @param {(task: Task) => Promise<{ description: string, train: (step: number) => Promise<number> }>} prepare answers what trains one step
 */
export async function serve(prepare) {
  /** @type {Awaited<ReturnType<typeof prepare>> | undefined} */
  let training;
  let step = 0;
  /** @param {{ verb: string, body: Task & { steps: number } }} request */
  const answer = async ({ verb, body }) => {
    const start = performance.now();
    if (verb === "prepare") {
      training = await prepare(body);
      return { description: training.description, milliseconds: performance.now() - start };
    }
    if (verb === "whole") throw new Error("this peer has no whole runs");
    const losses = [];
    for (let i = 0; i < body.steps; i++, step++) losses.push(await training?.train(step));
    return { losses, milliseconds: performance.now() - start };
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const reply = await answer(JSON.parse(line)).then(
      (body) => ({ body }),
      (error) => ({ error: String(error?.message ?? error).split("\n")[0] }),
    );
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
}
