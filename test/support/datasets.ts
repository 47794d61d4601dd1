// Opens data of any kind for tests: files in a folder of their own, and all samples at once.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "mocha";
import { BadSamples, type BadSamplePolicy } from "../../core/data/bad-samples.js";
import { openDataset, type Dataset, type DataSettings } from "../../core/data/dataset.js";
import { EngineError } from "../../core/errors.js";

/** A dataset that was opened and read whole. */
export interface OpenData {
  readonly dataset: Dataset;
  /** All samples, one after the other. */
  readonly values: Float32Array;
  readonly bad: BadSamples;
}

export interface DataFolder {
  path(name: string): string;
  write(files: Readonly<Record<string, string | Uint8Array>>): Promise<void>;
  /** Opens, reads and closes a dataset; its files are named by their names in the folder. */
  open(settings: Partial<DataSettings>, onBadSample?: BadSamplePolicy): Promise<OpenData>;
  /** The error that opening gives, its paths shortened. */
  failure(settings: Partial<DataSettings>): Promise<{ readonly code: string; readonly message: string; readonly hint: string | undefined }>;
}

/** A folder for the tests of a suite. */
export function dataFolder(): DataFolder {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "data-"));
  });
  after(() => rm(folder, { recursive: true }));
  const path = (name: string): string => join(folder, name);
  const open: DataFolder["open"] = async (settings, onBadSample = "stop") => {
    const bad = new BadSamples(onBadSample);
    const dataset = await openDataset({ split: {}, onBadSample, ...settings }, { bad, folder: path("spill") });
    const { source } = dataset;
    const size = source.sampleShape.reduce((product, axis) => product * axis, 1);
    const values = new Float32Array(source.count * size);
    for (let row = 0; row < source.count; row += 1) await source.read(row, values, row * size);
    source.close();
    return { dataset, values, bad };
  };
  return {
    path,
    write: async (files) => {
      for (const [name, content] of Object.entries(files)) await writeFile(path(name), content);
    },
    open,
    failure: async (settings) => {
      const error: unknown = await open(settings).then(
        () => "no error",
        (cause: unknown) => cause,
      );
      if (!(error instanceof EngineError)) throw error instanceof Error ? error : new Error(String(error));
      return { code: error.code, message: error.message.replaceAll(join(folder, "/"), ""), hint: error.hint };
    },
  };
}
