import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { parse } from "jsonc-parser";
import { recipeEditorSchema } from "../../../core/train/recipe-editor-schema.js";
import { recipeJsonSchema } from "../../../core/train/recipe-schema.js";

const root = join(__dirname, "../../..");
const examples = join(root, "media/examples");

const recipes = readdirSync(examples, { recursive: true, encoding: "utf8" }).filter(
  (name) => name.endsWith(".finetune.json") && !name.includes(".seed-"),
);

describe("the editor's schema of recipes", () => {
  // What VS Code's JSON server adds to the language is no part of draft 7.
  const ajv = new Ajv({
    strict: true,
    strictTuples: false,
    strictTypes: false,
    keywords: ["allowComments", "allowTrailingCommas", "defaultSnippets"],
  });
  const validate = ajv.compile(recipeEditorSchema());

  it("says what the engine's schema says", () => {
    for (const [key, value] of Object.entries(recipeJsonSchema())) assert.deepEqual(recipeEditorSchema()[key], value);
    assert.equal(recipeEditorSchema().$schema, "http://json-schema.org/draft-07/schema#");
  });

  it("explains every key of a recipe", () => {
    const { properties } = recipeEditorSchema() as { readonly properties: Readonly<Record<string, { readonly description?: string }>> };
    const unexplained = Object.entries(properties).filter(([, { description = "" }]) => description === "");
    assert.deepEqual(unexplained.map(([key]) => key), []); // prettier-ignore
  });

  for (const name of recipes) {
    it(`accepts ${name}`, () => {
      const valid = validate(parse(readFileSync(join(examples, name), "utf8"), [], { allowTrailingComma: true }));
      assert.deepEqual([valid, validate.errors], [true, null]);
    });
  }

  it("accepts the recipe that a snippet starts with, and refuses a key that it does not know", () => {
    const [{ body }] = recipeEditorSchema().defaultSnippets as readonly { readonly body: object }[];
    const filled = JSON.parse(JSON.stringify(body).replaceAll(/"\^?\$\{\d:(\d+)\}"/g, "$1").replaceAll(/\$\{\d:([^}]*)\}/g, "$1")) as object; // prettier-ignore
    assert.deepEqual([validate(filled), validate.errors], [true, null]);
    assert.equal(validate({ ...filled, frozen: ["*"] }), false);
  });
});
