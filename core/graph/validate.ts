// Structural checks of a graph: every value made once, before it is read; no cycles; known opsets; attributes of the right type.
// It runs after every transformation, so each check is linear in the graph's size.

import * as errors from "../errors.js";
import { subgraphs } from "./attributes.js";
import { newestOpset, oldestOpset } from "./opsets.js";
import { topologicalOrder } from "./traverse.js";
import type { Attribute, AttributeType, FunctionDefinition, Graph, Node } from "./types.js";

export interface ValidateOptions {
  /** Types of an operator's attributes, where the operator is known. */
  readonly attributeTypes?: (node: Node) => Readonly<Record<string, AttributeType>> | undefined;
}

/** Names that can be read at some place; a subgraph's scope falls back to the scope around it. */
interface Scope {
  readonly names: Set<string>;
  readonly outer: Scope | undefined;
}

/**
 * Answers the graph itself.
 * @throws model/undefined-value, model/undefined-output, model/duplicate-value, model/cycle, model/opset, model/attribute-type
 */
export function validate(graph: Graph, options: ValidateOptions = {}): Graph {
  checkGraph(graph, undefined, options);
  checkOpsets(graph.opsets, graph.nodes);
  for (const definition of graph.functions.values()) checkFunction(definition, options);
  return graph;
}

function checkGraph(graph: Graph, outer: Scope | undefined, options: ValidateOptions): void {
  const scope: Scope = { names: new Set(), outer };
  for (const { name } of graph.inputs) define(scope, name, `the inputs of graph "${graph.name}"`);
  for (const name of graph.initializers.keys()) define(scope, name, `the initializers of graph "${graph.name}"`);
  for (const name of graph.sparseInitializers.keys()) define(scope, name, `the sparse initializers of graph "${graph.name}"`);
  checkNodes(graph.nodes, scope, options);
  for (const { name } of graph.outputs) if (!isDefined(scope, name)) throw errors.undefinedOutput(graph.name, name);
}

function checkNodes(nodes: readonly Node[], scope: Scope, options: ValidateOptions): void {
  for (const node of nodes) {
    for (const name of node.inputs) if (name !== "" && !isDefined(scope, name)) throw whyUndefined(nodes, node, name);
    if (node.attributes.size > 0) {
      checkAttributes(node, options);
      for (const { graph } of subgraphs(node)) checkGraph(graph, scope, options);
    }
    for (const name of node.outputs) if (name !== "") define(scope, name, errors.describeNode(node));
  }
}

/** A value that a later node makes is a matter of order, and a cycle where no order helps. */
function whyUndefined(nodes: readonly Node[], node: Node, name: string): errors.EngineError {
  topologicalOrder(nodes);
  return errors.undefinedValue(node, name);
}

function define(scope: Scope, name: string, where: string): void {
  if (scope.names.has(name)) throw errors.duplicateValue(name, where);
  scope.names.add(name);
}

function isDefined(scope: Scope, name: string): boolean {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) if (at.names.has(name)) return true;
  return false;
}

function checkAttributes(node: Node, { attributeTypes }: ValidateOptions): void {
  const types = attributeTypes?.(node);
  if (types === undefined) return;
  for (const [name, attribute] of node.attributes) {
    const expected: AttributeType | undefined = Object.hasOwn(types, name) ? types[name] : undefined;
    const got = typeOf(attribute);
    if (expected !== undefined && expected !== got) throw errors.wrongAttributeType(node, name, expected, got);
  }
}

function typeOf(attribute: Attribute): AttributeType {
  return attribute.type === "reference" ? attribute.of : attribute.type;
}

function checkOpsets(opsets: ReadonlyMap<string, number>, nodes: readonly Node[]): void {
  const version = opsets.get("");
  const known = version !== undefined && version >= oldestOpset && version <= newestOpset;
  if (!known && (version !== undefined || usesDefaultDomain(nodes))) {
    throw errors.unknownOpset("", version, `${oldestOpset} to ${newestOpset}`);
  }
}

function usesDefaultDomain(nodes: readonly Node[]): boolean {
  return nodes.some((node) => node.domain === "" || subgraphs(node).some(({ graph }) => usesDefaultDomain(graph.nodes)));
}

function checkFunction(definition: FunctionDefinition, options: ValidateOptions): void {
  const scope: Scope = { names: new Set(), outer: undefined };
  const where = `function "${definition.name}"`;
  for (const name of definition.inputs) define(scope, name, `the inputs of ${where}`);
  checkNodes(definition.nodes, scope, options);
  for (const name of definition.outputs) if (!isDefined(scope, name)) throw errors.undefinedOutput(definition.name, name);
  checkOpsets(definition.opsets, definition.nodes);
}
