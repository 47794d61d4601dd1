// Says what is wrong with a file that is no ONNX model, or not a whole one. It looks at the outermost fields only; what is wrong
// inside them comes out when they are read.

import * as errors from "../errors.js";
import type { ModelProto } from "./generated/onnx_pb.js";

const copyAgain = "Copy or download the file again, or export the model again.";

interface Field {
  readonly number: number;
  readonly wireType: number;
  /** First byte after the field; past the end where the file is cut off, undefined where its length cannot be read. */
  readonly end: number | undefined;
}

/** Fields of a model file and the wire types they come in. */
const modelFields: ReadonlyMap<number, number> = new Map([
  [1, 0], [2, 2], [3, 2], [4, 2], [5, 0], [6, 2], [7, 2], [8, 2], [14, 2], [20, 2], [25, 2], [26, 2],
]); // prettier-ignore

/**
 * Refuses what cannot be an ONNX model.
 * @throws model/empty, model/not-onnx, model/cut-off
 */
export function checkOnnx(bytes: Uint8Array, path: string): void {
  if (bytes.length === 0) throw errors.modelEmpty(path);
  const kind = otherKind(bytes);
  if (kind !== undefined) throw errors.notOnnx(path, kind.what, kind.hint);
  let known = 0;
  for (let at = 0; at < bytes.length;) {
    const field = readField(bytes, at);
    const expectedType = field === undefined ? undefined : modelFields.get(field.number);
    if (field === undefined || (expectedType !== undefined && expectedType !== field.wireType)) throw foreign(bytes, path, known);
    if (field.end === undefined || field.end > bytes.length) {
      if (expectedType === undefined && known === 0) throw foreign(bytes, path, known);
      throw errors.modelCutOff(path, field.end ?? bytes.length + 1, bytes.length);
    }
    if (expectedType !== undefined) known += 1;
    at = field.end;
  }
  if (known === 0) throw foreign(bytes, path, known);
}

/** Refuses a message that has the form of a model but lacks what every model has. @throws model/incomplete */
export function checkComplete(proto: ModelProto, path: string): void {
  if (proto.graph === undefined) throw errors.modelIncomplete(path, "a graph");
  if (proto.opsetImport.length === 0) throw errors.modelIncomplete(path, "an opset");
}

function foreign(bytes: Uint8Array, path: string, known: number): errors.EngineError {
  if (known > 0) return errors.notOnnx(path, "a damaged file that starts like one", copyAgain);
  if (isText(bytes)) return errors.notOnnx(path, "text", "Name the .onnx file, which is binary.");
  return errors.notOnnx(path, "binary data in another format", "Convert the model to ONNX with its framework's exporter.");
}

function readField(bytes: Uint8Array, at: number): Field | undefined {
  const tag = readVarint(bytes, at);
  if (tag === undefined) return undefined;
  const [number, wireType] = [Math.floor(tag.value / 8), tag.value % 8];
  if (number === 0 || number > 0x1fffffff) return undefined;
  switch (wireType) {
    case 0:
      return { number, wireType, end: readVarint(bytes, tag.end)?.end };
    case 1:
      return { number, wireType, end: tag.end + 8 };
    case 2: {
      const length = readVarint(bytes, tag.end);
      return { number, wireType, end: length === undefined ? undefined : length.end + length.value };
    }
    case 5:
      return { number, wireType, end: tag.end + 4 };
    default:
      return undefined;
  }
}

function readVarint(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 10 && at + i < bytes.length; i++) {
    value += (bytes[at + i] & 0x7f) * 2 ** (7 * i);
    if (bytes[at + i] < 0x80) return { value, end: at + i + 1 };
  }
  return undefined;
}

interface Kind {
  readonly what: string;
  readonly hint: string;
}

const signatures: readonly { readonly start: readonly number[]; readonly kind: Kind }[] = [
  { start: [0x50, 0x4b, 3, 4], kind: { what: "a zip archive (or a PyTorch checkpoint)", hint: "Unpack it, or export the model with torch.onnx.export." } },
  { start: [0x89, 0x48, 0x44, 0x46], kind: { what: "an HDF5 file (Keras weights)", hint: "Convert the model with tf2onnx." } },
  { start: [0x1f, 0x8b], kind: { what: "a gzip archive", hint: "Unpack it first." } },
  { start: [0x80, 2], kind: { what: "a Python pickle (a PyTorch checkpoint)", hint: "Export the model with torch.onnx.export." } },
]; // prettier-ignore

function otherKind(bytes: Uint8Array): Kind | undefined {
  const signature = signatures.find(({ start }) => start.every((byte, i) => bytes[i] === byte));
  if (signature !== undefined) return signature.kind;
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, 256)).replace(/^ï»¿/, "").trimStart();
  if (head.startsWith("version https://git-lfs")) return { what: "a Git LFS pointer", hint: "Fetch the file itself with `git lfs pull`." };
  if (/^<(!doctype|html|\?xml)/i.test(head)) return { what: "an HTML or XML page", hint: "The download went to a web page: fetch the raw file." };
  if (/^[[{]\s*["{[\d\]}]/.test(head)) return { what: "JSON", hint: "Name the .onnx file; a TensorFlow.js model has to be converted to ONNX first." };
  if (isText(bytes)) return { what: "text", hint: "Name the .onnx file, which is binary." };
  return undefined;
}

/** Printable from start to end of its first 4 KiB. Models start with a byte below 32 (a field's tag). */
function isText(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 4096);
  return head.every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13);
}
