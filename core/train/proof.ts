// The proof that frozen tensors stayed frozen: hashes of them at the start and the end of each span in which they were frozen. Who
// takes them when is the trainer's business; what is hashed, and how two moments compare, stands here.

import { createHash } from "node:crypto";
import type { Tensor } from "../graph/types.js";

/** SHA-256 in hex by the tensor's stored name. */
export type TensorHashes = Readonly<Record<string, string>>;

export interface ProofSummary {
  /** Tensors that had to stay the same. */
  readonly frozen: number;
  /** How many of them did. */
  readonly unchanged: number;
  /** Names of the others. */
  readonly changed: readonly string[];
}

/** What a span of training proves: a phase, or the part of one up to a live change of its plan. */
export interface SpanProof {
  readonly phase: string;
  /** Steps since the run began: the first of the span, and the first after it. */
  readonly steps: readonly [from: number, to: number];
  /** Hashes at the start of the span, of every frozen or blocked tensor and fixed buffer. */
  readonly before: TensorHashes;
  /** Names of those whose hash at the end is another, or that are gone. */
  readonly changed: readonly string[];
  /** The tensors at the end were read back from the exported file. */
  readonly readBack: boolean;
}

/**
 * SHA-256 of a tensor in hex. Hashed are, in this order: the text `<dtype>[<d0>,<d1>,…]` and a line feed, in ASCII
 * (`float32[64,3,7,7]`, `float32[]` for a scalar), then the elements' little-endian bytes, row-major, 4-bit types two a byte (low half
 * first). For `string` tensors each element is its length in bytes as 64-bit little-endian, then its bytes.
 */
export function hashTensor({ dtype, shape, data }: Pick<Tensor, "dtype" | "shape" | "data">): string {
  const hash = createHash("sha256").update(`${dtype}[${shape.join(",")}]\n`);
  if (data instanceof Uint8Array) return hash.update(data).digest("hex");
  for (const element of data) {
    const length = new DataView(new ArrayBuffer(8));
    length.setBigUint64(0, BigInt(element.byteLength), true);
    hash.update(new Uint8Array(length.buffer)).update(element);
  }
  return hash.digest("hex");
}

/**
 * What a proof calls parameters: by their stored names; inside subgraphs, whose names may repeat, by their paths, which are numbered where
 * they repeat as well.
 */
export function namedForProof<P extends { readonly name: string; readonly path: string; readonly nested: boolean }>(
  parameters: readonly P[],
): readonly (readonly [name: string, parameter: P])[] {
  const counts = new Map<string, number>();
  return parameters.map((parameter) => {
    if (!parameter.nested) return [parameter.name, parameter];
    const count = (counts.get(parameter.path) ?? 0) + 1;
    counts.set(parameter.path, count);
    return [count === 1 ? parameter.path : `${parameter.path} (${count})`, parameter];
  });
}

export function hashTensors(tensors: Iterable<readonly [name: string, tensor: Tensor]>): TensorHashes {
  return Object.fromEntries([...tensors].map(([name, tensor]) => [name, hashTensor(tensor)]));
}

/** Names in `before` whose hash differs in `after`, or that `after` lacks; in `before`'s order. */
export function changedTensors(before: TensorHashes, after: TensorHashes): readonly string[] {
  const later = new Map(Object.entries(after));
  return Object.entries(before).flatMap(([name, hash]) => (later.get(name) === hash ? [] : [name]));
}

/** All spans in one: a tensor counts once, and as changed if any of its spans saw it change. */
export function summariseProofs(proofs: readonly SpanProof[]): ProofSummary {
  const frozen = new Set(proofs.flatMap(({ before }) => Object.keys(before)));
  const changed = [...new Set(proofs.flatMap((proof) => proof.changed))];
  return { frozen: frozen.size, unchanged: frozen.size - changed.length, changed };
}
