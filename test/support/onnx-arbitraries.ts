// Arbitrary model messages as other writers might make them: any optional field absent, empty or set, and fields that nobody knows.

import { clone, create, type DescMessage, type MessageInitShape, type MessageShape, type UnknownField } from "@bufbuild/protobuf";
import fc from "fast-check";
import {
  AttributeProtoSchema,
  FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeDeviceConfigurationProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  SparseTensorProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_MapSchema,
  TypeProto_OptionalSchema,
  TypeProto_SequenceSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
  type AttributeProto,
  type GraphProto,
  type TypeProto,
} from "../../core/onnx/generated/onnx_pb.js";

const text = fc.constantFrom("", "a", "größe");
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const unknown = maybe(
  fc.array(
    fc.oneof(
      fc.record({
        no: fc.integer({ min: 900, max: 1000 }),
        wireType: fc.constant(0),
        data: fc.constantFrom(Uint8Array.of(0), Uint8Array.of(150, 1)),
      }),
      fc.record({
        no: fc.integer({ min: 900, max: 1000 }),
        wireType: fc.constant(2),
        data: fc.constantFrom(Uint8Array.of(0), Uint8Array.of(2, 7, 9)),
      }),
    ),
    { minLength: 1, maxLength: 2 },
  ),
) as fc.Arbitrary<UnknownField[] | undefined>;

/** A message of these fields, without those that were left out, and with unknown ones. */
function make<Desc extends DescMessage>(schema: Desc, fields: object): MessageShape<Desc> {
  const present = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const message = create(schema, present as MessageInitShape<Desc>);
  return "$unknown" in present ? Object.assign(message, { $unknown: present.$unknown as UnknownField[] }) : message;
}

const entry = fc.record({ key: text, value: maybe(text), $unknown: unknown }).map((f) => make(StringStringEntryProtoSchema, f));
const entries = fc.array(entry, { maxLength: 2 });

const dimension = fc
  .record({
    value: fc.oneof(
      fc.constant({ case: undefined }),
      fc.record({ case: fc.constant("dimValue" as const), value: fc.constantFrom(-1n, 0n, 3n) }),
      fc.record({ case: fc.constant("dimParam" as const), value: fc.constantFrom("", "N", "?", "2*N") }),
    ),
    denotation: maybe(text),
    $unknown: unknown,
  })
  .map((f) => make(TensorShapeProto_DimensionSchema, f));
const shape = fc.record({ dim: fc.array(dimension, { maxLength: 3 }), $unknown: unknown }).map((f) => make(TensorShapeProtoSchema, f));

const { type } = fc.letrec<{ type: TypeProto }>((tie) => ({
  type: fc
    .record({
      value: fc.oneof(
        { depthSize: "small" },
        fc
          .record({ elemType: maybe(fc.constantFrom(0, 1, 7, 22, 99)), shape: maybe(shape), $unknown: unknown })
          .map((f) => ({ case: "tensorType" as const, value: make(TypeProto_TensorSchema, f) })),
        fc.constant({ case: undefined }),
        fc.record({ elemType: maybe(tie("type")), $unknown: unknown }).map((f) => ({
          case: "sequenceType" as const,
          value: make(TypeProto_SequenceSchema, f),
        })),
        fc.record({ elemType: maybe(tie("type")) }).map((f) => ({ case: "optionalType" as const, value: make(TypeProto_OptionalSchema, f) })),
        fc.record({ keyType: maybe(fc.constantFrom(7, 8)), valueType: maybe(tie("type")) }).map((f) => ({
          case: "mapType" as const,
          value: make(TypeProto_MapSchema, f),
        })),
      ),
      denotation: maybe(text),
      $unknown: unknown,
    })
    .map((f) => make(TypeProtoSchema, f)),
}));

const valueInfo = (name: fc.Arbitrary<string>) =>
  fc.record({ name, type: maybe(type), docString: maybe(text), metadataProps: entries, $unknown: unknown }).map((f) => make(ValueInfoProtoSchema, f));

