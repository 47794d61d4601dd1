// A person makes a recipe from a model and a table, step by step with the keyboard, goes back on the way, and trains it.

import assert from "node:assert/strict";
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../support/prepare.mjs";
import { openWorkbench, type Workbench, type WorkbenchOptions } from "../support/workbench.js";

describe("making a recipe step by step", () => {
  let folder: string;
  let workbench: Workbench | undefined;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "frostline-wizard-"));
    await copyFile(join(root, "node_modules/detypify-service/train/model.onnx"), join(folder, "symbols.onnx"));
    const table = await readFile(join(root, "media/examples/digits/digits.csv"), "utf8");
    await writeFile(join(folder, "digits.csv"), `${table.split("\n").slice(0, 101).join("\n")}\n`);
    await writeFile(join(folder, "other.csv"), "a,b\n1,2\n2,3\n");
    await writeFile(join(folder, "first.finetune.json"), "{}\n");
  });
  afterEach(async () => {
    await workbench?.close();
    workbench = undefined;
  });
  after(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));

  /** An editor on the folder. Once there is a lens the extension is active, and the palette knows its commands. */
  async function open(options: WorkbenchOptions): Promise<Workbench> {
    workbench = await openWorkbench({ folder, file: "first.finetune.json", ...options });
    await workbench.page.locator(".codelens-decoration a", { hasText: "Fine-tune" }).first().waitFor();
    return workbench;
  }

  /** Waits for a question, and chooses an answer by typing it. */
  async function choose(question: string, answer: string): Promise<void> {
    await ask(question);
    const { page } = workbench as Workbench;
    await page.keyboard.type(answer);
    await page.locator(".quick-input-list .monaco-list-row.focused", { hasText: answer }).waitFor();
    await page.keyboard.press("Enter");
  }

  async function ask(question: string): Promise<void> {
    const { page } = workbench as Workbench;
    await page.locator(`.quick-input-widget input[placeholder*="${question}"]`).waitFor();
  }

  for (const theme of ["Dark Modern", "Light Modern"])
    it(`writes a recipe, with a way back (${theme})`, async () => {
      const shot = theme.split(" ")[0].toLowerCase();
      const opened = await open({ theme });
      const { page } = opened;
      await workbench?.command("Frostline: New Fine-Tune Recipe from Model…");
      await choose("The pretrained model", "symbols.onnx");
      await choose("The data to learn from", "other.csv");
      await ask("The column that the model is to predict");
      await page.locator(".quick-input-titlebar .codicon-quick-input-back").click();
      await ask("The data to learn from");
      await opened.shoot(`wizard-${shot}-1-data`);
      await choose("The data to learn from", "digits.csv");
      await choose("The column that the model is to predict", "label");
      await choose("What to learn of 100 samples", "Which of 10 classes");
      await ask("What to freeze");
      await opened.shoot(`wizard-${shot}-2-freeze`);
      await choose("What to freeze", "All but the new head");
      await page.locator(".codelens-decoration", { hasText: "❄ 94 tensors" }).waitFor();
      await opened.shoot(`wizard-${shot}-3-recipe`);
      assert.ok((await readdir(folder)).some((name) => /^symbols-digits.*\.finetune\.json$/.test(name)));
    });

  it("leaves nothing behind where the person escapes", async () => {
    const before = await readdir(folder);
    const { page } = await open({});
    await workbench?.command("Frostline: New Fine-Tune Recipe from Model…");
    await choose("The pretrained model", "symbols.onnx");
    await ask("The data to learn from");
    await page.keyboard.press("Escape");
    await page.locator(".quick-input-widget").waitFor({ state: "hidden" });
    assert.deepEqual(await readdir(folder), before);
  });
});
