// What lies in a folder of images: one folder for each class, or one for each part with those of the classes in it. Only names are looked at
// here; images.ts reads the files.

import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import * as errors from "../errors.js";
import { nearest } from "../graph/nearest.js";

export interface ImageFile {
  readonly path: string;
  /** Below the folder, with `/` between its parts on every platform. */
  readonly name: string;
  /** Name of the class's folder. */
  readonly class: string;
  /** Name of the folder around those of the classes, where they are sorted into parts. */
  readonly part?: string;
}

export interface ImageListing {
  /** In the order of their names, folder by folder. */
  readonly files: readonly ImageFile[];
  /** What cannot be a sample, seen from the names alone. */
  readonly problems: readonly { readonly place: string; readonly problem: string }[];
}

/** Files that systems leave behind. */
const ignored = /^(?:\.|__MACOSX$|Thumbs\.db$|desktop\.ini$)/i;
const imageNames: readonly string[] = [".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif"];

/**
 * Lists the images of a folder. Hidden files do not count; a class's folder may hold folders; links are followed.
 * @throws data/no-file; data/unreadable; data/empty where there is no folder for a class
 */
export async function listImages(folder: string, byPart: boolean): Promise<ImageListing> {
  await assertFolder(folder);
  const files: ImageFile[] = [];
  const problems: ImageListing["problems"][number][] = [];
  const outer = byPart ? await foldersIn(folder, problems) : [undefined];
  let classes = 0;
  for (const part of outer) {
    const around = part === undefined ? folder : join(folder, part);
    for (const name of await foldersIn(around, problems)) {
      classes += 1;
      const below = await filesBelow(join(around, name), [part, name].filter((p) => p !== undefined).join("/"), problems);
      if (below.length === 0) problems.push({ place: join(around, name), problem: `class "${name}" has no images` });
      for (const file of below) files.push({ ...file, class: name, ...(part === undefined ? {} : { part }) });
    }
  }
  if (classes === 0) {
    const what = outer.length === 0 ? "no folder at all" : "none";
    throw errors.noClassFolders(folder, byPart ? `${what} (split.column asks for folders of parts around them)` : what);
  }
  return { files, problems };
}

async function assertFolder(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => error as NodeJS.ErrnoException);
  if (found instanceof Error) {
    if (found.code !== "ENOENT" && found.code !== "ENOTDIR") throw errors.unreadableFolder(path, found);
    const siblings = await readdir(dirname(path)).catch(() => []);
    throw errors.noImageFolder(path, nearest(basename(path), siblings));
  }
  if (!found.isDirectory()) throw errors.noClassFolders(path, "a file");
}

async function entriesOf(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw errors.unreadableFolder(folder, cause);
  });
  return names.filter((name) => !ignored.test(name)).sort();
}

/** Names of the folders in a folder. Files beside them do not count, unless they are called as images are. */
async function foldersIn(folder: string, problems: { place: string; problem: string }[]): Promise<readonly string[]> {
  const folders: string[] = [];
  for (const name of await entriesOf(folder)) {
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found?.isDirectory() === true) folders.push(name);
    else if (imageNames.includes(extname(name).toLowerCase())) problems.push({ place: join(folder, name), problem: "it lies in no class's folder" });
  }
  return folders;
}

/** All files below a folder; a folder that several links lead to is listed once. */
async function filesBelow(
  top: string,
  name: string,
  problems: { place: string; problem: string }[],
): Promise<readonly Pick<ImageFile, "path" | "name">[]> {
  const files: Pick<ImageFile, "path" | "name">[] = [];
  const seen = new Set<string>();
  const list = async (folder: string, below: string): Promise<void> => {
    const own = await realpath(folder);
    if (seen.has(own)) return;
    seen.add(own);
    for (const entry of await entriesOf(folder)) {
      const [path, inner] = [join(folder, entry), `${below}/${entry}`];
      const found = await stat(path).catch((cause: unknown) => cause);
      if (found instanceof Error) problems.push({ place: path, problem: errors.fileReason(found) });
      else if ((found as Awaited<ReturnType<typeof stat>>).isDirectory()) await list(path, inner);
      else files.push({ path, name: inner });
    }
  };
  await list(top, name);
  return files;
}