const tensorExtras = { docString: maybe(text), metadataProps: entries, dataLocation: maybe(fc.constant(0 as const)), $unknown: unknown };
const tensor = fc
  .oneof(
    fc.record({
      ...tensorExtras, dims: fc.constant([2n]), dataType: fc.constant(1), rawData: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    }),
    fc.record({ ...tensorExtras, dims: fc.constant([2n]), dataType: fc.constant(1), floatData: fc.constantFrom([0, -0], [1.5, NaN]) }),
    fc.record({ ...tensorExtras, dims: fc.constant([2n]), dataType: fc.constantFrom(2, 3, 4, 5, 9, 10, 16, 17), int32Data: fc.tuple(fc.integer(), fc.nat(255)) }),
    fc.record({ ...tensorExtras, dims: fc.constant([3n]), dataType: fc.constantFrom(21, 22, 23), int32Data: fc.tuple(fc.nat(255), fc.nat(15)) }),
    fc.record({ ...tensorExtras, dims: fc.constant([]), dataType: fc.constant(7), int64Data: fc.tuple(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })) }),
    fc.record({ ...tensorExtras, dims: fc.constant([1n]), dataType: fc.constantFrom(12, 13), uint64Data: fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })) }),
    fc.record({ ...tensorExtras, dims: fc.constant([1n]), dataType: fc.constant(15), doubleData: fc.tuple(fc.double(), fc.double()) }),
    fc.record({ ...tensorExtras, dims: fc.constant([2n]), dataType: fc.constant(8), stringData: fc.tuple(fc.uint8Array(), fc.uint8Array()) }),
    fc.record({ ...tensorExtras, dims: fc.constant([0n, 3n]), dataType: fc.constantFrom(1, 8), rawData: maybe(fc.constant(new Uint8Array(0))) }),
  )
  .map((f) => make(TensorProtoSchema, f)); // prettier-ignore
const named = (name: fc.Arbitrary<string | undefined>) =>
  fc.tuple(tensor, name).map(([message, own]) => (own === undefined ? message : Object.assign(clone(TensorProtoSchema, message), { name: own })));

const { graph } = fc.letrec<{ attribute: AttributeProto; graph: GraphProto }>((tie) => ({
  attribute: fc
    .tuple(
      fc.oneof(
        { depthSize: "small" },
        fc.record({ type: fc.constant(1), f: maybe(fc.constantFrom(0, -0, 0.5)) }),
        fc.record({ type: fc.constant(2), i: maybe(fc.constantFrom(0n, -3n)) }),
        fc.record({ type: maybe(fc.constant(2)), i: fc.constantFrom(0n, 5n) }),
        fc.record({ type: fc.constant(3), s: maybe(fc.uint8Array()) }),
        fc.record({ type: fc.constant(4), t: named(maybe(text)) }),
        fc.record({ type: fc.constant(6), floats: fc.array(fc.constantFrom(0, 0.25)) }),
        fc.record({ type: fc.constant(7), ints: fc.array(fc.constantFrom(0n, 2n)) }),
        fc.record({ type: fc.constant(8), strings: fc.array(fc.uint8Array(), { maxLength: 3 }) }),
        fc.record({ type: fc.constant(9), tensors: fc.array(named(maybe(text)), { maxLength: 2 }) }),
        fc.record({ type: fc.constant(11), sparseTensor: fc.record({ values: named(maybe(text)), indices: tensor, dims: fc.constant([4n]), $unknown: unknown }).map((f) => make(SparseTensorProtoSchema, f)) }),
        fc.record({ type: fc.constant(13), tp: maybe(type) }),
        fc.record({ type: fc.constant(14), typeProtos: fc.array(type, { maxLength: 2 }) }),
        fc.record({ type: fc.constant(2), refAttrName: fc.constant("outer") }),
        fc.record({ type: fc.constant(5), g: tie("graph") }),
        fc.record({ type: fc.constant(10), graphs: fc.array(tie("graph"), { maxLength: 2 }) }),
      ),
      fc.record({ docString: maybe(text), $unknown: unknown }),
    )
    .map(([value, rest]) => make(AttributeProtoSchema, { ...value, ...rest })), // prettier-ignore
  graph: fc
    .record({
      name: maybe(text),
      docString: maybe(text),
      initializer: fc.array(named(maybe(fc.constantFrom("", "w0", "w1"))), { maxLength: 3 }),
      input: fc.uniqueArray(valueInfo(fc.constantFrom("x", "y", "w0", "w1")), { maxLength: 3, selector: (info) => info.name }),
      valueInfo: fc.array(valueInfo(fc.constantFrom("", "v", "n0")), { maxLength: 4 }),
      quantizationAnnotation: fc.array(fc.record({ tensorName: text, quantParameterTensorNames: entries }), { maxLength: 1 }),
      metadataProps: entries,
      node: fc.array(nodeOf(tie("attribute")), { maxLength: 3 }),
      $unknown: unknown,
    })
    .map(({ initializer, node, ...rest }) => {
      const seen = new Set<string>();
      const kept = initializer.filter(({ name }) => !seen.has(name) && seen.add(name));
      const messages = node.map((fields, i) => make(NodeProtoSchema, { ...fields, output: [`n${i}`, ""] }));
      const output = messages.map((_, i) => create(ValueInfoProtoSchema, { name: `n${i}` }));
      return make(GraphProtoSchema, { ...rest, initializer: kept, node: messages, output });
    }),
}));

