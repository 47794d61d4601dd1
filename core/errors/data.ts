// What can be wrong with data files, and with the recipe's values about them.

import { make } from "./define.js";
import { fileReason, relativePaths } from "./files.js";
import { didYouMean } from "../graph/nearest.js";

export const badSeed = (seed: number) =>
  make("recipe/seed", `seed: expected a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, got ${seed}`, { seed });

export const badOptimizer = (setting: string, expected: string, got: number) =>
  make("recipe/optimizer", `optimizer.${setting}: expected ${expected}, got ${got}`, { setting, expected, got });

export const noDataFile = (path: string, near: readonly string[]) =>
  make("data/no-file", `data file "${path}" does not exist`, { path, near }, didYouMean(near) ?? relativePaths);

export const unreadableData = (path: string, reason: string) =>
  make("data/unreadable", `data file "${path}" cannot be read: ${reason}`, { path, reason });

export const malformedTable = (path: string, line: number, problem: string) =>
  make("data/table", `${path}:${line}: ${problem}`, { path, line, problem });

export const emptyTable = (path: string, what: string) =>
  make("data/empty", `${path}: expected a header and at least one row, got ${what}`, { path });

export const noRecords = (path: string, what: string) => make("data/empty", `${path}: expected at least one record, got ${what}`, { path });

/** Rows that cannot be used, the first few in words (`digits.csv:12: column "p3": …`). */
export const badRows = (
  path: string,
  count: number,
  problems: readonly string[],
  hint = 'Mend or remove these rows, or train without them: "data": { "onBadSample": "skip" }.',
) =>
  make(
    "data/rows",
    [
      `${path}: ${count} ${count === 1 ? "row" : "rows"} cannot be used`,
      ...problems.map((problem) => `  ${problem}`),
      ...(count > problems.length ? [`  and ${count - problems.length} more`] : []),
    ].join("\n"),
    { path, count, problems },
    hint,
  );

export const noGoodSamples = (path: string, count: number, problems: readonly string[]) =>
  make("data/empty", [`${path}: none of the ${count} samples can be used`, ...problems.map((problem) => `  ${problem}`)].join("\n"), { path, count });

export const oneLabelColumn = (loss: string, columns: readonly string[]) =>
  make(
    "recipe/label-columns",
    `${loss} takes one label column, got ${columns.length}: ${columns.join(", ")}`,
    { loss, columns },
    "Several columns go with binaryCrossEntropy where they are 0 or 1, and with meanSquaredError where they are numbers.",
  );

/** `rarest` tells of the classes with the fewest rows, one each. */
export const tooManyClasses = (path: string, column: string, classes: number, outputs: number, rarest: readonly string[]) =>
  make(
    "data/classes",
    [
      `${path}: column "${column}" holds ${classes} classes, the model's output has ${outputs}; those with the fewest rows:`,
      ...rarest.map((place) => `  ${place}`),
    ].join("\n"),
    { path, column, classes, outputs, rarest },
    `If all of these are classes, give the last layer of the head ${classes} units; else mend the rows, or name another label column.`,
  );

/** `expected` is what the recipe takes the file for. */
export const notAnArray = (name: string, expected: string, got: string) =>
  make("data/array", `${name}: expected ${expected}, got ${got}`, { name, expected, got });

export const badArray = (name: string, problem: string) => make("data/array", `${name}: ${problem}`, { name, problem });

export const arrayType = (name: string, expected: string, got: string) =>
  make(
    "data/array",
    `${name}: expected ${expected}, got ${got}`,
    { name, expected, got },
    "Write it again as an array of numbers: `array.astype(…)`.",
  );

export const arrayShape = (name: string, expected: string, got: readonly number[]) =>
  make("data/array", `${name}: expected ${expected}, got the shape [${got.join(", ")}]`, { name, expected, got });

export const labelCount = (labels: string, got: readonly number[], samples: string, expected: readonly number[]) =>
  make(
    "data/labels",
    `${labels}: expected ${expected[0]} labels, one for each sample of ${samples} [${expected.join(", ")}], got the shape [${got.join(", ")}]`,
    { labels, got, samples, expected },
  );

