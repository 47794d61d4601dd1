// Finds out of each file of an image folder whether it can be used, by decoding it once, and remembers what it found beside the recipe: a
// file that is as it was is not looked at again. What the answers mean for a dataset is settled in images.ts.

import { createHash } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { replaceFile } from "../atomic-file.js";
import * as errors from "../errors.js";
import { decodeImage, decoderVersion, type ImageForm } from "./image-decode.js";
import type { ImageFile } from "./image-folder.js";

/** What is known of a file. */
export interface Scanned {
  /** Of its bytes; empty where it cannot be read. */
  readonly sha256: string;
  /** Why it cannot be used. */
  readonly problem?: string;
  /** Height and width once it is in form. */
  readonly size?: readonly [number, number];
}

const recordSchema = z.record(
  z.string(),
  z.object({
    /** Length and times of the file: they differ once it has been written again. */
    stamp: z.string(),
    sha256: z.string(),
    problem: z.string().exactOptional(),
    size: z.tuple([z.number(), z.number()]).readonly().exactOptional(),
  }),
);

type ScanRecord = z.infer<typeof recordSchema>;

/** Images that are read and decoded at the same time. */
const atOnce = 8;

/** A file that changed less than so many milliseconds ago may change again without another time. */
const clockTick = 20;

/** What the files of `folder` hold, in their order. The record goes to a file in `place`; where it cannot be written, nothing is remembered. */
export async function scanImages(folder: string, files: readonly ImageFile[], form: ImageForm, place: string): Promise<readonly Scanned[]> {
  const key = createHash("sha256").update(JSON.stringify([folder, form.size, form.fit, await decoderVersion()])).digest("hex"); // prettier-ignore
  const path = join(place, `images-${key.slice(0, 16)}.json`);
  const known = await readRecord(path);
  const record: ScanRecord = {};
  const results: Scanned[] = [];
  let [next, found] = [0, 0];
  const lane = async (): Promise<void> => {
    for (let i = next++; i < files.length; i = next++) {
      const { path: file, name } = files[i];
      const stamp = await stampOf(file);
      const old = known[name];
      if (old !== undefined && old.stamp === stamp) {
        const { sha256, problem, size } = old;
        results[i] = { sha256, ...(problem === undefined ? {} : { problem }), ...(size === undefined ? {} : { size }) };
        found += 1;
      } else {
        results[i] = await scanFile(file, form);
      }
      // What could not be read may be readable next time.
      if (stamp !== undefined && results[i].sha256 !== "") record[name] = { ...results[i], stamp };
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  if (found < files.length || found < Object.keys(known).length) await writeRecord(place, path, record);
  return results;
}

/** Undefined where there is no file, or it has changed just now. */
async function stampOf(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (found === undefined || Math.abs(Date.now() - Number(found.ctimeMs)) < clockTick) return undefined;
  return `${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
}

async function scanFile(path: string, form: ImageForm): Promise<Scanned> {
  const bytes = await readFile(path).catch((cause: unknown) => errors.fileReason(cause));
  if (typeof bytes === "string") return { sha256: "", problem: bytes };
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const decoded = await decodeImage(bytes, form);
  return "problem" in decoded ? { sha256, problem: decoded.problem } : { sha256, size: [decoded.height, decoded.width] };
}

async function readRecord(path: string): Promise<ScanRecord> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return {};
  }
}

async function writeRecord(place: string, path: string, record: ScanRecord): Promise<void> {
  try {
    await mkdir(place, { recursive: true });
    await replaceFile(path, JSON.stringify(record));
  } catch {
    // It only saves time.
  }
}
