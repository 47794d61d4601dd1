// @ts-check
// Opens the workbench of a server in a headless Chromium.

import { chromium } from "playwright-core";

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** @param {string} executablePath of Chromium */
export async function openBrowser(executablePath) {
  const browser = await chromium.launch({ executablePath, headless: true, args: flags, handleSIGINT: false, handleSIGTERM: false });
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  return { browser, context };
}

/**
 * @typedef {object} Opened
 * @property {string} [folder]
 * @property {string} [file] opened in an editor
 * @property {readonly string[]} [extensions] folders of extensions under development; the server must run with its driver
 * @property {string} [tests] the module that the extension host runs
 * @property {boolean} [withoutInstalled] leaves installed extensions out
 */

/**
 * The address of the workbench that shows a folder. Paths are absolute.
 * @param {number} port
 * @param {Opened} opened
 */
export function workbenchUrl(port, { folder, file, extensions = [], tests, withoutInstalled = false }) {
  const authority = `127.0.0.1:${port}`;
  const uri = (/** @type {string} */ path) => `vscode-remote://${authority}${path}`;
  const payload = [
    ["skipWelcome", "true"],
    ["skipReleaseNotes", "true"],
    ...extensions.map((path) => ["extensionDevelopmentPath", uri(path)]),
    ...(tests === undefined ? [] : [["extensionTestsPath", uri(tests)]]),
    ...(file === undefined ? [] : [["openFile", uri(file)]]),
    ...(withoutInstalled ? [["disableExtensions", "true"]] : []),
  ];
  const query = new URLSearchParams(folder === undefined ? { ew: "true" } : { folder });
  query.set("payload", JSON.stringify(payload));
  return `http://${authority}/?${query}`;
}