export const unknownArray = (path: string, role: string, name: string, near: readonly string[], all: readonly string[]) =>
  make(
    "recipe/unknown-array",
    `${role}: ${path} has no array "${name}"`,
    { path, name, all },
    didYouMean(near) ?? `It has ${all.join(", ") || "none"}.`,
  );

export const oneFeatureArray = (path: string, names: readonly string[]) =>
  make("recipe/unknown-array", `data.features: expected the name of one array of ${path}, got ${names.length}`, { path, names });

export const unreadableFormat = (path: string, format: string, reason: string) =>
  make("data/format", `${path}: expected ${format}, got a file that cannot be read as one: ${reason}`, { path, format, reason });

export const dataChanged = (path: string) =>
  make(
    "data/changed",
    `${path}: expected the samples that the run began with, got others`,
    { path },
    "Leave data files alone while a run goes on; start it again from its recipe.",
  );

export const noSource = (kinds: readonly string[]) => make("recipe/source", `data: expected one of ${kinds.join(", ")}, got none`, { kinds });

export const sourcesDiffer = (first: string, expected: readonly number[], other: string, got: readonly number[]) =>
  make(
    "data/shape",
    `samples of ${other} have the shape [${got.join(", ")}], those of ${first} have [${expected.join(", ")}]`,
    { first, expected, other, got },
    "Training, validation and test samples go through the same transforms and the same model.",
  );

export const labelColumnsDiffer = (first: string, expected: readonly string[], other: string, got: readonly string[]) => {
  const list = (columns: readonly string[]): string => `${columns.length} (${columns.join(", ") || "none"})`;
  return make(
    "data/labels",
    `${other} has ${got.length} label columns (${got.join(", ") || "none"}), ${first} has ${list(expected)}`,
    { first, expected, other, got },
    "All sources of a recipe need the same label columns, in the same order.",
  );
};

/** Decoded samples that fit neither into memory nor on disk. */
export const spill = (folder: string, cause: unknown) =>
  make(
    "data/spill",
    `samples that are more than memory holds cannot be kept in "${folder}": ${fileReason(cause)}`,
    { folder, reason: fileReason(cause) },
    "Make room there, or put the recipe on a larger disk.",
  );

export const unknownColumn = (path: string, role: string, name: string, near: readonly string[]) =>
  make("recipe/unknown-column", `${role}: "${name}" matches no column of ${path}`, { path, name, near }, didYouMean(near));

export const labelIsFeature = (column: string) =>
  make(
    "recipe/label-feature",
    `data.features names "${column}", which is the label`,
    { column },
    "A model that is given the answer learns nothing: leave the label out of the features.",
  );

export const noFeatures = (path: string, globs: readonly string[]) =>
  make(
    "recipe/no-features",
    `data.features ${JSON.stringify(globs)}: leaves no column of ${path}`,
    { path, globs },
    "A glob adds the columns that it matches, one with ! takes them out; the last one that matches a column decides.",
  );

export const badTransform = (step: number, kind: string, expected: string, got: string) =>
  make("recipe/transform", `data.transform, step ${step} (${kind}): expected ${expected}, got ${got}`, { step, kind, expected, got });

export const badSplit = (problem: string) => make("recipe/split", `data.split: ${problem}`, { problem });

export const inputType = (name: string, expected: string, got: string) =>
  make("model/input-type", `input "${name}": expected ${expected}, got ${got}`, { name, expected, got });

export const noPicture = (shape: readonly number[]) =>
  make(
    "usage/preview",
    `--preview: expected samples of [1, height, width] or [3, height, width] after the transforms, got [${shape.join(", ")}]`,
    { shape },
    "Leave --preview out: the report shows values, and --json more of them; or reshape samples that are images.",
  );

export const noTask = (path: string, columns: readonly string[]) =>
  make(
    "data/labels",
    `${path}: nothing can be learnt of ${columns.map((name) => `"${name}"`).join(", ") || "its labels"}`,
    { path, columns },
    "Labels are classes (at least two different ones), numbers, or several columns of 0 and 1.",
  );
