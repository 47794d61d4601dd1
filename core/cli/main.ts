// Where the `frostline` command starts.

import { runCommandLine } from "./program.js";

void runCommandLine(process.argv.slice(2)).then((status) => {
  // Not `process.exit`: output that is still on its way to a pipe would be lost.
  process.exitCode = status;
});
