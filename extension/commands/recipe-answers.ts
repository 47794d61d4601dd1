// What follows from a person's answers about a new recipe, without asking: the kind of a data file, likely labels, names. Nothing of the
// editor is used here.

import { basename, dirname, extname } from "node:path";
import type { ColumnsRequest, DataColumn, RecipeDraft, SourceSettings } from "../../core/worker/contract.js";

type NamedKind = ColumnsRequest["kind"];

/** A data file, or a folder of images. */
export interface DataPlace {
  readonly kind: NamedKind | "npy" | "idx" | "images";
  readonly path: string;
  /** File of the labels, where there is one for each of both. */
  readonly labels?: string;
}

/** Whether what lies there has columns, fields or arrays with names. */
export function isNamed(place: DataPlace): place is DataPlace & { readonly kind: NamedKind } {
  return place.kind !== "images" && place.kind !== "npy" && place.kind !== "idx";
}

const kinds: Readonly<Record<string, NamedKind | "npy">> = {
  ".csv": "csv",
  ".tsv": "csv",
  ".tab": "csv",
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
  ".parquet": "parquet",
  ".npz": "npz",
  ".npy": "npy",
};

/** Files of a workspace that could be data. */
export const dataGlob = "**/{*.csv,*.tsv,*.jsonl,*.ndjson,*.parquet,*.npz,*.npy,*-ubyte,*-ubyte.gz,*.idx}";

/** The kind that a file's name tells; undefined for one that is no data. */
export function kindOf(path: string): NamedKind | "npy" | "idx" | undefined {
  const name = basename(path).toLowerCase();
  return /(-ubyte|\.idx\d?|idx\d-ubyte)(\.gz)?$/.test(name) ? "idx" : kinds[extname(name)];
}

const usualLabels = ["label", "labels", "class", "target", "y", "category", "species", "y_train", "digit"];

/** The column that is likeliest the label: by its name, else the last one. */
export function likelyLabel(columns: readonly DataColumn[]): string | undefined {
  const names = columns.map(({ name }) => name);
  const usual = usualLabels.map((wanted) => names.find((name) => name.toLowerCase() === wanted)).find((name) => name !== undefined);
  return usual ?? names[names.length - 1];
}

/** Globs of the features: all columns, but for those that are no numbers. */
export function featureGlobs(columns: readonly DataColumn[], label: string): readonly string[] {
  const texts = columns.filter(({ name, numeric }) => !numeric && name !== label && name !== "");
  return ["*", ...texts.map(({ name }) => `!${name.replace(/[\\*?[\]{}]/g, "\\$&")}`)];
}

/** The array of an archive that is likeliest the samples. */
export function likelySamples(columns: readonly DataColumn[], label: string): string | undefined {
  const names = columns.map(({ name }) => name).filter((name) => name !== label);
  const wanted = ["x", "x_train", "samples", "images", "features", "data"];
  return names.find((name) => wanted.includes(name.toLowerCase())) ?? names[0];
}

/** Whether a file of labels goes with one of samples, by its name. */
export function likelyLabelFile(samples: string, path: string): boolean {
  return path !== samples && dirname(path) === dirname(samples) && /label|target|(^|[_-])y([_.-]|$)/i.test(basename(path));
}

/** What a recipe says of where its data lies. */
export function sourceOf(place: DataPlace, chosen: { readonly features?: readonly string[]; readonly label?: string }): SourceSettings {
  const { features, label } = chosen;
  if (place.kind === "images") return { images: place.path };
  if (place.kind === "npy" || place.kind === "idx") return { [place.kind]: { samples: place.path, labels: place.labels ?? "" } };
  return {
    [place.kind]: place.path,
    ...(features === undefined ? {} : { features: place.kind === "npz" ? features[0] : features }),
    ...(label === undefined ? {} : { label }),
  };
}

/** The rules that train only some blocks, and the new head. */
export function rulesFor(draft: RecipeDraft, trained: readonly { readonly rule: string }[]): readonly string[] {
  if (trained.length === draft.blocks.length) return [];
  const head = draft.head === undefined ? [] : draft.choices[0].freeze.slice(1);
  return ["*", ...head, ...trained.map(({ rule }) => `!${rule}`)];
}

/** `model-data`, or with a number where a recipe is called so already. `taken` are the names in its folder. */
export function recipeName(model: string, data: string, taken: readonly string[]): string {
  const stem = (path: string): string => basename(path).replace(/\.(?:onnx|csv|tsv|tab|jsonl|ndjson|parquet|npz|npy|gz)$/i, "");
  const name = [stem(model), stem(data)].join("-").replace(/[^\w.-]+/g, "-").toLowerCase(); // prettier-ignore
  const free = (wanted: string): boolean => !taken.some((other) => other === `${wanted}.finetune.json` || other === `${wanted}.onnx`);
  for (let n = 1; ; n += 1) {
    const wanted = n === 1 ? name : `${name}-${n}`;
    if (free(wanted)) return wanted;
  }
}
