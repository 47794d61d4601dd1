// A new recipe's text: what a person answered, with comments that say what each part does. A pure function of the answers.

import { basename, relative, sep, isAbsolute } from "node:path";
import type { SourceSettings } from "../data/dataset.js";
import { mapPaths } from "./data-schema.js";
import type { RecipeDraft } from "./recipe-draft.js";

export interface NewRecipeRequest {
  /** Absolute. */
  readonly model: string;
  readonly draft: RecipeDraft;
  readonly freeze: readonly string[];
  /** Where the recipe will lie. */
  readonly folder: string;
  /** Without `.finetune.json`. */
  readonly name: string;
}

/** Comments, a key and its value; or nothing. */
type Entry = readonly [comments: readonly string[], key: string, value: unknown] | undefined;

/** JSON with comments, ending in a newline. */
export function newRecipe({ model, draft, freeze, folder, name }: NewRecipeRequest): string {
  const place = (path: string): string => placeFrom(folder, path);
  const { head, task, batchSize } = draft;
  const headOnly = head !== undefined && freeze.length === 2;
  const entries: readonly Entry[] = [
    [[], "model", place(model)],
    head === undefined
      ? undefined
      : [[`New layers in place of what follows "${head.after}": ${head.reason}.`], "head", { after: head.after, layers: head.layers }],
    [
      freeze.length === 0
        ? ['Nothing is frozen: every layer trains. Rules are names with *, such as "blocks.0.*".']
        : ['What is frozen, and what is not: the last rule that matches a parameter decides; "!" makes it trainable.'],
      "freeze",
      freeze,
    ],
    [dataComments(draft), "data", dataOf(draft, place)],
    [[lossComment(draft)], "loss", { type: task.type, ...(draft.output === undefined ? {} : { output: draft.output }) }],
    [
      headOnly ? [] : ["Steps small enough to keep what the pretrained layers know."],
      "optimizer",
      { type: "adamw", learningRate: headOnly ? 0.003 : 0.0003 },
    ],
    [[], "schedule", { type: "cosine" }],
    [batchSize === 1 ? ["The model takes one sample at a time."] : [], "batchSize", batchSize],
    [[], "epochs", 20],
    [["The trained model: written when the run ends, with the weights of its best epoch."], "output", `${name}.onnx`],
  ];
  const body = entries.filter((entry) => entry !== undefined).map(entryText).join(",\n"); // prettier-ignore
  return `// Fine-tunes ${basename(model)} on ${basename(dataPath(draft.data))}. Point at a key to read what it means.\n{\n${body}\n}\n`;
}

/** What is explained stands by itself. */
function entryText([comments, key, value]: NonNullable<Entry>): string {
  const lines = comments.flatMap(wrapped).map((line) => `  // ${line}`);
  return [...(lines.length > 0 ? [""] : []), ...lines, `  ${JSON.stringify(key)}: ${valueText(value, 1)}`].join("\n");
}

/** Characters of a line; keys and comments stay in sight beside a minimap. */
const lineWidth = 84;

function wrapped(comment: string): readonly string[] {
  const lines = [""];
  for (const word of comment.split(" ")) {
    const last = lines.length - 1;
    if (lines[last] === "") lines[last] = word;
    else if (lines[last].length + word.length < lineWidth - 5) lines[last] += ` ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A value on one line where it fits, else an entry a line. */
function valueText(value: unknown, depth: number): string {
  const line = inline(value);
  if (value === null || typeof value !== "object" || line.length + 2 * depth <= lineWidth) return line;
  const pad = "  ".repeat(depth + 1);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const items = Array.isArray(value)
    ? value.map((item) => valueText(item, depth + 1))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${valueText(item, depth + 1)}`);
  return `${open}\n${items.map((item) => `${pad}${item}`).join(",\n")}\n${"  ".repeat(depth)}${close}`;
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${inline(item)}`);
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

function dataOf({ data, transform, samples, input }: RecipeDraft, place: (path: string) => string): Readonly<Record<string, unknown>> {
  const held = samples >= 50 ? { validation: 0.1, test: 0.1 } : samples >= 10 ? { validation: 0.2 } : undefined;
  return {
    ...mapPaths(data, place),
    ...(held === undefined ? {} : { split: held }),
    ...(transform.length === 0 ? {} : { transform }),
    ...(input === undefined ? {} : { input }),
  };
}

function dataComments({ samples, transform, misfit }: RecipeDraft): readonly string[] {
  const counted = samples >= 10 ? "; some are held out to validate each epoch" : "";
  return [
    `${samples.toLocaleString("en")} samples${counted}${samples >= 50 ? ", others to test the result once" : ""}.`,
    ...(transform.some((step) => "scale" in step) ? ["Check the scale: values should be as the model was trained on them."] : []),
    ...(misfit === undefined
      ? []
      : [`The model takes [${misfit.takes.join(", ")}] a sample, the data gives [${misfit.gives.join(", ")}]: add steps to "transform".`]),
  ];
}

function lossComment({ task: { type, outputs, names } }: RecipeDraft): string {
  if (type === "crossEntropy")
    return `${outputs} classes${names === undefined ? "" : `: ${names.map(sayable).join(", ")}${names.length < outputs ? ", …" : ""}`}.`;
  if (type === "binaryCrossEntropy") return `${outputs} labels, each of which holds or not.`;
  return outputs === 1 ? "One number." : `${outputs} numbers.`;
}

/** A name from the data on one line of a comment. */
function sayable(name: string): string {
  return JSON.stringify(name.slice(0, 40)).slice(1, -1);
}

function dataPath({ csv, jsonl, parquet, npz, npy, idx, images }: SourceSettings): string {
  return csv ?? jsonl ?? parquet ?? npz ?? npy?.samples ?? idx?.samples ?? (typeof images === "object" ? images.folder : images) ?? "data";
}

/** The path as a recipe in `folder` writes it: relative where it can be, with `/`. */
function placeFrom(folder: string, path: string): string {
  const way = relative(folder, path);
  return isAbsolute(way) ? path : way.split(sep).join("/");
}
