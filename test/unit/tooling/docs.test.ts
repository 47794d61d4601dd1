// What the user's pages claim, checked against the code they describe.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { allDefinitions } from "../../../core/ops/index.js";
import { recipeSchema } from "../../../core/train/recipe-schema.js";
import { root } from "../../support/prepare.mjs";

const read = (file: string): Promise<string> => readFile(path.join(root, file), "utf8");

/** Names in backticks of the section under a heading, in order. */
function namesUnder(text: string, heading: string): readonly string[] {
  const section = text.split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
  return [...section.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
}

describe("user documentation", () => {
  it("lists the operators with and without a gradient", async () => {
    const page = await read("media/docs/operators.md");
    const own = allDefinitions().filter(({ domain }) => domain === "");
    const where = (stance: "function" | "string"): readonly string[] =>
      own
        .filter(({ grad }) => typeof grad === stance)
        .map(({ type }) => type)
        .sort();
    assert.deepEqual(namesUnder(page, "With a gradient"), where("function"));
    assert.deepEqual(namesUnder(page, "Without one by nature"), where("string"));
  });

  it("explains every key of a recipe and no other", async () => {
    const page = await read("media/docs/recipe.md");
    const documented = [...page.split(/^## /m)[0].matchAll(/^\| `(\w+)` /gm)].map(([, key]) => key);
    const keys = Object.keys(recipeSchema.shape).filter((key) => key !== "$schema");
    assert.deepEqual(documented.sort(), keys.sort());
  });

  it("links only to pages that exist", async () => {
    const examples = (await readdir(path.join(root, "media/examples"))).map((folder) => `media/examples/${folder}/README.md`);
    const pages = ["README.md", ...examples, ...(await readdir(path.join(root, "media/docs"))).map((f) => `media/docs/${f}`)];
    for (const page of pages) {
      for (const [, target, anchor] of (await read(page)).matchAll(/\]\((?!https?:)([^)#]*)(#[^)]*)?\)/g)) {
        const file = target === "" ? page : path.posix.join(path.posix.dirname(page), target);
        const text = await read(file).catch(async () => (await readdir(path.join(root, file))).join("\n"));
        if (anchor === undefined) continue;
        const anchors = [...text.matchAll(/^#+ (.*)$/gm)].map(
          ([, title]) =>
            `#${title
              .toLowerCase()
              .replace(/[^\w -]/g, "")
              .replaceAll(" ", "-")}`,
        );
        assert.ok(anchors.includes(anchor), `${page}: ${file} has no heading for ${anchor}`);
      }
    }
  });
});
