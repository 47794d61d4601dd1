// @ts-check
// Runs in the extension host of the stand-in, in the place of the tests' module: sends what the tests print to a file, which the
// stand-in shows, and leaves another one when they have ended.

const { appendFileSync, writeFileSync } = require("node:fs");
const { format } = require("node:util");

const { FROSTLINE_TEST_LOG: log = "", FROSTLINE_TEST_DONE: done = "", FROSTLINE_TEST_ENTRY: entry = "" } = process.env;

async function run() {
  // The extension host made these accessors that ignore assignment.
  for (const name of ["log", "info", "warn", "error", "debug"])
    Object.defineProperty(console, name, {
      value: (/** @type {unknown[]} */ ...args) => appendFileSync(log, `${format(...args)}\n`),
      writable: true,
    });
  try {
    await require(entry).run();
  } catch (error) {
    appendFileSync(log, `${error instanceof Error ? error.stack : String(error)}\n`);
    throw error;
  } finally {
    writeFileSync(done, "{}");
  }
}

module.exports = { run };
