// Files that a person may have meant by a path that leads nowhere.

import { readdir } from "node:fs/promises";
import { basename, dirname, extname } from "node:path";
import { nearest } from "../graph/nearest.js";

/**
 * Files beside the one that is missing, with names like its or, where none is, of the same kind, spelt as the path was. `written` is the
 * path as it stands in the recipe, `path` where it leads.
 */
export async function filesLike(written: string, path: string, extensions: readonly string[]): Promise<readonly string[]> {
  const siblings = await readdir(dirname(path)).catch(() => []);
  const near = nearest(basename(path), siblings);
  const kind = siblings.filter((name) => extensions.includes(extname(name).toLowerCase())).slice(0, 3);
  const folder = written.slice(0, written.length - basename(written).length);
  return (near.length > 0 ? near : kind).map((name) => `${folder}${name}`);
}
