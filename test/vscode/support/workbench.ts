// A workbench with the extension in it, for the tests that see it as a person does; and where the screenshots go. The extension is the one
// under development, unless a folder of installed ones is named.

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { root } from "../../support/prepare.mjs";
import { openBrowser, workbenchUrl } from "./browser.mjs";
import { findChromium, prepareHost } from "./prepare.mjs";
import { startServer, type Server } from "./server.mjs";

const shots = join(root, ".vscode-test", "screenshots");

export interface WorkbenchOptions {
  /** Folder that is opened; an empty one where none is named. */
  readonly folder?: string;
  /** File of the folder that is opened in an editor. */
  readonly file?: string;
  readonly theme?: string;
  /** Whether folders must be trusted first. */
  readonly trust?: boolean;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Folder of installed extensions, in the place of the one under development. */
  readonly installed?: string;
}

export interface Workbench {
  readonly page: Page;
  /** Takes a picture under a name. */
  shoot(name: string): Promise<void>;
  /** Runs a command of the palette by its title, with the keyboard. */
  command(title: string): Promise<void>;
  close(): Promise<void>;
}

/** Makes the package of this platform and installs it as a person would; answers the folder that it is in. */
export async function installPackage(scratch: string): Promise<string> {
  const { makePackage } = await import("../../../extension/package.mjs");
  const { node, server } = await prepareHost("newest");
  const folder = join(scratch, "extensions");
  const file = await makePackage("linux-x64");
  const options = ["--extensions-dir", folder, "--server-data-dir", join(scratch, "data"), "--accept-server-license-terms"];
  execFileSync(node, [server, "--install-extension", file, ...options], { stdio: "pipe" });
  return folder;
}

/** Starts an editor and waits until its window is there. */
export async function openWorkbench({ folder, file, theme, trust = false, settings = {}, installed }: WorkbenchOptions = {}): Promise<Workbench> {
  const scratch = await mkdtemp(join(tmpdir(), "frostline-user-"));
  const owned: (() => Promise<unknown>)[] = [() => rm(scratch, { recursive: true, force: true, maxRetries: 3 })];
  const close = async () => {
    for (const end of owned.splice(0).reverse()) await end();
  };
  try {
    const server = await startServer({
      host: await prepareHost("newest"),
      dataDir: join(scratch, "data"),
      trust,
      settings: { ...(theme === undefined ? {} : { "workbench.colorTheme": theme }), ...settings },
      ...(installed === undefined ? {} : { extensionsDir: installed }),
    });
    owned.push(server.stop);
    const { browser, context } = await openBrowser(findChromium());
    owned.push(() => browser.close());
    const page = await context.newPage();
    if (installed === undefined) await developExtension(page, server);
    const opened = folder ?? (await mkdtemp(join(scratch, "folder-")));
    await page.goto(workbenchUrl(server.port, { folder: opened, ...(file === undefined ? {} : { file: join(opened, file) }) }));
    await page.locator(".monaco-workbench .part.statusbar").waitFor({ timeout: 60_000 });
    mkdirSync(shots, { recursive: true });
    return { page, close, shoot: (name) => shoot(page, name), command: (title) => runCommand(page, title) };
  } catch (error) {
    await close();
    throw error;
  }
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(shots, `${name}.png`) });
}

async function runCommand(page: Page, title: string): Promise<void> {
  await page.keyboard.press("F1");
  await page.locator(".quick-input-widget input").first().waitFor();
  await page.keyboard.type(title);
  await page.locator(".quick-input-list .monaco-list-row.focused", { hasText: title }).waitFor();
  await page.keyboard.press("Enter");
}

/**
 * Tells the workbench of the extension under development, in the configuration that the server writes into the page. The server's driver
 * would do it too, but hides notifications.
 */
async function developExtension(page: Page, { port }: Server): Promise<void> {
  const extension = { $mid: 1, scheme: "vscode-remote", authority: `127.0.0.1:${port}`, path: root.replace(/\/$/, "") };
  await page.addInitScript(`(() => {
    if (window !== window.top) return;
    new MutationObserver((_, observer) => {
      const meta = document.getElementById("vscode-workbench-web-configuration");
      if (meta === null) return;
      observer.disconnect();
      const settings = JSON.parse(meta.getAttribute("data-settings"));
      settings.developmentOptions = { ...settings.developmentOptions, extensions: [${JSON.stringify(extension)}] };
      meta.setAttribute("data-settings", JSON.stringify(settings));
    }).observe(document, { childList: true, subtree: true });
  })()`);
}
