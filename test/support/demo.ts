// The demo's recipe in a folder of its own, on the first rows of its table and for one epoch a phase.

import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "jsonc-parser";
import type { Recipe } from "../../core/train/recipe.js";

const demo = join(__dirname, "../../media/examples/digits");

export interface DemoFolder {
  readonly folder: string;
  readonly recipe: string;
  /** Where the trained model goes. */
  readonly output: string;
}

/** The caller removes the folder, which lies in `parent`. `settings` take the place of the recipe's. */
export async function demoFolder(rows: number, settings: Partial<Recipe> = {}, parent = tmpdir()): Promise<DemoFolder> {
  const folder = await mkdtemp(join(parent, "frostline-demo-"));
  const recipe = parse(await readFile(join(demo, "digits.finetune.json"), "utf8")) as Recipe;
  const table = await readFile(join(demo, "digits.csv"), "utf8");
  await writeFile(join(folder, "digits.csv"), table.split("\n").slice(0, rows + 1).join("\n") + "\n"); // prettier-ignore
  const phases = recipe.phases?.map((phase) => ({ ...phase, epochs: 1 }));
  const path = join(folder, "digits.finetune.json");
  await writeFile(path, JSON.stringify({ ...recipe, model: join(demo, recipe.model), phases, ...settings }, null, 2));
  return { folder, recipe: path, output: join(folder, "digits.onnx") };
}
