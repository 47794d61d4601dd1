// Runs the engine's self-test in a child of the editor's own executable, which a crash ends alone.

import { execFile } from "node:child_process";

/** Milliseconds that it may take on a slow machine. */
const limit = 60_000;

/** Answers undefined where the test passed, else what went wrong. */
export function runSelfTest(program: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = {
      timeout: limit,
      killSignal: "SIGKILL",
      env: { ...process.env, ELECTRON_RUN_AS_NODE: "1", ORT_DISABLE_TELEMETRY: "1" },
    } as const;
    execFile(process.execPath, [program], options, (error, _, errorOutput) => {
      if (error === null) return resolve(undefined);
      const [line = ""] = errorOutput.trim().split("\n");
      if (error.killed === true) return resolve(`its self-test did not end within ${limit / 1000} s`);
      if (typeof error.signal === "string") return resolve(`its self-test ended with signal ${error.signal}`);
      return resolve(line === "" ? `its self-test ended with status ${error.code ?? "unknown"}` : `its self-test failed: ${line}`);
    });
  });
}
