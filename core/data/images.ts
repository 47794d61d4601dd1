// Reads a folder of images as samples and labels. Which files can be used is settled at once; pixels are decoded as samples are read. The
// folder's layout is in image-folder.ts, what its files hold in image-scan.ts, the decoder in image-decode.ts.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { totalmem } from "node:os";
import * as errors from "../errors.js";
import type { ReadContext, ReadRequest, Rows } from "./dataset.js";
import { decodeImage, decoderVersion, writeSample, type ImageForm, type Pixels } from "./image-decode.js";
import { listImages, type ImageFile } from "./image-folder.js";
import { scanImages, type Scanned } from "./image-scan.js";
import type { SampleSource } from "./source.js";

/** What a recipe says of a folder of images; a text is its path. */
export type ImageSettings = string | ImageFolderSettings;

export interface ImageFolderSettings {
  readonly folder: string;
  /** Height and width that all images are brought to; left out, all must have one size already. */
  readonly size?: readonly [number, number];
  readonly fit?: ImageForm["fit"];
  /** By default grey where the model takes one channel, else rgb. */
  readonly color?: ImageForm["color"];
  /** One number for all three channels, or each of them. */
  readonly background?: number | readonly [number, number, number];
}

/** What the columns of an image folder are called: its class, and the folder around the classes that says which part an image belongs to. */
const [classColumn, partColumn] = ["class", "part"];

/** Bytes of decoded pixels that stay in memory, unless a caller says otherwise. */
const defaultMemory = Math.min(2 ** 28, totalmem() / 16);

/**
 * Opens a folder of images: samples [channels, height, width] with values from 0 to 1. Files that are no images or cannot be decoded, classes
 * without images and, where no size is given, images of another size than most have are bad samples.
 * @throws data/no-file; data/unreadable; data/empty; data/rows where bad samples end the run; recipe/unknown-column
 */
export async function openImages(images: ImageSettings, { labels, part }: ReadRequest, context: ReadContext, memory = defaultMemory): Promise<Rows> {
  const settings = typeof images === "string" ? { folder: images } : images;
  for (const label of labels) if (label !== classColumn) throw errors.imageColumn("data.label", label, classColumn);
  if (part !== undefined && part !== partColumn) throw errors.imageColumn("data.split.column", part, partColumn);
  const form = formOf(settings, context.channels);
  const { files, problems } = await listImages(settings.folder, part !== undefined);
  const scanned = await scanImages(settings.folder, files, form, context.folder);
  for (const { place, problem } of problems) context.bad.add(place, problem);
  const good = usable(files, scanned, context);
  context.bad.refuse(settings.folder, good.sizeHint);
  if (good.indices.length === 0) throw errors.noImages(settings.folder);
  const chosen = good.indices.map((i) => files[i]);
  return {
    path: settings.folder,
    source: await imageSource(chosen, good.indices.map((i) => scanned[i].sha256), { form, size: good.size, memory }), // prettier-ignore
    labels: new Map([[classColumn, chosen.map((file) => file.class)]]),
    ...(part === undefined ? {} : { part: chosen.map((file) => file.part ?? "") }),
    numbers: Uint32Array.from(good.indices, (i) => i + 1),
    sha256: createHash("sha256").update(JSON.stringify(files.map(({ name }, i) => [name, scanned[i].sha256]))).digest("hex"), // prettier-ignore
  };
}

function formOf({ size, fit = "cover", color, background = 0 }: ImageFolderSettings, channels: number | undefined): ImageForm {
  return {
    color: color ?? (channels === 1 ? "grey" : "rgb"),
    ...(size === undefined ? {} : { size }),
    fit,
    background: typeof background === "number" ? [background, background, background] : background,
  };
}

interface Usable {
  /** Of the files. */
  readonly indices: readonly number[];
  readonly size: readonly [number, number];
  /** What to do about images of several sizes, where there are. */
  readonly sizeHint: string | undefined;
}

/** Sorts out what cannot be a sample. */
function usable(files: readonly ImageFile[], scanned: readonly Scanned[], { bad }: ReadContext): Usable {
  const size = commonest(scanned.flatMap((file) => (file.size === undefined ? [] : [file.size]))) ?? [0, 0];
  const show = ([height, width]: readonly [number, number]): string => `${height} × ${width}`;
  const indices: number[] = [];
  let others = 0;
  for (const [i, { path }] of files.entries()) {
    const { problem, size: own = size } = scanned[i];
    if (problem !== undefined) {
      bad.add(path, problem);
    } else if (own[0] !== size[0] || own[1] !== size[1]) {
      others += 1;
      bad.add(path, `expected ${show(size)} pixels (height × width), as most images have, got ${show(own)}`);
    } else {
      indices.push(i);
    }
  }
  return { indices, size, sizeHint: others === 0 ? undefined : 'Bring all images to one size: "images": { "folder": …, "size": [224, 224] }.' };
}

/** The size that most have, the first of those that are equally common. */
function commonest(sizes: readonly (readonly [number, number])[]): readonly [number, number] | undefined {
  const counts = new Map<string, { readonly size: readonly [number, number]; count: number }>();
  for (const size of sizes) {
    const known = counts.get(size.join());
    if (known === undefined) counts.set(size.join(), { size, count: 1 });
    else known.count += 1;
  }
  return [...counts.values()].reduce<{ size: readonly [number, number]; count: number } | undefined>(
    (most, entry) => (most === undefined || entry.count > most.count ? entry : most),
    undefined,
  )?.size;
}

interface ImageSourceOptions {
  readonly form: ImageForm;
  /** Height and width of every image. */
  readonly size: readonly [number, number];
  /** Bytes of decoded pixels that stay in memory. */
  readonly memory: number;
}

/** Samples of the files, whose bytes have these hashes. */
async function imageSource(
  files: readonly ImageFile[],
  hashes: readonly string[],
  { form, size, memory }: ImageSourceOptions,
): Promise<SampleSource> {
  const pixels = new Map<number, Pixels>();
  const wasRead = new Uint8Array(files.length);
  let kept = 0;
  const decode = async (index: number): Promise<Pixels> => {
    const { path } = files[index];
    const bytes = await readFile(path).catch((cause: unknown) => {
      throw errors.imageChanged(path, errors.fileReason(cause));
    });
    const decoded = await decodeImage(bytes, form);
    if ("problem" in decoded) throw errors.imageChanged(path, decoded.problem);
    if (decoded.height !== size[0] || decoded.width !== size[1]) throw errors.imageChanged(path, "its size is another now");
    return decoded;
  };
  /** What is read a second time will be read again: training without augmentation reads each image once. */
  const keep = (index: number, decoded: Pixels): void => {
    const bytes = decoded.data.byteLength;
    if (wasRead[index] === 1 && !pixels.has(index) && kept + bytes <= memory) {
      pixels.set(index, decoded);
      kept += bytes;
    }
    wasRead[index] = 1;
  };
  return {
    count: files.length,
    sampleShape: [form.color === "grey" ? 1 : 3, ...size],
    contentHash: createHash("sha256").update(JSON.stringify([form, await decoderVersion(), hashes])).digest("hex"), // prettier-ignore
    range: { minimum: 0, maximum: 1, whole: false },
    read(index, into, offset) {
      const known = pixels.get(index);
      if (known !== undefined) return writeSample(known, form, into, offset);
      return decode(index).then((decoded) => {
        keep(index, decoded);
        writeSample(decoded, form, into, offset);
      });
    },
    describe: (index) => files[index].path,
    close: () => pixels.clear(),
  };
}
