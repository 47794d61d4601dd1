// The reverse-mode driver: forward graph in, forward graph with its gradient nodes out. It sums what broadcasting spread and adds up
// what several readers send back, once, for every rule; it knows no operator by name.

import * as errors from "../errors.js";
import { GraphBuilder, type Value } from "../graph/builder.js";
import type { Graph, Node } from "../graph/types.js";
import { isFloat } from "../graph/tensor.js";
import { ancestors, readsOf } from "../graph/traverse.js";
import { validate } from "../graph/validate.js";
import { definitionOf } from "../ops/index.js";
import { inferGraph, inferNode, type InferOptions } from "../ops/infer.js";
import type { Facts, GradientContext, GradientRule } from "../ops/define.js";
import { upgradeOpset } from "../passes/upgrade-opset.js";
import { flowTo, type Flow } from "./flow.js";

export interface Gradients {
  /** The forward graph, in the internal opset's form, followed by the gradient nodes; inputs and outputs as they were. */
  readonly graph: Graph;
  /** For each x, the value that holds Σ d(sum of y)/dx in x's shape; undefined where no path exists. */
  readonly gradients: readonly (string | undefined)[];
}

export interface GradientOptions extends InferOptions {
  /** Gradients that arrive at the ys, by the name of the y; ones where left out. */
  readonly seeds?: ReadonlyMap<string, string>;
}

/**
 * Differentiates the sum of all `ys` with respect to each of `xs`.
 * @throws model/no-gradient where an operator without a gradient lies on a path; model/unknown-rank
 */
export function gradients(graph: Graph, ys: readonly string[], xs: readonly string[], options: GradientOptions = {}): Gradients {
  const forward = upgradeOpset(graph);
  const facts = inferGraph(forward, options);
  const lookUp = (name: string): Facts => facts.get(name) ?? { type: undefined };
  const wanted = findPaths(forward, ys, xs, lookUp);
  const driver = new Driver(forward, lookUp, wanted);
  for (const y of ys) if (wanted.has(y)) driver.seed(y, options.seeds?.get(y));
  for (let i = forward.nodes.length - 1; i >= 0; i--) driver.visit(forward.nodes[i]);
  const found = xs.map((x) => (wanted.has(x) ? driver.gradientOf(x)?.name : undefined));
  return { graph: validate(driver.builder.finish()), gradients: found };
}

/** Values on a path from an x to a y along which a gradient flows. @throws model/no-gradient */
function findPaths(graph: Graph, ys: readonly string[], xs: readonly string[], facts: (name: string) => Facts): ReadonlySet<string> {
  const used = ancestors(graph, ys);
  const reached = new Set(xs);
  const reasons = new Map<Node, string>();
  for (const node of graph.nodes) {
    if (!node.outputs.some((o) => used.has(o))) continue;
    const flowing = flowsFrom(node, reached, facts);
    const obstacle = flowing.map(({ flow }) => flow).find((flow) => flow.kind === "unsupported");
    if (obstacle !== undefined) reasons.set(node, obstacle.reason);
    if (flowing.length > 0) for (const output of node.outputs) if (output !== "" && mayVary(facts(output))) reached.add(output);
  }
  const onPath = new Set<string>(ys.filter((y) => reached.has(y)));
  const walls: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((o) => onPath.has(o))) continue;
    if (reasons.has(node)) walls.push(node);
    for (const { name } of flowsFrom(node, reached, facts)) onPath.add(name);
  }
  if (walls.length > 0) throw errors.noGradient(walls[0], reasons.get(walls[0]) ?? "", cutBehind(graph, walls, onPath, ys));
  return onPath;
}

