// @ts-check
// What the stand-in for the `code` executable does: it takes VS Code's command line, as far as running tests needs it, but the window is
// the workbench of a server in headless Chromium, and the extension host is that server's. FROSTLINE_TEST_HOST names the prepared host.

import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openBrowser, workbenchUrl } from "./browser.mjs";
import { findChromium, prepareHost } from "./prepare.mjs";
import { startServer } from "./server.mjs";

const inside = fileURLToPath(new URL("inside.cjs", import.meta.url));

const { values, positionals } = parseArgs({
  strict: false,
  allowPositionals: true,
  options: {
    extensionDevelopmentPath: { type: "string", multiple: true },
    extensionTestsPath: { type: "string" },
    "extensions-dir": { type: "string" },
    "disable-extensions": { type: "boolean" },
    "disable-workspace-trust": { type: "boolean" },
  },
});

/** @param {unknown} value @returns {readonly string[]} */
const texts = (value) => (Array.isArray(value) ? value : [value]).filter((v) => typeof v === "string");

const scratch = mkdtempSync(join(tmpdir(), "frostline-code-"));
const log = join(scratch, "log.txt");
const done = join(scratch, "done.json");
writeFileSync(log, "");

/** @type {(() => Promise<unknown>)[]} */
const owned = [];

async function stop() {
  for (const end of owned.splice(0).reverse()) await end().catch(() => {});
  rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
}

/** Shows what the extension host and the server print, as far as it is new. */
function follow() {
  const file = openSync(log, "r");
  const buffer = Buffer.alloc(65_536);
  const show = () => {
    for (let n = readSync(file, buffer); n > 0; n = readSync(file, buffer)) process.stdout.write(buffer.subarray(0, n));
  };
  const timer = setInterval(show, 200);
  owned.push(async () => {
    clearInterval(timer);
    show();
    closeSync(file);
  });
}

/** @returns {Promise<number>} the exit status */
async function runTests() {
  follow();
  const [tests = ""] = texts(values.extensionTestsPath);
  const host = await prepareHost(process.env.FROSTLINE_TEST_HOST ?? "newest");
  const server = await startServer({
    host,
    dataDir: join(scratch, "data"),
    ...(texts(values["extensions-dir"]).length === 0 ? {} : { extensionsDir: texts(values["extensions-dir"])[0] }),
    trust: values["disable-workspace-trust"] !== true,
    driver: true,
    env: { FROSTLINE_TEST_LOG: log, FROSTLINE_TEST_DONE: done, FROSTLINE_TEST_ENTRY: resolve(tests) },
    ...(process.env.FROSTLINE_TEST_VERBOSE === undefined ? {} : { log }),
  });
  owned.push(server.stop);
  const { browser, context } = await openBrowser(findChromium());
  owned.push(() => browser.close());
  const page = await context.newPage();
  const ended = new Promise((end) => void page.exposeFunction("codeAutomationExit", end));
  const [folder] = positionals;
  const url = workbenchUrl(server.port, {
    ...(folder === undefined ? {} : { folder: resolve(folder) }),
    extensions: texts(values.extensionDevelopmentPath).map((path) => resolve(path)),
    tests: inside,
    withoutInstalled: values["disable-extensions"] === true,
  });
  await page.goto(url);
  const status = Number(await Promise.race([ended, new Promise((end) => page.on("crash", () => end(1)))]));
  // An extension host that aborts is reported as 0 too.
  if (existsSync(done)) return status;
  console.error(`The extension host ended before the tests did.\n${server.output()}`);
  return status === 0 ? 1 : status;
}

for (const [signal, status] of /** @type {const} */ ([
  ["SIGTERM", 143],
  ["SIGINT", 130],
]))
  // prettier-ignore
  process.on(signal, () => void stop().finally(() => process.exit(status)));

// Whoever started this may be ended without a word.
const parent = process.ppid;
setInterval(() => process.ppid !== parent && void stop().finally(() => process.exit(1)), 500).unref();

let status = 1;
try {
  status = await runTests();
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
} finally {
  await stop();
}
process.exit(status);
