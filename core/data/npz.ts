// NumPy's archives of arrays, `.npz`: a zip of `.npy` files, compressed or not. An array that is not compressed is read in place.

import { stat } from "node:fs/promises";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import * as errors from "../errors.js";
import { nearest } from "../graph/nearest.js";
import { arrayRows, type StoredArray } from "./arrays.js";
import { fileRegion, type ByteRegion } from "./byte-store.js";
import { assertFile, guardFile } from "./data-file.js";
import type { ReadContext, ReadRequest, Rows } from "./dataset.js";
import { readNpy } from "./npy.js";
import { zipBytes, zipMembers, type ZipMember } from "./zip.js";

/**
 * Reads one array of samples and its labels from an archive.
 * @throws data/no-file; data/unreadable; data/array for what is no archive of arrays; recipe/unknown-array; data/labels; data/rows where bad
 * samples end the run
 */
export async function openNpz(path: string, request: ReadRequest, context: ReadContext): Promise<Rows> {
  await assertFile(path);
  return guardFile(path, readArchive(path, request, context));
}

/** Names of the arrays, from the archive's list alone. @throws as `openNpz` */
export async function npzArrays(path: string): Promise<readonly string[]> {
  await assertFile(path);
  const archive = fileRegion(path, 0, (await stat(path)).size);
  try {
    return [...membersOf(path, archive).keys()];
  } finally {
    archive.close();
  }
}

function membersOf(path: string, archive: ByteRegion): ReadonlyMap<string, ZipMember> {
  return new Map(zipMembers(path, archive).map((member) => [member.name.replace(/\.npy$/, ""), member]));
}

async function readArchive(path: string, { features, labels, part }: ReadRequest, context: ReadContext): Promise<Rows> {
  if (features.length !== 1) throw errors.oneFeatureArray(path, features);
  const { size } = await stat(path);
  const archive = fileRegion(path, 0, size);
  let members: ReadonlyMap<string, ZipMember>;
  try {
    members = membersOf(path, archive);
  } finally {
    archive.close();
  }
  const opened: StoredArray[] = [];
  const open = async (role: string, name: string): Promise<StoredArray> => {
    const member = members.get(name);
    if (member === undefined) throw errors.unknownArray(path, role, name, nearest(name, members.keys()), [...members.keys()]);
    // Each array has the archive open for itself, and closes it for itself.
    const region = fileRegion(path, 0, size);
    let bytes;
    try {
      bytes = await zipBytes(path, region, member, context.folder);
    } catch (error) {
      region.close();
      throw error;
    }
    const { array } = readNpy(`${path} "${name}"`, bytes);
    opened.push(array);
    return array;
  };
  try {
    const samples = await open("data.features", features[0]);
    const columns = new Map<string, StoredArray>();
    for (const label of labels) columns.set(label, await open("data.label", label));
    const parts = part === undefined ? {} : { part: await open("data.split.column", part) };
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
    return await arrayRows({ path, samples, labels: columns, ...parts, sha256: hash.digest("hex"), headers: [] }, context);
  } catch (error) {
    for (const { region } of opened) region.close();
    throw error;
  }
}
