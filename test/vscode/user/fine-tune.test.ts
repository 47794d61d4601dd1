// A person installs the package, opens a recipe and fine-tunes a model with nothing but the keyboard.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { demoFolder, type DemoFolder } from "../../support/demo.js";
import { installPackage, openWorkbench, type Workbench } from "../support/workbench.js";

const themes = { dark: "Dark Modern", light: "Light Modern", "high-contrast": "Default High Contrast" };

describe("the installed package", () => {
  let scratch: string;
  let installed: string;
  let demo: DemoFolder;
  let workbench: Workbench | undefined;
  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "frostline-installed-"));
    installed = await installPackage(scratch);
    demo = await demoFolder(60);
  });
  afterEach(async () => {
    await workbench?.close();
    workbench = undefined;
  });
  after(() => Promise.all([scratch, demo?.folder].map((folder) => rm(folder, { recursive: true, force: true, maxRetries: 3 }))));

  for (const [name, theme] of Object.entries(themes))
    it(`fine-tunes from the palette and tells how the run ended (${name})`, async () => {
      await rm(demo.output, { force: true });
      workbench = await openWorkbench({ folder: demo.folder, file: basename(demo.recipe), theme, installed });
      const { page } = workbench;
      await page
        .locator(".tab", { hasText: basename(demo.recipe) })
        .first()
        .waitFor();
      // Above the recipe: then the extension is active, and the palette knows its commands.
      await page.locator(".codelens-decoration a", { hasText: "Fine-tune" }).first().waitFor();
      await workbench.shoot(`${name}-1-recipe`);
      await workbench.command("Frostline: Fine-Tune");
      const toast = page.locator(".notification-toast", { hasText: /unchanged/ });
      await toast.first().waitFor();
      await workbench.shoot(`${name}-2-finished`);
      assert.ok(existsSync(demo.output));
    });

  it("trains nothing in a folder that is not trusted", async () => {
    await rm(demo.output, { force: true });
    workbench = await openWorkbench({ folder: demo.folder, file: basename(demo.recipe), trust: true, installed });
    const { page } = workbench;
    await page.getByRole("button", { name: /Restricted Mode/ }).first().waitFor(); // prettier-ignore
    await page.locator(".monaco-editor .view-lines").first().click();
    await page.keyboard.press("F1");
    await page.locator(".quick-input-widget input").first().waitFor();
    await page.keyboard.type("Frostline: ");
    const rows = page.locator(".quick-input-list .monaco-list-row", { hasText: "Frostline: " });
    await rows.filter({ hasText: "Frostline: Open Model" }).waitFor();
    await workbench.shoot("restricted");
    assert.equal(await rows.filter({ hasText: "Fine-Tune…" }).count(), 0);
    assert.equal(existsSync(demo.output), false);
  });
});
