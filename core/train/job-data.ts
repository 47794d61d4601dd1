// The data part of a job: a recipe's data opened once, its rows split, and what of it does not go with the model.

import { join } from "node:path";
import { collectParameters } from "../autodiff/parameters.js";
import { BadSamples } from "../data/bad-samples.js";
import { openDataset, type Dataset } from "../data/dataset.js";
import type { Labels } from "../data/labels.js";
import { split, splitRest, type Split } from "../data/split.js";
import { compileTransform, type Transform } from "../data/transforms.js";
import { elementCount } from "../graph/dims.js";
import { isFloat } from "../graph/tensor.js";
import type { Graph } from "../graph/types.js";
import type { Job } from "./job.js";
import type { ResolvedRecipe } from "./recipe.js";
import type { Targets } from "./targets.js";

/** The data of a recipe, opened once; what cannot be used of it is gathered. */
export class DataReading {
  readonly bad: BadSamples;
  channels: number | undefined;
  readonly #recipe: ResolvedRecipe;
  #dataset: Dataset | undefined;

  constructor(recipe: ResolvedRecipe) {
    this.#recipe = recipe;
    this.bad = new BadSamples(recipe.data.onBadSample);
  }

  /** `graph` is the model's: its input tells how many channels images have. */
  async open(graph: Pick<Graph, "inputs" | "initializers">): Promise<{ readonly dataset: Dataset; readonly transform: Transform }> {
    const { data, folder } = this.#recipe;
    const channels = imageChannels(graph, data);
    this.channels = channels;
    const context = { bad: this.bad, folder: join(folder, ".frostline"), ...(channels === undefined ? {} : { channels }) };
    const dataset = await openDataset(data, context);
    this.#dataset = dataset;
    return { dataset, transform: compileTransform(data.transform, dataset.source.sampleShape) };
  }

  close(): void {
    this.#dataset?.source.close();
  }
}

/** The rows of each part: as the files hold them out, and by fractions of the others. @throws recipe/split; recipe/seed */
export function splitDataset({ data, seed }: ResolvedRecipe, { source, parts }: Dataset, targets: Targets): Split {
  const classes = targets.kind === "classes" ? targets.indices : undefined;
  return parts === undefined ? split(source.count, data.split, seed, classes) : splitRest(parts, data.split, seed, classes);
}

/** Classes that no training row has, though held-out rows have them. */
export function untaughtClasses(targets: Targets, { train, validation, test }: Split): readonly string[] {
  if (targets.kind !== "classes") return [];
  const { indices, names } = targets;
  const taught = new Set(Array.from(train, (row) => indices[row]));
  const held = new Map<number, number>();
  for (const row of [...validation, ...test]) if (!taught.has(indices[row])) held.set(indices[row], (held.get(indices[row]) ?? 0) + 1);
  return [...held]
    .sort(([a], [b]) => a - b)
    .map(
      ([index, rows]) => `No training row has the class ${names?.[index] ?? index}, but ${rows} held-out ${rows === 1 ? "row has" : "rows have"} it.`,
    );
}

/** An input of integers, tokens say, takes whole numbers, and only those that its embedding table has. @throws data/rows */
export async function checkIntegers(
  { source, transform, input, whole }: Pick<Job, "source" | "transform" | "input" | "whole">,
  labels: Labels,
  bad: BadSamples,
): Promise<void> {
  if (isFloat(input.type.dtype)) return;
  const tables = collectParameters(whole).filter((p) => p.uses.some(({ node, input: slot }) => slot === 0 && node.inputs[1] === input.name));
  const rows = Math.min(Infinity, ...tables.map((p) => p.shape[0]));
  const fits = (value: number): boolean => Number.isInteger(value) && (tables.length === 0 || (value >= 0 && value < rows));
  const { range } = source;
  // Usually the bounds of all values say enough, and no sample need be read.
  if (transform.keepsValues && range.whole && fits(range.minimum) && fits(range.maximum)) return;
  const expected = tables.length === 0 ? "whole numbers" : `whole numbers from 0 to ${rows - 1}`;
  const raw = new Float32Array(elementCount(source.sampleShape));
  const sample = new Float32Array(elementCount(transform.outputShape));
  for (let index = 0; index < source.count; index++) {
    await source.read(index, raw, 0);
    transform.apply(raw, sample);
    const at = sample.findIndex((value) => !fits(value));
    if (at >= 0)
      bad.addRow(index, source.describe(index), `input "${input.name}" takes ${expected}, got ${sample[at]} at position ${at + 1} of the sample`);
  }
  bad.refuse(labels.path);
}

/** Channels that images have before the transform, as far as the model's input and a `repeat` tell. */
function imageChannels(
  { inputs, initializers }: Pick<Graph, "inputs" | "initializers">,
  { input, transform }: ResolvedRecipe["data"],
): number | undefined {
  if (transform.some((step) => "repeat" in step)) return 1;
  const taken = inputs.filter(({ name }) => !initializers.has(name));
  const type = (input === undefined ? taken[0] : taken.find(({ name }) => name === input))?.type;
  const channels = type?.kind === "tensor" && type.shape?.length === 4 ? type.shape[1] : undefined;
  return typeof channels === "number" ? channels : undefined;
}
