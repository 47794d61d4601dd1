// The JSON schema of recipes as an editor's JSON server takes it: what recipe-schema.ts says, and a new recipe to start from.

import { recipeJsonSchema } from "./recipe-schema.js";

const newRecipe = {
  label: "New recipe",
  description: "Fine-tunes a new head on a table, with everything else frozen",
  body: {
    model: "${1:model.onnx}",
    head: { layers: [{ type: "dense", units: "^${2:10}" }] },
    freeze: ["*", "!head.*"],
    data: { csv: "${3:data.csv}", features: ["*"], label: "${4:label}", split: { validation: 0.1, test: 0.1 } },
    loss: { type: "crossEntropy" },
    epochs: "^${5:10}",
    output: "${6:trained.onnx}",
  },
};

/** JSON schema (draft 7), with the keywords that VS Code's JSON server adds: comments, trailing commas and snippets. */
export function recipeEditorSchema(): Record<string, unknown> {
  return { ...recipeJsonSchema(), allowComments: true, allowTrailingCommas: true, defaultSnippets: [newRecipe] };
}
