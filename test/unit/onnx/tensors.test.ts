import assert from "node:assert/strict";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { numbersOf } from "../../../core/graph/tensor.js";
import type { DType, Tensor } from "../../../core/graph/types.js";
import { decodeModel } from "../../../core/onnx/decode.js";
import { encodeModel } from "../../../core/onnx/encode.js";
import { TensorProtoSchema } from "../../../core/onnx/generated/onnx_pb.js";
import { failure } from "../../support/failure.js";
import { assertSameFields, messageOf, modelBytes } from "../../support/onnx-messages.js";

type Fields = Exclude<MessageInitShape<typeof TensorProtoSchema>, { readonly $typeName: string }>;

function modelOf(fields: Fields): Uint8Array {
  return modelBytes({ name: "g", initializer: [create(TensorProtoSchema, { name: "w", ...fields })] });
}

function tensorOf(bytes: Uint8Array): Tensor {
  return decodeModel(bytes).graph.initializers.get("w") as Tensor;
}

// Each typed field with the numbers that its entries stand for.
const typed: readonly (readonly [DType, number, Fields, readonly number[]])[] = [
  ["float32", 1, { floatData: [1.5, -2] }, [1.5, -2]],
  ["uint8", 2, { int32Data: [0, 255] }, [0, 255]],
  ["int8", 3, { int32Data: [-128, 127] }, [-128, 127]],
  ["uint16", 4, { int32Data: [0, 65535] }, [0, 65535]],
  ["int16", 5, { int32Data: [-32768, 32767] }, [-32768, 32767]],
  ["int32", 6, { int32Data: [-1, 2147483647] }, [-1, 2147483647]],
  ["int64", 7, { int64Data: [-1n, 2n ** 40n] }, [-1, 2 ** 40]],
  ["bool", 9, { int32Data: [0, 1] }, [0, 1]],
  ["float16", 10, { int32Data: [0x3c00, 0xc000] }, [1, -2]],
  ["float64", 11, { doubleData: [0.1, -3] }, [0.1, -3]],
  ["uint32", 12, { uint64Data: [0n, 4294967295n] }, [0, 4294967295]],
  ["uint64", 13, { uint64Data: [1n, 2n ** 53n] }, [1, 2 ** 53]],
  ["bfloat16", 16, { int32Data: [0x3f80, 0xc000] }, [1, -2]],
  ["uint4", 21, { int32Data: [0xf1] }, [1, 15]],
  ["int4", 22, { int32Data: [0xf1] }, [1, -1]],
];

describe("tensors in typed fields", () => {
  for (const [dtype, dataType, fields, expected] of typed) {
    it(`are read and restored: ${dtype}`, () => {
      const bytes = modelOf({ dims: [2n], dataType, ...fields });
      const tensor = tensorOf(bytes);
      assert.equal(tensor.dtype, dtype);
      assert.deepEqual([...numbersOf(tensor)], expected);
      assertSameFields(encodeModel(decodeModel(bytes)), bytes);
    });
  }

  it("are read and restored: complex numbers, 8-bit and 4-bit floats, strings", () => {
    const cases: readonly (readonly [DType, Fields, readonly number[]])[] = [
      ["complex64", { dataType: 14, dims: [1n], floatData: [1, 2] }, [0, 0, 128, 63, 0, 0, 0, 64]],
      ["float8e4m3fn", { dataType: 17, dims: [2n], int32Data: [0x38, 0xff] }, [0x38, 0xff]],
      ["float8e5m2fnuz", { dataType: 20, dims: [1n], int32Data: [0x80] }, [0x80]],
      ["float4e2m1", { dataType: 23, dims: [3n], int32Data: [0x21, 0x07] }, [0x21, 0x07]],
    ];
    for (const [dtype, fields, expected] of cases) {
      const bytes = modelOf(fields);
      assert.equal(tensorOf(bytes).dtype, dtype);
      assert.deepEqual([...(tensorOf(bytes).data as Uint8Array)], expected);
      assertSameFields(encodeModel(decodeModel(bytes)), bytes);
    }
    const strings = modelOf({ dataType: 8, dims: [2n], stringData: [Uint8Array.of(), Uint8Array.of(0xff, 0)] });
    assert.deepEqual(tensorOf(strings).data, [Uint8Array.of(), Uint8Array.of(0xff, 0)]);
    assertSameFields(encodeModel(decodeModel(strings)), strings);
  });

  it("keep entries that their bytes cannot give back, until the bytes change", () => {
    const bytes = modelOf({ dims: [2n], dataType: 3, int32Data: [255, 5] });
    const model = decodeModel(bytes);
    const tensor = model.graph.initializers.get("w") as Tensor;
    assert.deepEqual([...numbersOf(tensor)], [-1, 5]);
    assertSameFields(encodeModel(model), bytes);
    const changed = { ...tensor, data: Uint8Array.of(254, 5) };
    const graph = { ...model.graph, initializers: new Map([["w", changed]]) };
    assert.deepEqual(messageOf(encodeModel({ ...model, graph })).graph?.initializer[0].int32Data, [-2, 5]);
  });

  it("become raw where the element type changes", () => {
    const model = decodeModel(modelOf({ dims: [1n], dataType: 1, floatData: [2] }));
    const changed: Tensor = { ...(model.graph.initializers.get("w") as Tensor), dtype: "int32", data: Uint8Array.of(9, 0, 0, 0) };
    const written = messageOf(encodeModel({ ...model, graph: { ...model.graph, initializers: new Map([["w", changed]]) } })).graph?.initializer[0];
    assert.deepEqual([written?.dataType, written?.floatData, written?.rawData], [6, [], Uint8Array.of(9, 0, 0, 0)]);
  });
});

describe("tensors that cannot be", () => {
  const refused: readonly (readonly [string, string, Fields, RegExp])[] = [
    [
      "too few bytes",
      "model/tensor-size",
      { dims: [2n, 3n], dataType: 1, rawData: new Uint8Array(20) },
      /"w" \(float32 \[2, 3\]\): expected 24 bytes, got 20/,
    ],
    ["too many entries", "model/tensor-size", { dims: [], dataType: 7, int64Data: [1n, 2n] }, /"w" \(int64 \[\]\): expected 8 bytes, got 16/],
    ["odd 4-bit elements", "model/tensor-size", { dims: [3n], dataType: 22, rawData: new Uint8Array(1) }, /expected 2 bytes, got 1/],
    ["no data", "model/tensor-size", { dims: [4n], dataType: 1 }, /expected 16 bytes, got 0/],
    ["too few strings", "model/tensor", { dims: [2n], dataType: 8, stringData: [Uint8Array.of(65)] }, /"w": has 1 strings for the shape \[2\]/],
    ["a negative size", "model/tensor", { dims: [-1n], dataType: 1 }, /"w": has a size of -1/],
    ["an unknown element type", "model/dtype", { dims: [1n], dataType: 77 }, /tensor "w".*number 77/],
  ];
  for (const [what, code, fields, message] of refused) {
    it(`are refused by name: ${what}`, async () => {
      assert.match((await failure(code, () => tensorOf(modelOf(fields)))).message, message);
    });
  }
});
