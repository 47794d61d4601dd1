// Turns a graph that computes in half precision into one that computes the same in float32, so that it can be trained.

import { dtypeOfOnnx, onnxDType } from "../graph/dtype-codes.js";
import { castTensor } from "../graph/tensor.js";
import type { Attribute, DType, FunctionDefinition, Graph, Node, SparseTensor, Tensor, ValueInfo, ValueType } from "../graph/types.js";
import { validate } from "../graph/validate.js";

/** Attributes that hold an element type by ONNX's number, whatever the operator. */
const dtypeAttributes: ReadonlySet<string> = new Set(["to", "dtype", "output_dtype", "output_datatype", "stash_type", "softmax_precision"]);

const isHalf = (dtype: DType | undefined): boolean => dtype === "float16" || dtype === "bfloat16";

/**
 * The graph with float32 wherever it had float16 or bfloat16: initializers, constants, casts, declared types, subgraphs and functions.
 * A graph without half precision is answered as it is.
 */
export function widenHalf(graph: Graph): Graph {
  return usesHalf(graph) ? validate(widenGraph(graph)) : graph;
}

function usesHalf(graph: Graph): boolean {
  const types = [...graph.inputs, ...graph.outputs, ...graph.valueTypes.values()].map((info) => info.type);
  if (types.some((type) => widenType(type) !== type)) return true;
  if ([...graph.initializers.values()].some((tensor) => isHalf(tensor.dtype))) return true;
  if ([...graph.sparseInitializers.values()].some(({ values }) => isHalf(values.dtype))) return true;
  const inNode = (node: Node): boolean => [...node.attributes].some(([name, value]) => attributeUsesHalf(name, value));
  return graph.nodes.some(inNode) || [...graph.functions.values()].some((f) => f.nodes.some(inNode));
}

function attributeUsesHalf(name: string, attribute: Attribute): boolean {
  if (attribute.type === "graph") return usesHalf(attribute.value);
  if (attribute.type === "graphs") return attribute.value.some(usesHalf);
  return widenAttribute(name, attribute) !== attribute;
}

function widenGraph(graph: Graph): Graph {
  return {
    ...graph,
    inputs: graph.inputs.map(widenInfo),
    outputs: graph.outputs.map(widenInfo),
    nodes: graph.nodes.map(widenNode),
    initializers: mapValues(graph.initializers, widenTensor),
    sparseInitializers: mapValues(graph.sparseInitializers, widenSparse),
    valueTypes: mapValues(graph.valueTypes, widenInfo),
    functions: mapValues(graph.functions, widenFunction),
  };
}

function widenFunction(definition: FunctionDefinition): FunctionDefinition {
  return {
    ...definition,
    nodes: definition.nodes.map(widenNode),
    attributeDefaults: mapValues(definition.attributeDefaults, (value, name) => widenAttribute(name, value)),
    valueTypes: mapValues(definition.valueTypes, widenInfo),
  };
}

function widenNode(node: Node): Node {
  return { ...node, attributes: mapValues(node.attributes, (value, name) => widenAttribute(name, value)) };
}

function widenAttribute(name: string, attribute: Attribute): Attribute {
  switch (attribute.type) {
    case "int":
      return dtypeAttributes.has(name) && isHalf(dtypeOfOnnx(Number(attribute.value)))
        ? { ...attribute, value: BigInt(onnxDType("float32")) }
        : attribute;
    case "tensor": {
      const value = widenTensor(attribute.value);
      return value === attribute.value ? attribute : { ...attribute, value };
    }
    case "tensors":
      return attribute.value.some((tensor) => isHalf(tensor.dtype)) ? { ...attribute, value: attribute.value.map(widenTensor) } : attribute;
    case "sparseTensor": {
      const value = widenSparse(attribute.value);
      return value === attribute.value ? attribute : { ...attribute, value };
    }
    case "type": {
      const value = widenType(attribute.value);
      return value === attribute.value ? attribute : { ...attribute, value };
    }
    case "graph":
      return { ...attribute, value: widenGraph(attribute.value) };
    case "graphs":
      return { ...attribute, value: attribute.value.map(widenGraph) };
    default:
      return attribute;
  }
}

function widenTensor(tensor: Tensor): Tensor {
  return isHalf(tensor.dtype) ? castTensor(tensor, "float32") : tensor;
}

function widenSparse(sparse: SparseTensor): SparseTensor {
  return isHalf(sparse.values.dtype) ? { ...sparse, values: widenTensor(sparse.values) } : sparse;
}

function widenInfo(info: ValueInfo): ValueInfo {
  const type = widenType(info.type);
  return type === info.type ? info : { ...info, type };
}

/** The same object where nothing changes. */
function widenType(type: ValueType | undefined): ValueType | undefined {
  switch (type?.kind) {
    case "tensor":
    case "sparseTensor":
      return isHalf(type.dtype) ? { ...type, dtype: "float32" } : type;
    case "sequence":
    case "optional": {
      const element = widenType(type.element);
      return element === type.element ? type : { ...type, element };
    }
    case "map": {
      const value = widenType(type.value);
      return value === type.value ? type : { ...type, value };
    }
    default:
      return type;
  }
}

function mapValues<V>(map: ReadonlyMap<string, V>, change: (value: V, key: string) => V): ReadonlyMap<string, V> {
  return new Map([...map].map(([key, value]) => [key, change(value, key)]));
}
