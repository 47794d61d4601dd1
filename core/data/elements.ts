// The element types of array files (NumPy's, IDX'): bytes in either order → numbers.

import { float16ToFloat } from "../graph/half.js";
import type { ValueRange } from "./source.js";

export interface ElementType {
  /** As a person calls it: `float32`, `uint8`. */
  readonly name: string;
  /** Boolean, signed or unsigned integer, floating-point number. */
  readonly kind: "b" | "i" | "u" | "f";
  /** Bytes of each. */
  readonly size: 1 | 2 | 4 | 8;
  readonly bigEndian: boolean;
}

const kindNames = { b: "bool", i: "int", u: "uint", f: "float" } as const;

/** Undefined where there is no such type. */
export function elementType(kind: string, size: number, bigEndian: boolean): ElementType | undefined {
  if (kind === "b" && size === 1) return { name: "bool", kind, size, bigEndian: false };
  if ((kind !== "i" && kind !== "u" && kind !== "f") || (size !== 1 && size !== 2 && size !== 4 && size !== 8) || (kind === "f" && size === 1))
    return undefined;
  return { name: `${kindNames[kind]}${8 * size}`, kind, size, bigEndian: bigEndian && size > 1 };
}

/** Numbers of whole elements. The bytes are turned round in place where their order is not the machine's. */
export function decodeElements(bytes: Uint8Array<ArrayBuffer>, { kind, size, bigEndian }: ElementType): ArrayLike<number> {
  const own = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  if (bigEndian) {
    const buffer = Buffer.from(own.buffer, own.byteOffset, own.byteLength);
    if (size === 2) buffer.swap16();
    else if (size === 4) buffer.swap32();
    else buffer.swap64();
  }
  const [buffer, offset, length] = [own.buffer, own.byteOffset, own.byteLength / size];
  if (kind === "f") {
    if (size === 2) return Float32Array.from(new Uint16Array(buffer, offset, length), float16ToFloat);
    return size === 4 ? new Float32Array(buffer, offset, length) : new Float64Array(buffer, offset, length);
  }
  if (size === 8) {
    const values = new Float64Array(length);
    const integers = kind === "i" ? new BigInt64Array(buffer, offset, length) : new BigUint64Array(buffer, offset, length);
    for (let i = 0; i < length; i += 1) values[i] = Number(integers[i]);
    return values;
  }
  if (kind === "i") {
    if (size === 1) return new Int8Array(buffer, offset, length);
    return size === 2 ? new Int16Array(buffer, offset, length) : new Int32Array(buffer, offset, length);
  }
  if (size === 1) return new Uint8Array(buffer, offset, length);
  return size === 2 ? new Uint16Array(buffer, offset, length) : new Uint32Array(buffer, offset, length);
}

/** All values are within these bounds because of their type; undefined where that says too little. */
export function boundsOf({ kind, size }: ElementType): ValueRange | undefined {
  if (kind === "b") return { minimum: 0, maximum: 1, whole: true };
  return kind === "u" && size === 1 ? { minimum: 0, maximum: 255, whole: true } : undefined;
}
