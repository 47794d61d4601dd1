// Comparing text with a file that people have read and agreed to. A file that is missing fails: it is written on demand only.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

/** Compares `actual` with the file's text. With `UPDATE_GOLDEN=1` in the environment the file is written instead. */
export function assertGolden(path: string, actual: string): void {
  if (process.env.UPDATE_GOLDEN === "1") {
    writeFileSync(path, actual);
    return;
  }
  assert.ok(existsSync(path), `${path} is missing: look at the text, then write it with UPDATE_GOLDEN=1\n\n${actual}`);
  assert.equal(actual, readFileSync(path, "utf8"));
}