function nodeOf(arbitrary: fc.Arbitrary<AttributeProto>) {
  return fc.record({
    name: maybe(text),
    opType: maybe(fc.constantFrom("", "Op")),
    domain: maybe(fc.constantFrom("", "ai.onnx", "test")),
    overload: maybe(text),
    docString: maybe(text),
    metadataProps: entries,
    deviceConfigurations: fc.array(
      fc.record({ configurationId: text, $unknown: unknown }).map((f) => make(NodeDeviceConfigurationProtoSchema, f)),
      { maxLength: 1 },
    ),
    attribute: fc
      .array(arbitrary, { maxLength: 2 })
      .map((list) => list.map((value, i) => Object.assign(clone(AttributeProtoSchema, value), { name: `a${i}` }))),
    $unknown: unknown,
  });
}

const opsetImport = fc
  .record({ domain: maybe(fc.constantFrom("", "ai.onnx")), version: fc.bigInt({ min: 7n, max: 23n }), $unknown: unknown })
  .map((f) => make(OperatorSetIdProtoSchema, f));

export const modelMessages = fc
  .record({
    irVersion: maybe(fc.constantFrom(0n, 3n, 10n)),
    producerName: maybe(text),
    producerVersion: maybe(text),
    domain: maybe(text),
    modelVersion: maybe(fc.constantFrom(0n, 4n)),
    docString: maybe(text),
    graph,
    opsetImport: fc.tuple(opsetImport, opsetImport),
    metadataProps: fc.array(entry, { maxLength: 3 }),
    trainingInfo: fc.array(fc.record({ algorithm: graph, updateBinding: entries }), { maxLength: 1 }),
    configuration: fc.array(fc.record({ name: text, device: fc.array(text, { maxLength: 2 }) }), { maxLength: 1 }),
    functions: fc
      .array(
        fc.record({
          name: text, domain: maybe(text), overload: maybe(text), docString: maybe(text), opsetImport: fc.tuple(opsetImport),
          attribute: fc.array(text, { maxLength: 1 }), valueInfo: fc.array(valueInfo(text), { maxLength: 2 }), $unknown: unknown,
        }),
        { maxLength: 1 },
      )
      .map((list) => list.map((f) => make(FunctionProtoSchema, f))),
    $unknown: unknown,
  })
  .map((f) => make(ModelProtoSchema, f)); // prettier-ignore
