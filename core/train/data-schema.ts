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
const level = z.number().min(0).max(1);

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

const samplesAndLabels = z.strictObject({ samples: text.describe("File of the samples"), labels: text.describe("File of their labels") });

const imagesSchema = z.strictObject({
  folder: text.describe("Where the classes' folders lie; relative to the recipe"),
  size: size2.exactOptional().describe("Height and width that all images are brought to; left out, all must have one size already"),
  fit: z
    .enum(["cover", "contain", "stretch"])
    .default("cover")
    .describe("cover: fills the size and cuts off the rest; contain: all of the image with a border; stretch: proportions change"),
  color: z.enum(["grey", "rgb"]).exactOptional().describe("One channel or three; by default what the model takes, or rgb"),
  background: z
    .union([level, z.tuple([level, level, level])])
    .default(0)
    .describe("The border, and what shows through transparent pixels, from 0 (black) to 1: one number, or red, green and blue"),
});

/** One key for each kind of source: exactly one of them is given. */
const kinds = {
  csv: text.exactOptional().describe("File of comma-separated values (or tab-separated, `.tsv`) with a header; relative to the recipe"),
  jsonl: text.exactOptional().describe("File of JSON objects, one a line"),
  parquet: text.exactOptional().describe("Parquet file"),
  npz: text.exactOptional().describe("NumPy archive; `features` and `label` name arrays in it"),
  npy: samplesAndLabels.exactOptional().describe("NumPy files of one array each"),
  idx: samplesAndLabels.exactOptional().describe("IDX files, the format of MNIST, gzipped or not"),
  images: z
    .union([text, imagesSchema])
    .exactOptional()
    .describe("Folder with a folder of images for each class (PNG, JPEG, WebP, TIFF, GIF); values are from 0 to 1"),
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
const namedKinds: readonly SourceKind[] = ["csv", "jsonl", "parquet", "npz"];
/** Kinds of two files, samples and labels, with nothing in them to name. */
const pairKinds: readonly SourceKind[] = ["npy", "idx"];

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
    const columnless = pairKinds.find((kind) => data[kind] !== undefined);
    if (data.split.column !== undefined && columnless !== undefined) refuse(["split", "column"], `${columnless} has no columns`);
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
  for (const key of ["features", "label"] as const) {
    if (pairKinds.includes(given[0]) && source[key] !== undefined) refuse([...path, key], `${given[0]} has no use for it: its files say it all`);
    if (namedKinds.includes(given[0]) && inherited[key] === undefined) refuse([...path, key], `missing: ${given[0]} needs it`);
  }
  if (given[0] === "images" && source.features !== undefined) refuse([...path, "features"], "features are columns: images have none");
}

/** What the key of a kind holds: the path of a file or folder, or several by their roles. */
type PathSetting = string | Readonly<Record<string, unknown>>;

/** Which entries of a kind's setting are paths: of images the folder, of the others all. */
function isPath(kind: SourceKind, entry: readonly [key: string, value: unknown]): entry is readonly [string, string] {
  return kind !== "images" || entry[0] === "folder";
}

/** Every file and folder that the settings name, with its key: `data.validation.csv`. */
export function pathsOf(data: DataSettings): readonly (readonly [path: string, key: string])[] {
  const sources = { data, "data.validation": data.validation, "data.test": data.test };
  return Object.entries(sources).flatMap(([key, source]) =>
    sourceKinds.flatMap((kind): readonly (readonly [string, string])[] => {
      const value = source?.[kind] as PathSetting | undefined;
      if (value === undefined) return [];
      if (typeof value === "string") return [[value, `${key}.${kind}`]];
      return Object.entries(value).flatMap((entry) => (isPath(kind, entry) ? [[entry[1], `${key}.${kind}.${entry[0]}`]] : []));
    }),
  );
}

/** The settings with each path of a file or folder changed. */
export function mapPaths<T extends Pick<DataSettings, "validation" | "test"> & SourceSettings>(data: T, change: (path: string) => string): T {
  const { validation, test } = data;
  return {
    ...data,
    ...changedPaths(data, change),
    ...(validation === undefined ? {} : { validation: { ...validation, ...changedPaths(validation, change) } }),
    ...(test === undefined ? {} : { test: { ...test, ...changedPaths(test, change) } }),
  };
}

function changedPaths(source: SourceSettings, change: (path: string) => string): Partial<SourceSettings> {
  const changed = (kind: SourceKind, value: PathSetting): unknown =>
    typeof value === "string"
      ? change(value)
      : Object.fromEntries(Object.entries(value).map((entry) => [entry[0], isPath(kind, entry) ? change(entry[1]) : entry[1]]));
  return Object.fromEntries(sourceKinds.flatMap((kind) => (source[kind] === undefined ? [] : [[kind, changed(kind, source[kind] as PathSetting)]])));
}
