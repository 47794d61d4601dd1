// The shape of a recipe's `data`: where samples and labels come from, how they are split and what is done to each sample.

import { z } from "zod";
import { augmentSchema } from "./augment-schema.js";
import { sourceKinds, type DataSettings, type SourceKind, type SourceSettings } from "../data/dataset.js";

const text = z.string().min(1);
const count = z.int().min(1);
const size2 = z.tuple([count, count]);
const range = z.tuple([z.number(), z.number()]).refine(([from, to]) => from !== to, { error: "expected two different numbers" });
const numbers = z.array(z.number()).min(1);

/** One step of a transform; the key says which. */
export const transformStepSchema = z.union([
  z.strictObject({ reshape: z.array(count).min(1).describe("Shape of one sample, without the batch: [channels, height, width]") }),
  z.strictObject({
    scale: z
      .strictObject({ from: range.describe("Two values as they are in the file"), to: range.describe("What these two become") })
      .describe("Linear map of values; values outside `from` go outside `to`"),
  }),
  z.strictObject({
    normalize: z
      .strictObject({
        mean: numbers.describe("Mean of each channel, or one for all"),
        std: z.array(z.number().positive()).min(1).describe("Standard deviation of each channel, or one for all"),
      })
      .describe("(value − mean) ÷ std"),
  }),
  z.strictObject({
    resize: size2.describe("Height and width"),
    method: z
      .enum(["bilinear", "nearest"])
      .default("bilinear")
      .describe("How values between the old ones are found: half-pixel centres, no antialiasing"),
  }),
  z.strictObject({
    pad: size2.describe("Height and width to pad to; the sample goes to the centre"),
    value: z.number().default(0).describe("What the border is filled with"),
  }),
  z.strictObject({ crop: size2.describe("Height and width of the centre that is kept") }),
  z.strictObject({ repeat: count.describe("How often each sample's channels are repeated") }),
]);

const fraction = z.number().min(0).lt(1);

const splitSchema = z
  .strictObject({
    validation: fraction.default(0).describe("Fraction of the rows that chooses the best epoch"),
    test: fraction.default(0).describe("Fraction of the rows that is looked at once, at the end"),
    column: text.exactOptional().describe("Column that says which part each row belongs to; fractions are drawn from its training rows"),
    names: z
      .strictObject({ train: text.exactOptional(), validation: text.exactOptional(), test: text.exactOptional() })
      .exactOptional()
      .describe("What the column calls the parts; train, validation and test by default"),
  })
  .refine(({ validation, test }) => validation + test < 1, { error: "expected `validation` and `test` to leave rows to train on" });

/** One key for each kind of source: exactly one of them is given. */
const kinds = {
  csv: text.exactOptional().describe("File of comma-separated values (or tab-separated, `.tsv`) with a header; relative to the recipe"),
} as const satisfies Record<SourceKind, z.ZodType>;

const selection = {
  features: z
    .union([text, z.array(text).min(1)])
    .exactOptional()
    .describe("Globs over column names; the columns keep the header's order"),
  label: z
    .union([text, z.array(text).min(1)])
    .exactOptional()
    .describe("Column of the label; a list of columns where the loss takes several"),
};

/** Kinds that name what of them are samples and labels, so that `features` and `label` must be given. */
const namedKinds: readonly SourceKind[] = ["csv"];

const sourceSchema = z.strictObject({ ...kinds, ...selection });

export const dataSchema = z
  .strictObject({
    ...kinds,
    ...selection,
    validation: sourceSchema
      .exactOptional()
      .describe("Another source for the validation rows, with `features` and `label` as above where it has none"),
    test: sourceSchema.exactOptional().describe("Another source for the test rows, likewise"),
    split: splitSchema.prefault({}).describe("How rows are held out, drawn by `seed` and stratified where the label is a class; none by default"),
    onBadSample: z
      .enum(["stop", "skip"])
      .default("stop")
      .describe("What happens to samples that cannot be used: the run stops and names the first five, or goes on without them and says how many"),
    transform: z.array(transformStepSchema).default([]).describe("What is done to each sample, in this order"),
    augment: augmentSchema.exactOptional(),
    input: text.exactOptional().describe("The model's input that samples are fed to; needed where it has several"),
  })
  .superRefine((data, context) => {
    const refuse = (path: readonly string[], message: string): void => context.addIssue({ code: "custom", path: [...path], message });
    checkSource(data, data, [], refuse);
    for (const part of ["validation", "test"] as const) {
      const source = data[part];
      if (source === undefined) continue;
      checkSource(source, { ...data, ...source }, [part], refuse);
      if (data.split[part] > 0) refuse(["split", part], `the ${part} rows come from \`${part}\` already: expected no fraction, or no such source`);
    }
    if (data.split.names !== undefined && data.split.column === undefined) refuse(["split", "names"], "names go with a `column`");
  });

/** `inherited` is the source with what it takes over from the training rows' source. */
function checkSource(
  source: SourceSettings,
  inherited: SourceSettings,
  path: readonly string[],
  refuse: (path: readonly string[], message: string) => void,
): void {
  const given = sourceKinds.filter((kind) => source[kind] !== undefined);
  if (given.length !== 1) {
    refuse(path, `expected exactly one of ${sourceKinds.join(", ")}, got ${given.length === 0 ? "none" : given.join(" and ")}`);
    return;
  }
  for (const key of ["features", "label"] as const)
    if (namedKinds.includes(given[0]) && inherited[key] === undefined) refuse([...path, key], `missing: ${given[0]} needs it`);
}

/** What the key of a kind holds: the path of a file or folder, or several by their roles. */
type PathSetting = string | Readonly<Record<string, string>>;

/** Every file and folder that the settings name, with its key: `data.validation.csv`. */
export function pathsOf(data: DataSettings): readonly (readonly [path: string, key: string])[] {
  const sources = { data, "data.validation": data.validation, "data.test": data.test };
  return Object.entries(sources).flatMap(([key, source]) =>
    sourceKinds.flatMap((kind): readonly (readonly [string, string])[] => {
      const value = source?.[kind] as PathSetting | undefined;
      if (value === undefined) return [];
      return typeof value === "string" ? [[value, `${key}.${kind}`]] : Object.entries(value).map(([name, path]) => [path, `${key}.${kind}.${name}`]);
    }),
  );
}

/** The settings with each path of a file or folder changed. */
export function mapPaths<T extends DataSettings>(data: T, change: (path: string) => string): T {
  const { validation, test } = data;
  return {
    ...data,
    ...changedPaths(data, change),
    ...(validation === undefined ? {} : { validation: { ...validation, ...changedPaths(validation, change) } }),
    ...(test === undefined ? {} : { test: { ...test, ...changedPaths(test, change) } }),
  };
}

function changedPaths(source: SourceSettings, change: (path: string) => string): Partial<SourceSettings> {
  const of = (value: PathSetting): unknown =>
    typeof value === "string" ? change(value) : Object.fromEntries(Object.entries(value).map(([key, path]) => [key, change(path)]));
  return Object.fromEntries(sourceKinds.flatMap((kind) => (source[kind] === undefined ? [] : [[kind, of(source[kind] as PathSetting)]])));
}
