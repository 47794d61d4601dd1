// Turns a graph that computes in half or double precision into one that computes the same in float32, as it is trained.

import { dtypeOfOnnx, onnxDType } from "../graph/dtype-codes.js";
import { castTensor } from "../graph/tensor.js";
import type { Attribute, DType, FunctionDefinition, Graph, Node, SparseTensor, Tensor, ValueInfo, ValueType } from "../graph/types.js";
import { validate } from "../graph/validate.js";

/** Attributes that hold an element type by ONNX's number, whatever the operator. */
const dtypeAttributes: ReadonlySet<string> = new Set(["to", "dtype", "output_dtype", "output_datatype", "stash_type", "softmax_precision"]);

const isOtherFloat = (dtype: DType | undefined): boolean => dtype === "float16" || dtype === "bfloat16" || dtype === "float64";

/**
 * The graph with float32 wherever it had float16, bfloat16 or float64: initializers, constants, casts, declared types, subgraphs and
 * functions. A graph without them is answered as it is.
 */
export function inFloat32(graph: Graph): Graph {
  return usesOtherFloat(graph) ? validate(rewriteGraph(graph)) : graph;
}

function usesOtherFloat(graph: Graph): boolean {
  const types = [...graph.inputs, ...graph.outputs, ...graph.valueTypes.values()].map((info) => info.type);
  if (types.some((type) => rewriteType(type) !== type)) return true;
  if ([...graph.initializers.values()].some((tensor) => isOtherFloat(tensor.dtype))) return true;
  if ([...graph.sparseInitializers.values()].some(({ values }) => isOtherFloat(values.dtype))) return true;
  const inNode = (node: Node): boolean => [...node.attributes].some(([name, value]) => attributeUsesOtherFloat(name, value));
  return graph.nodes.some(inNode) || [...graph.functions.values()].some((f) => f.nodes.some(inNode));
}

function attributeUsesOtherFloat(name: string, attribute: Attribute): boolean {
  if (attribute.type === "graph") return usesOtherFloat(attribute.value);
  if (attribute.type === "graphs") return attribute.value.some(usesOtherFloat);
  return rewriteAttribute(name, attribute) !== attribute;
}

function rewriteGraph(graph: Graph): Graph {
  return {
    ...graph,
    inputs: graph.inputs.map(rewriteInfo),
    outputs: graph.outputs.map(rewriteInfo),
    nodes: graph.nodes.map(rewriteNode),
    initializers: mapValues(graph.initializers, rewriteTensor),
    sparseInitializers: mapValues(graph.sparseInitializers, rewriteSparse),
    valueTypes: mapValues(graph.valueTypes, rewriteInfo),
    functions: mapValues(graph.functions, rewriteFunction),
  };
}

function rewriteFunction(definition: FunctionDefinition): FunctionDefinition {
  return {
    ...definition,
    nodes: definition.nodes.map(rewriteNode),
    attributeDefaults: mapValues(definition.attributeDefaults, (value, name) => rewriteAttribute(name, value)),
    valueTypes: mapValues(definition.valueTypes, rewriteInfo),
  };
}

function rewriteNode(node: Node): Node {
  return { ...node, attributes: mapValues(node.attributes, (value, name) => rewriteAttribute(name, value)) };
}

function rewriteAttribute(name: string, attribute: Attribute): Attribute {
  switch (attribute.type) {
    case "int":
      return dtypeAttributes.has(name) && isOtherFloat(dtypeOfOnnx(Number(attribute.value)))
        ? { ...attribute, value: BigInt(onnxDType("float32")) }
        : attribute;
    case "tensor": {
      const value = rewriteTensor(attribute.value);
      return value === attribute.value ? attribute : { ...attribute, value };
    }
    case "tensors":
      return attribute.value.some((tensor) => isOtherFloat(tensor.dtype)) ? { ...attribute, value: attribute.value.map(rewriteTensor) } : attribute;
    case "sparseTensor": {
      const value = rewriteSparse(attribute.value);
      return value === attribute.value ? attribute : { ...attribute, value };
    }
    case "type": {
      const value = rewriteType(attribute.value);
      return value === attribute.value ? attribute : { ...attribute, value };
    }
    case "graph":
      return { ...attribute, value: rewriteGraph(attribute.value) };
    case "graphs":
      return { ...attribute, value: attribute.value.map(rewriteGraph) };
    default:
      return attribute;
  }
}

function rewriteTensor(tensor: Tensor): Tensor {
  return isOtherFloat(tensor.dtype) ? castTensor(tensor, "float32") : tensor;
}

function rewriteSparse(sparse: SparseTensor): SparseTensor {
  return isOtherFloat(sparse.values.dtype) ? { ...sparse, values: rewriteTensor(sparse.values) } : sparse;
}

function rewriteInfo(info: ValueInfo): ValueInfo {
  const type = rewriteType(info.type);
  return type === info.type ? info : { ...info, type };
}

/** The same object where nothing changes. */
function rewriteType(type: ValueType | undefined): ValueType | undefined {
  switch (type?.kind) {
    case "tensor":
    case "sparseTensor":
      return isOtherFloat(type.dtype) ? { ...type, dtype: "float32" } : type;
    case "sequence":
    case "optional": {
      const element = rewriteType(type.element);
      return element === type.element ? type : { ...type, element };
    }
    case "map": {
      const value = rewriteType(type.value);
      return value === type.value ? type : { ...type, value };
    }
    default:
      return type;
  }
}

function mapValues<V>(map: ReadonlyMap<string, V>, change: (value: V, key: string) => V): ReadonlyMap<string, V> {
  return new Map([...map].map(([key, value]) => [key, change(value, key)]));
}
