// Model files on disk: reading one with the data files beside it, and writing one so that no half-written file is ever seen.

import { readFile, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { replaceFile } from "../atomic-file.js";
import * as errors from "../errors.js";
import { subgraphs } from "../graph/attributes.js";
import { bytesOf } from "../graph/tensor.js";
import type { Graph, Model, Node, Tensor } from "../graph/types.js";
import { decodeModel } from "./decode.js";
import { encodeModel } from "./encode.js";
import { layOutDataFile, openExternalData, systemReason } from "./external-data.js";
import { wasExternal } from "./tensors.js";

/** Protobuf's limit for one message: what is larger has to keep tensors in another file. */
const largestMessage = 2 ** 31 - 1;

/**
 * Reads a model file and the tensors that it keeps in other files of its folder.
 * @throws model/file-missing, model/is-folder, model/not-readable, model/too-large, model/external-data; what `decodeModel` throws
 */
export async function readModel(path: string): Promise<Model> {
  const bytes = await readBytes(path);
  const external = openExternalData(dirname(path));
  try {
    return decodeModel(bytes, { path, readExternal: external.read });
  } finally {
    external.close();
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    const info = await stat(path);
    if (info.isDirectory()) throw errors.modelIsFolder(path);
    if (info.size > largestMessage) throw errors.modelTooLarge(path, info.size, largestMessage);
    const buffer = await readFile(path);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  } catch (error) {
    if (error instanceof errors.EngineError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw code === "ENOENT" || code === "ENOTDIR" ? errors.modelFileMissing(path) : errors.modelNotReadable(path, systemReason(error));
  }
}

export interface WriteOptions {
  /** Largest size of the model file in bytes (default: 2 GiB − 1, protobuf's limit). */
  readonly limit?: number;
}

/**
 * Writes a model file, whole or not at all. Where the model kept tensors in other files, or would not fit into one, initializers of
 * 1 KiB and more go to `<path>.data` beside it.
 * @throws run/not-writable; model/too-large where even then it does not fit
 */
export async function writeModel(model: Model, path: string, { limit = largestMessage }: WriteOptions = {}): Promise<void> {
  const tensors = [...tensorsOf(model.graph)];
  const inside = tensors.reduce((sum, tensor) => sum + bytesOf(tensor).length, 0);
  const apart = inside > limit || tensors.some(wasExternal);
  const whole = apart ? undefined : encodeModel(model);
  if (whole !== undefined && whole.length <= limit) return write(path, () => replaceFile(path, whole));
  const dataFile = layOutDataFile(`${basename(path)}.data`);
  const bytes = encodeModel(model, { place: dataFile.place });
  if (bytes.length > limit) throw errors.modelTooLarge(path, bytes.length, limit);
  await write(path, () => dataFile.write(`${path}.data`, () => replaceFile(path, bytes)));
}

async function write(path: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    throw errors.modelNotWritable(path, systemReason(error));
  }
}

/** Every dense tensor of a graph, its subgraphs and functions. */
function* tensorsOf(graph: Graph): Generator<Tensor> {
  yield* graph.initializers.values();
  for (const { values, indices } of graph.sparseInitializers.values()) yield* [values, indices];
  yield* tensorsIn(graph.nodes);
  for (const definition of graph.functions.values()) yield* tensorsIn(definition.nodes);
}

function* tensorsIn(nodes: readonly Node[]): Generator<Tensor> {
  for (const node of nodes) {
    for (const attribute of node.attributes.values()) {
      if (attribute.type === "tensor") yield attribute.value;
      else if (attribute.type === "tensors") yield* attribute.value;
    }
    for (const { graph: inner } of subgraphs(node)) yield* tensorsOf(inner);
  }
}
