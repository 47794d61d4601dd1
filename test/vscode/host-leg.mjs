// @ts-check
// Runs tests in VS Code's extension host: `node test/vscode/host-leg.mjs HOST FILE…`. They write the report that FROSTLINE_TEST_REPORT
// names themselves, so that a host that dies leaves none. The editor is the server of test/vscode/hosts/HOST; FROSTLINE_TEST_DESKTOP
// takes desktop VS Code instead: the path of its executable, or a version that is downloaded ("stable", "1.100.3").

import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { downloadAndUnzipVSCode, runTests } from "@vscode/test-electron";
import { root } from "../support/prepare.mjs";

const beside = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));

/** @param {string | undefined} desktop */
async function executable(desktop) {
  if (desktop === undefined) return beside("support/code");
  if (existsSync(desktop)) return desktop;
  return downloadAndUnzipVSCode({ version: desktop, cachePath: join(root, ".vscode-test", "desktop") });
}

const [host, ...files] = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), "frostline-host-"));
const folder = join(scratch, "workspace");
mkdirSync(folder);
let status = 1;
try {
  status = await runTests({
    vscodeExecutablePath: await executable(process.env.FROSTLINE_TEST_DESKTOP),
    extensionDevelopmentPath: root,
    extensionTestsPath: beside("support/mocha.cjs"),
    extensionTestsEnv: { FROSTLINE_TEST_HOST: host, FROSTLINE_TEST_FILES: JSON.stringify(files) },
    launchArgs: [folder, `--user-data-dir=${join(scratch, "user")}`, `--extensions-dir=${join(scratch, "extensions")}`, "--disable-gpu"],
  });
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
} finally {
  rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
}
process.exitCode = status;
