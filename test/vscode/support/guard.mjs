// @ts-check
// Runs a command in this process's group and ends the whole group when whoever started it is gone, however that came about: standard
// input closes then. To be started `detached`, with a pipe as its standard input.

import { spawn } from "node:child_process";

const [command, ...args] = process.argv.slice(2);

const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"] });
child.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
child.on("exit", (status) => process.exit(status ?? 1));

// A signal to the group reaches the command too: what it does then decides when this process ends.
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => {});
process.stdin.on("close", () => process.kill(-process.pid, "SIGKILL")).resume();
