// @ts-check
// Writes the digits of ../digits/digits.csv as pictures of 8 × 8 pixels, one folder for each digit: `node write-images.mjs [FOLDER [ROWS]]`.
// Without arguments all of them to `images` beside this file.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/** Grey levels of the table go from 0 to 16, those of a picture to 255. */
const brightest = 16;

/** @param {readonly number[]} levels row by row @returns {Promise<Buffer>} */
function picture(levels) {
  const pixels = Uint8Array.from(levels, (level) => Math.round((level * 255) / brightest));
  return sharp(pixels, { raw: { width: 8, height: 8, channels: 1 } })
    .toColourspace("b-w")
    .png()
    .toBuffer();
}

const [folder = here("images"), rows = "Infinity"] = process.argv.slice(2);
if (!(Number(rows) >= 1)) {
  console.error(`usage: node write-images.mjs [FOLDER [ROWS]]\n\nROWS: expected a number from 1 up, got ${rows}`);
  process.exit(2);
}
const lines = (await readFile(here("../digits/digits.csv"), "utf8"))
  .trim()
  .split("\n")
  .slice(1, 1 + Number(rows));
for (const [i, line] of lines.entries()) {
  const values = line.split(",").map(Number);
  const digit = join(folder, String(values[64]));
  await mkdir(digit, { recursive: true });
  await writeFile(join(digit, `${String(i + 1).padStart(4, "0")}.png`), await picture(values.slice(0, 64)));
}
console.log(`${lines.length} pictures are in ${folder}`);