/** How gradients pass from a node to those of its operands that are in `reached`, without those to which none could pass. */
function flowsFrom(
  node: Node,
  reached: ReadonlySet<string>,
  facts: (name: string) => Facts,
): readonly { readonly name: string; readonly flow: Flow }[] {
  const inputs = new Set(node.inputs);
  const own = node.inputs.flatMap((name, i) => (name !== "" && reached.has(name) ? [{ name, flow: flowTo(node, i, facts) }] : []));
  const nested = readsOf(node).filter((name) => !inputs.has(name) && reached.has(name) && mayVary(facts(name)));
  const inside = nested.map((name) => ({ name, flow: { kind: "unsupported", reason: `its subgraph reads "${name}"` } as const }));
  return [...own, ...inside].filter(({ flow }) => flow.kind === "flows" || flow.kind === "unsupported");
}

/** Integers and booleans do not vary, and neither pass gradients on nor have them. */
function mayVary({ type }: Facts): boolean {
  return type === undefined || isFloat(type.dtype);
}

/** The first value behind all of the walls that no path from them goes round: whoever trains from there on meets none of them. */
function cutBehind(graph: Graph, walls: readonly Node[], onPath: ReadonlySet<string>, ys: readonly string[]): string {
  const behind = new Map<string, ReadonlySet<Node>>();
  const candidates: string[] = [];
  for (const node of graph.nodes) {
    const met = new Set(readsOf(node).flatMap((name) => [...(behind.get(name) ?? [])]));
    if (walls.includes(node)) met.add(node);
    for (const name of node.outputs) {
      behind.set(name, met);
      if (name !== "" && met.size === walls.length && onPath.has(name)) candidates.push(name);
    }
  }
  const [first = walls[0].outputs.find((name) => onPath.has(name)) ?? walls[0].outputs[0]] = candidates;
  return candidates.find((cut) => !ys.includes(cut) && !isBypassed(graph, walls, onPath, ys, cut)) ?? first;
}

/** Whether a path leads from one of the walls to a y without passing through `cut`. */
function isBypassed(graph: Graph, walls: readonly Node[], onPath: ReadonlySet<string>, ys: readonly string[], cut: string): boolean {
  const reached = new Set<string>();
  for (const node of graph.nodes) {
    if (!walls.includes(node) && !readsOf(node).some((name) => reached.has(name))) continue;
    for (const name of node.outputs) if (name !== cut && onPath.has(name)) reached.add(name);
  }
  return ys.some((y) => reached.has(y));
}

/** Values by position, each looked up when it is asked for: rules leave most of them alone. Undefined for one that is left out. */
function onDemand(names: readonly string[], get: (name: string) => Value): readonly Value[] {
  const values: Value[] = [];
  for (const [i, name] of names.entries()) {
    const look = name === "" ? () => undefined : () => get(name);
    Object.defineProperty(values, i, { get: look, enumerable: true });
  }
  return values;
}

class Driver {
  readonly builder: GraphBuilder;
  readonly #facts: (name: string) => Facts;
  readonly #wanted: ReadonlySet<string>;
  /** What has arrived at each value so far, before it is added up. */
  readonly #arrived = new Map<string, Value[]>();

  constructor(graph: Graph, facts: (name: string) => Facts, wanted: ReadonlySet<string>) {
    this.builder = new GraphBuilder(graph, inferNode);
    this.#facts = facts;
    this.#wanted = wanted;
  }

  seed(y: string, name: string | undefined): void {
    const b = this.builder;
    const value = this.#value(y);
    b.scope = `${y}_grad`;
    const rank0 = value.type.shape?.length === 0;
    const seed = name !== undefined ? this.#value(name) : rank0 ? b.one(value) : b.expandLike(b.one(value), value);
    this.#arrive(y, seed);
  }

