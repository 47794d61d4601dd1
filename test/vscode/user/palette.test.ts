// The commands in the palette, asked for with keys as a person does.

import assert from "node:assert/strict";
import { openWorkbench, type Workbench } from "../support/workbench.js";

describe("the command palette", () => {
  let workbench: Workbench;
  before(async () => {
    workbench = await openWorkbench();
  });
  after(() => workbench?.close());

  it("offers the commands under their category", async () => {
    const { page } = workbench;
    await page.keyboard.press("F1");
    await page.locator(".quick-input-widget input").first().waitFor();
    await page.keyboard.type("Frostline: ");
    const rows = page.locator(".quick-input-list .monaco-list-row", { hasText: "Frostline: " });
    await rows.filter({ hasText: "Frostline: Open Model" }).waitFor();
    assert.ok((await rows.count()) >= 3);
  });
});
