// @ts-check
// Reads digits with the exported model through onnxruntime alone, as any program can: `node read-digits.mjs [MODEL [ROW…]]`. A row is
// a line of digits.csv, from 1 after the header; without any, the first of each digit.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ort from "onnxruntime-node";

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/** @typedef {{ row: number, pixels: readonly number[], label: number }} Digit */

/** @returns {Digit[]} */
function readTable() {
  const lines = readFileSync(here("digits.csv"), "utf8").trim().split("\n").slice(1);
  return lines.map((line, i) => {
    const values = line.split(",").map(Number);
    return { row: i + 1, pixels: values.slice(0, 64), label: values[64] };
  });
}

/**
 * What the recipe's transform does: grey levels 0–16 to 0–1, bilinear from 8×8 to 208×208, centred in 224×224.
 * @param {readonly number[]} pixels
 */
function picture(pixels) {
  const [from, to, size] = [8, 208, 224];
  const margin = (size - to) / 2;
  const positions = Array.from({ length: to }, (_, i) => {
    const at = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const low = Math.floor(at);
    return { low, high: Math.min(low + 1, from - 1), part: at - low };
  });
  const result = new Float32Array(size * size);
  for (const [y, { low: top, high: bottom, part: down }] of positions.entries())
    for (const [x, { low: left, high: right, part: across }] of positions.entries()) {
      const along = (/** @type {number} */ row) => pixels[row * from + left] * (1 - across) + pixels[row * from + right] * across;
      result[(y + margin) * size + x + margin] = (along(top) * (1 - down) + along(bottom) * down) / 16;
    }
  return new ort.Tensor("float32", result, [1, 1, size, size]);
}

/** @param {Digit} digit @returns {string[]} eight lines of sixteen characters */
function draw({ pixels }) {
  const shade = (/** @type {number} */ level) => " ░▒▓█"[Math.round(level / 4)].repeat(2);
  return Array.from({ length: 8 }, (_, y) =>
    pixels
      .slice(y * 8, y * 8 + 8)
      .map(shade)
      .join(""),
  );
}

/** @param {Float32Array} logits @returns {{ digit: number, probability: number }} */
function best(logits) {
  const digit = logits.indexOf(Math.max(...logits));
  const probability = 1 / logits.reduce((sum, logit) => sum + Math.exp(logit - logits[digit]), 0);
  return { digit, probability };
}

const [model = here("digits.onnx"), ...wanted] = process.argv.slice(2);
const table = readTable();
const digits =
  wanted.length > 0
    ? table.filter(({ row }) => wanted.includes(String(row)))
    : table.filter((d, i) => table.findIndex((e) => e.label === d.label) === i);
const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 });

const perLine = 4;
for (let i = 0; i < digits.length; i += perLine) {
  const shown = digits.slice(i, i + perLine);
  const captions = [];
  for (const digit of shown) {
    const output = await session.run({ [session.inputNames[0]]: picture(digit.pixels) });
    const read = best(/** @type {Float32Array} */ (output[session.outputNames[0]].data));
    const verdict = read.digit === digit.label ? "" : ` (is ${digit.label})`;
    captions.push(`read ${read.digit}${verdict}, ${(read.probability * 100).toFixed(0)} %`);
  }
  const pictures = shown.map(draw);
  for (let y = 0; y < 8; y++) console.log(`  ${pictures.map((lines) => lines[y]).join("   ")}`);
  console.log(`  ${captions.map((text) => text.padEnd(16)).join("   ")}\n`);
}