  visit(node: Node): void {
    const definition = definitionOf(node);
    if (definition === undefined || typeof definition.grad !== "function") return;
    const needs = node.inputs.map((name, i) => name !== "" && this.#wanted.has(name) && flowTo(node, i, this.#facts).kind === "flows");
    if (!needs.includes(true) || !node.outputs.some((o) => this.#arrived.has(o))) return;
    try {
      this.#backward(node, definition.grad, needs);
    } catch (error) {
      if (!(error instanceof errors.EngineError) || error.code !== "model/unknown-rank") throw error;
      // A rule can only name a value that it has made itself; the person needs the one of the model that it was made from.
      const unknown = [...node.inputs, ...node.outputs].find((name) => name !== "" && this.#facts(name).type?.shape === undefined);
      throw unknown === undefined ? error : errors.unknownRank(node, unknown);
    }
  }

  #backward(node: Node, rule: GradientRule, needs: readonly boolean[]): void {
    const context = this.#context(node);
    this.builder.scope = `${node.inputs[needs.indexOf(true)]}_grad`;
    const results = rule(context);
    for (const [i, name] of node.inputs.entries()) {
      if (!needs[i]) continue;
      this.builder.scope = `${name}_grad`;
      const result = results[i];
      const gradient = typeof result === "function" ? result() : result;
      if (gradient !== undefined) this.#arrive(name, this.#sumTo(gradient, context.inputs[i]));
    }
  }

  /** The gradient that has arrived at a value, added up. */
  gradientOf(name: string): Value | undefined {
    const parts = this.#arrived.get(name);
    if (parts === undefined) return undefined;
    if (parts.length === 1) return parts[0];
    const { scope } = this.builder;
    this.builder.scope = `${name}_grad`;
    const total = this.builder.sum(parts);
    // Rules ask for it while they name values of their own.
    this.builder.scope = scope;
    this.#arrived.set(name, [total]);
    return total;
  }

  #context(node: Node): GradientContext {
    const inputs = onDemand(node.inputs, (name) => this.#value(name));
    const outputs = onDemand(node.outputs, (name) => this.#value(name));
    const dOutputs = onDemand(node.outputs, (name) => this.gradientOf(name) ?? this.builder.zerosLike(this.#value(name)));
    return { b: this.builder, node, inputs, outputs, dOutputs, has: (i) => node.inputs[i] !== undefined && node.inputs[i] !== "" };
  }

  #value(name: string): Value {
    const { type, ints, floats } = this.#facts(name);
    if (type === undefined) throw errors.unknownRank({ opType: "value", name, outputs: [name] }, name);
    return { name, type, ...(ints === undefined ? {} : { ints }), ...(floats === undefined ? {} : { floats }) };
  }

  #arrive(name: string, gradient: Value): void {
    const list = this.#arrived.get(name);
    if (list === undefined) this.#arrived.set(name, [gradient]);
    else list.push(gradient);
  }

  /** Sums a gradient over the axes along which `like` was broadcast; the result has the type of `like`. */
  #sumTo(gradient: Value, like: Value): Value {
    const b = this.builder;
    const [from, to] = [gradient.type.shape, like.type.shape];
    if (from === undefined || to === undefined) throw errors.unknownRank({ opType: "value", name: like.name, outputs: [like.name] }, like.name);
    const lead = Math.max(0, from.length - to.length);
    const aligned = b.reduceSum(gradient, [...from.slice(0, lead).keys()], false);
    const axes = [...to.keys()].filter((axis) => from[axis + lead] !== to[axis]);
    // Whether an axis was broadcast shows only at run time where its own size is a symbol.
    const summed = axes.some((axis) => typeof to[axis] === "string")
      ? b.reduceSum(aligned, this.#axesOfSizeOne(like))
      : b.reduceSum(aligned, axes.filter((axis) => to[axis] === 1)); // prettier-ignore
    return { name: summed.name, type: { ...gradient.type, shape: to } };
  }

  /** The axes along which a value turns out to have size 1, as an int64 vector that may be empty. */
  #axesOfSizeOne(value: Value): Value {
    const b = this.builder;
    return b.reshape(b.op("NonZero", [b.equal(b.shape(value), b.ints([1]))]), [-1]);
  }
}
