import assert from "node:assert/strict";
import { toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { attributes, float, floats } from "../../../core/graph/attributes.js";
import { byteSize } from "../../../core/graph/tensor.js";
import { dtypes, type Attribute, type DType, type Graph, type Model, type Node, type Tensor } from "../../../core/graph/types.js";
import { decodeModel } from "../../../core/onnx/decode.js";
import { encodeModel } from "../../../core/onnx/encode.js";
import { ModelProtoSchema } from "../../../core/onnx/generated/onnx_pb.js";
import { modelMessages } from "../../support/onnx-arbitraries.js";
import { assertSameFields } from "../../support/onnx-messages.js";

describe("any model message", () => {
  it("comes back with the same fields, unknown ones and presence included", () => {
    fc.assert(
      fc.property(modelMessages, (message) => {
        const bytes = toBinary(ModelProtoSchema, message);
        assertSameFields(encodeModel(decodeModel(bytes)), bytes);
      }),
      { numRuns: 300, seed: 1 },
    );
  });
});

// Models that the engine builds itself.

const text = fc.constantFrom("", "a", "größe");

const tensorOfDType = (dtype: DType): fc.Arbitrary<Tensor> =>
  fc.array(fc.nat(3), { maxLength: 3 }).chain((sizes) => {
    const count = sizes.reduce((n, d) => n * d, 1);
    const data =
      dtype === "string"
        ? fc.array(fc.uint8Array(), { minLength: count, maxLength: count })
        : fc.uint8Array({ minLength: byteSize(dtype, count), maxLength: byteSize(dtype, count) });
    return data.map((bytes) => ({ dtype, shape: sizes, data: bytes }));
  });
const anyTensor = fc.constantFrom(...dtypes).chain(tensorOfDType);
const anyAttribute: fc.Arbitrary<Attribute> = fc.oneof(
  fc.float().map((value) => float(value)),
  fc.array(fc.float()).map((values) => floats(values)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value): Attribute => ({ type: "int", value })),
  anyTensor.map((value): Attribute => ({ type: "tensor", value })),
  fc.uint8Array().map((value): Attribute => ({ type: "string", value })),
);

const builtModel: fc.Arbitrary<Model> = fc
  .record({
    tensors: fc.array(anyTensor, { minLength: 1, maxLength: 4 }),
    nodes: fc.array(fc.record({ attribute: anyAttribute, pick: fc.nat(), name: text, domain: fc.constantFrom("", "test") }), { maxLength: 5 }),
    irVersion: fc.constantFrom(3, 4, 10),
    metadata: fc.dictionary(fc.string({ minLength: 1 }), fc.string()),
  })
  .map(({ tensors, nodes, irVersion, metadata }) => {
    const values = tensors.map((_, i) => `w${i}`);
    const built: Node[] = nodes.map(({ attribute: value, pick, name, domain }, i) => {
      const input = values[pick % values.length];
      values.push(`y${i}`);
      return { name, domain, opType: "Op", inputs: [input, ""], outputs: [`y${i}`], attributes: attributes({ value }) };
    });
    const inner: Graph = {
      name: "built",
      opsets: new Map([["", 20], ["test", 1]]),
      inputs: [{ name: "x", type: { kind: "tensor", dtype: "float32", shape: ["N", 3] } }],
      outputs: [{ name: values[values.length - 1], type: undefined }],
      nodes: built,
      initializers: new Map(tensors.map((t, i) => [`w${i}`, t])),
      sparseInitializers: new Map(),
      valueTypes: new Map(),
      functions: new Map(),
    }; // prettier-ignore
    return { graph: inner, irVersion, producerName: "test", producerVersion: "", metadata: new Map(Object.entries(metadata)) };
  });

/** Without the property that only the wire format looks at, which a model that was built does not have. */
function withoutWire(value: unknown): unknown {
  if (value instanceof Map) return new Map([...(value as Map<unknown, unknown>)].map(([key, item]) => [key, withoutWire(item)]));
  if (Array.isArray(value)) return value.map(withoutWire);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([key, item]) => (key === "wire" ? [] : [[key, withoutWire(item)]])));
}

describe("any model that was built", () => {
  it("is the same after writing and reading it", () => {
    fc.assert(
      fc.property(builtModel, (model) => {
        assert.deepStrictEqual(withoutWire(decodeModel(encodeModel(model))), withoutWire(model));
      }),
      { numRuns: 300, seed: 2 },
    );
  });
});
