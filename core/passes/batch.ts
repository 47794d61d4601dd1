// Batch analysis: follows the samples of a batch through a graph, finds where they mix or where a batch of 1 is baked in, and frees
// graphs that were exported with a batch of 1. It decides statically: nothing runs here.

import * as errors from "../errors.js";
import { formatShape, symbol } from "../graph/dims.js";
import { freshName } from "../graph/names.js";
import { isFloat } from "../graph/tensor.js";
import { ancestors, descendants, producers, readsOf } from "../graph/traverse.js";
import type { Dim, Graph, Model, Node, Shape, Tensor, TensorType, ValueInfo, ValueType } from "../graph/types.js";
import { validate } from "../graph/validate.js";
import { batchAlone, batchSize, isPerSample, sameBatch, type BatchAxis, type BatchSite, type Facts, type UpgradeContext } from "../ops/define.js";
import { definitionOf } from "../ops/index.js";
import { factsOfTensor, factsOfType, inferOutputs, siteOf } from "../ops/infer.js";
import { upgradeOpset } from "./upgrade-opset.js";

/** The node at which a batch ends, and why. */
export interface BatchBlock {
  readonly node: string;
  readonly op: string;
  readonly reason: string;
}

export interface BatchAnalysis {
  /** Every output can be computed for a batch of any size. */
  readonly free: boolean;
  /** The first node that the outputs need and that mixes samples or bakes the batch size in. */
  readonly blockedBy?: BatchBlock;
  /** The last value before it with one entry per sample: where a new head could start. */
  readonly proposedCut?: string;
  /** The symbol of the batch size in `facts`. */
  readonly symbol: Dim;
  /** Where the samples lie, for every value that varies with them and keeps them apart. */
  readonly axes: ReadonlyMap<string, BatchAxis>;
  /** Values that vary with the samples but do not keep them apart, or cannot be told to. */
  readonly mixed: ReadonlySet<string>;
  /** What is known of each value under a batch of symbolic size. */
  readonly facts: ReadonlyMap<string, Facts>;
  /** Sample inputs in which no axis can be told to be the batch. */
  readonly inputsWithoutBatch: readonly string[];
  /** The graph, in its own opset, with a symbolic batch in its types and with what baked it in rewritten where that can be done. */
  readonly graph: Graph;
  /** Names of the rewritten nodes (of their first output where they have none). */
  readonly rewritten: readonly string[];
}

const nothing: Facts = { type: undefined };

/** Whether nodes may be added to a graph: from opset 8 on all operators exist that freeing needs, and no node is called by its place. */
function mayGrow(graph: Graph): boolean {
  return (graph.opsets.get("") ?? 0) >= 8 && graph.nodes.every((node) => node.name !== "");
}

/**
 * Analyses the batch of a graph. The batch is axis 0 of every input where that has size 1 or a size that the file leaves open, or the axis
 * that has the same symbol. An operator without a batch rule ends the batch, unless the file was exported with an open batch and declares
 * the operator's output with that symbol.
 */
export function analyseBatch(graph: Graph): BatchAnalysis {
  const batch = batchInputs(graph);
  const dependent = descendants(graph, batch.types.keys());
  const walk = new Walk(graph, batch, dependent);
  for (const node of walk.upgraded.nodes) walk.visit(node);
  const { axes, mixed, facts } = walk;
  const blocked = batch.types.size === 0 ? noBatch(graph) : walk.firstBlock(graph);
  return {
    free: blocked === undefined,
    ...(blocked === undefined ? {} : { blockedBy: blocked.block }),
    ...(blocked?.cut === undefined ? {} : { proposedCut: blocked.cut }),
    symbol: batch.symbol,
    axes,
    mixed,
    facts,
    inputsWithoutBatch: batch.without,
    graph: freedGraph(graph, batch, walk, dependent),
    rewritten: walk.rewrittenNames(),
  };
}

/**
 * The model with a batch of any size in its inputs and outputs; unchanged where its file leaves the batch open already.
 * @throws model/batch naming the node that bakes the batch in, with the cut from where training is possible
 */
export function freeBatch(model: Model): Model {
  const { changes, types } = batchInputs(model.graph);
  if (!changes && types.size > 0) return model;
  const { free, blockedBy, proposedCut, graph } = analyseBatch(model.graph);
  if (!free) throw errors.batchBlocked(blockedBy?.op ?? "", blockedBy?.node ?? "", blockedBy?.reason ?? "", proposedCut);
  return { ...model, graph };
}

// ── inputs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

interface BatchInputs {
  /** As the file spells it. */
  readonly name: string;
  readonly symbol: Dim;
  /** The file names the batch itself. */
  readonly declared: boolean;
  /** Sample inputs that have a batch axis, with it. */
  readonly types: ReadonlyMap<string, { readonly type: TensorType; readonly axis: number }>;
  readonly without: readonly string[];
  /** Some input has a batch of 1, or an unnamed one. */
  readonly changes: boolean;
}

function batchInputs(graph: Graph): BatchInputs {
  const shapes = new Map(graph.inputs.map(({ name, type }) => [name, type?.kind === "tensor" ? type.shape : undefined] as const));
  const isOpen = (shape: Shape | undefined): boolean => shape?.[0] === 1 || typeof shape?.[0] === "string";
  const isNamed = (d: Dim | undefined): d is string => typeof d === "string" && !d.startsWith("?") && d !== "";
  const own = [...shapes.values()].filter(isOpen).map((shape) => shape?.[0]).find(isNamed); // prettier-ignore
  const taken = new Set([...shapes.values()].flatMap((shape) => shape ?? []));
  const name = own ?? ["batch", "batch_size", "samples"].find((n) => !taken.has(n)) ?? "frostline_batch";
  const types = new Map<string, { type: TensorType; axis: number }>();
  for (const { name: input, type } of graph.inputs) {
    const shape = shapes.get(input);
    const axis = isOpen(shape) ? 0 : (shape?.findIndex((d) => d === own) ?? -1);
    if (axis < 0 || type?.kind !== "tensor" || shape === undefined) continue;
    types.set(input, { type: { ...type, shape: shape.map((d, i) => (i === axis ? name : d)) }, axis });
  }
  const changes = [...types].some(([input, { axis }]) => typeof shapes.get(input)?.[axis] === "number");
  const without = graph.inputs.map((i) => i.name).filter((input) => !types.has(input));
  return { name, symbol: symbol(name), declared: own !== undefined, types, without, changes };
}

function noBatch(graph: Graph): { readonly block: BatchBlock; readonly cut?: string } {
  const [first] = graph.inputs;
  return {
    block: { node: first?.name ?? "", op: "input", reason: "no input has an axis that could hold a batch: expected a first axis of size 1 or open" },
  };
}

// ── walk ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Visits the nodes in order and gathers what is known of their outputs. */
class Walk {
  readonly upgraded: Graph;
  readonly axes = new Map<string, BatchAxis>();
  readonly mixed = new Set<string>();
  readonly facts = new Map<string, Facts>();
  /** What takes the place of nodes of the original graph, themselves last, by their first output. */
  readonly rewritten = new Map<string, readonly Node[]>();
  readonly constants = new Map<string, Tensor>();
  readonly #mayGrow: boolean;
  readonly #batch: BatchInputs;
  readonly #dependent: ReadonlySet<string>;
  readonly #declared: ReadonlyMap<string, ValueInfo>;
  readonly #originals: ReadonlyMap<string, Node>;
  readonly #names: Set<string>;
  readonly #blocks = new Map<Node, string>();

  constructor(graph: Graph, batch: BatchInputs, dependent: ReadonlySet<string>) {
    // Types that were declared under a batch of 1 would mislead the upgrade's own inference.
    this.upgraded = upgradeOpset(withoutStaleTypes(graph, batch, dependent));
    this.#mayGrow = mayGrow(graph);
    this.#batch = batch;
    this.#dependent = dependent;
    this.#declared = new Map([...graph.valueTypes, ...graph.outputs.map((o) => [o.name, o] as const)]);
    this.#originals = producers(graph);
    this.#names = new Set([...allNames(graph), ...allNames(this.upgraded)]);
    for (const { name, type } of this.upgraded.inputs) this.facts.set(name, factsOfType(type));
    for (const [name, { axis }] of batch.types) this.axes.set(name, batchAlone(axis));
    for (const [name, tensor] of this.upgraded.initializers) this.facts.set(name, factsOfTensor(tensor));
    for (const [name, { values, shape }] of this.upgraded.sparseInitializers)
      this.facts.set(name, { type: { kind: "tensor", dtype: values.dtype, shape } });
  }

  visit(node: Node): void {
    const reads = readsOf(node);
    if (reads.some((name) => this.mixed.has(name))) return this.#mix(node);
    if (!reads.some((name) => this.axes.has(name))) return this.#record(node, this.#inferred(node) ?? [], []);
    const found = this.#freed(node) ?? this.#follow(node);
    if (found !== undefined) return this.#record(node, found.outputs, found.axes);
    const trusted = this.#trusted(node);
    if (trusted !== undefined) return this.#record(node, trusted.outputs, trusted.axes);
    this.#blocks.set(node, this.#reasonFor(node));
    this.#mix(node);
  }

  /** Batch axes of a node's outputs by its rule; undefined where there is none or it says that the samples mix. */
  #follow(node: Node): { readonly outputs: readonly Facts[]; readonly axes: readonly (BatchAxis | undefined)[] } | undefined {
    const outputs = this.#inferred(node);
    const answer = outputs === undefined ? undefined : this.#ask(node, outputs);
    return outputs === undefined || answer === undefined || typeof answer === "string" ? undefined : { outputs, axes: answer };
  }

  #ask(node: Node, outputs: readonly Facts[]): readonly (BatchAxis | undefined)[] | string | undefined {
    const captured = readsOf(node).find((name) => this.axes.has(name) && !node.inputs.includes(name));
    if (captured !== undefined) return `its subgraph reads "${captured}", which varies with the samples`;
    const answer = definitionOf(node)?.batch?.(this.#axesOf(node), this.#site(node, outputs));
    if (answer === undefined || typeof answer === "string") return answer;
    const baked = outputs.find(({ type }, i) => typeof type?.shape?.[answer[i]?.axis ?? -1] === "number");
    return baked === undefined ? answer : `bakes the batch size in: makes ${formatShape(baked.type?.shape)}`;
  }

  #axesOf(node: Node): readonly (BatchAxis | undefined)[] {
    return node.inputs.map((name) => this.axes.get(name));
  }

  #site(node: Node, outputs: readonly Facts[]): BatchSite {
    return { ...siteOf(node, this.#inputFacts(node)), outputs, batch: this.#batch.symbol };
  }

  #inputFacts(node: Node): readonly Facts[] {
    return node.inputs.map((name) => this.facts.get(name) ?? nothing);
  }

  /** Facts of the outputs; undefined where the operands do not fit under a free batch. */
  #inferred(node: Node): readonly Facts[] | undefined {
    try {
      const inferred = inferOutputs(node, this.#inputFacts(node));
      return node.outputs.map((name, i) => (inferred[i].type === undefined && !this.#dependent.has(name) ? this.#declaredFacts(name) : inferred[i]));
    } catch (error) {
      if (error instanceof errors.EngineError) return undefined;
      throw error;
    }
  }

  #declaredFacts(name: string): Facts {
    return factsOfType(this.#declared.get(name)?.type);
  }

  /** Tries the operator's rewriting of a baked-in batch: both on the upgraded node, for the analysis, and on the model's own. */
  #freed(node: Node): { readonly outputs: readonly Facts[]; readonly axes: readonly (BatchAxis | undefined)[] } | undefined {
    const rule = definitionOf(node)?.freeBatch;
    const original = this.#originals.get(node.outputs[0]);
    // Only a form that the upgrade left as it was can be rewritten in the model's own opset, and only a batch of 1 can be baked in.
    if (!this.#batch.changes || rule === undefined || original?.opType !== node.opType || original.inputs.join() !== node.inputs.join())
      return undefined;
    const added = new Map<string, Tensor>();
    const context: UpgradeContext = {
      constant: (tensor) => {
        const name = this.#fresh(`${node.outputs[0]}_freed`);
        added.set(name, tensor);
        this.facts.set(name, factsOfTensor(tensor));
        return name;
      },
      fresh: (hint) => this.#fresh(hint),
      facts: (value) => this.facts.get(value) ?? nothing,
    };
    const outputs = this.#inferred(node) ?? node.outputs.map(() => nothing);
    const rewritten = rule(this.#axesOf(node), this.#site(node, outputs), context);
    const own = rewritten?.at(-1);
    if (rewritten === undefined || own === undefined || (rewritten.length > 1 && !this.#mayGrow)) return undefined;
    for (const helper of rewritten.slice(0, -1)) this.#record(helper, this.#inferred(helper) ?? [], []);
    const found = this.#follow(own);
    if (found === undefined) return undefined;
    for (const [name, tensor] of added) this.constants.set(name, tensor);
    this.rewritten.set(node.outputs[0], [...rewritten.slice(0, -1), { ...original, inputs: own.inputs, attributes: own.attributes }]);
    return found;
  }

  /** Axes that the file declares for a node without a batch rule, where its batch has a name. */
  #trusted(node: Node): { readonly outputs: readonly Facts[]; readonly axes: readonly (BatchAxis | undefined)[] } | undefined {
    if (!this.#batch.declared || definitionOf(node)?.batch !== undefined) return undefined;
    const outputs = node.outputs.map((name) => this.#declaredFacts(name));
    const axes = outputs.map(({ type }, i): BatchAxis | undefined => {
      const axis = node.outputs[i] === "" ? undefined : type?.shape?.indexOf(this.#batch.symbol);
      return axis === undefined || axis < 0 ? undefined : batchAlone(axis);
    });
    return node.outputs.every((name, i) => name === "" || axes[i] !== undefined) ? { outputs, axes } : undefined;
  }

  #reasonFor(node: Node): string {
    if (definitionOf(node) === undefined) return "Frostline does not know this operator, so it cannot tell whether samples stay apart";
    try {
      const answer = this.#ask(node, inferOutputs(node, this.#inputFacts(node)));
      return typeof answer === "string" ? answer : "it cannot be told whether samples stay apart";
    } catch (error) {
      if (error instanceof errors.EngineError) return `with a free batch: ${error.message}`;
      throw error;
    }
  }

  #record(node: Node, outputs: readonly Facts[], axes: readonly (BatchAxis | undefined)[]): void {
    for (const [i, name] of node.outputs.entries()) {
      if (name === "") continue;
      this.facts.set(name, outputs[i] ?? nothing);
      const axis = axes[i];
      if (axis !== undefined) this.axes.set(name, axis);
    }
  }

  /** Of mixed values only the element type is kept: their sizes were found for a batch of 1. */
  #mix(node: Node): void {
    const inferred = this.#inferred(node);
    for (const [i, name] of node.outputs.entries()) {
      if (name === "") continue;
      this.mixed.add(name);
      const type = inferred?.[i].type ?? this.#declaredFacts(name).type;
      this.facts.set(name, { type: type && { kind: "tensor", dtype: type.dtype } });
    }
  }

  #fresh(hint: string): string {
    return freshName(hint, this.#names);
  }

  /** The first block that the outputs need, and the cut before it. */
  firstBlock(graph: Graph): { readonly block: BatchBlock; readonly cut?: string } | undefined {
    const needed = ancestors(this.upgraded, graph.outputs.map((o) => o.name)); // prettier-ignore
    for (const [node, reason] of this.#blocks) {
      if (!node.outputs.some((name) => needed.has(name))) continue;
      const own = this.#originals.get(node.outputs[0]) ?? node;
      const cut = this.#cutBefore(node);
      return { block: { node: own.name === "" ? own.outputs[0] : own.name, op: own.opType, reason }, ...(cut === undefined ? {} : { cut }) };
    }
    return undefined;
  }

  /** The nearest value upstream with one entry per sample along axis 0, of the original graph and not one of its inputs. */
  #cutBefore(node: Node): string | undefined {
    const makers = producers(this.upgraded);
    const queue = readsOf(node).filter((name) => this.axes.has(name));
    for (const name of queue) {
      const dtype = this.facts.get(name)?.type?.dtype;
      const maker = makers.get(name);
      if (isPerSample(this.axes.get(name)) && dtype !== undefined && isFloat(dtype) && this.#originals.has(name)) return name;
      if (maker !== undefined) queue.push(...readsOf(maker).filter((read) => this.axes.has(read) && !queue.includes(read)));
    }
    return undefined;
  }

  rewrittenNames(): readonly string[] {
    return [...this.rewritten].map(([output, nodes]) => nodes.at(-1)?.name || output);
  }
}

// ── the freed graph ─────────────────────────────────────────────────────────────────────────────────────────────────

function allNames(graph: Graph): readonly string[] {
  return [
    ...graph.inputs.map((i) => i.name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap((node) => [node.name, ...node.outputs, ...readsOf(node)]),
  ];
}

function withoutStaleTypes(graph: Graph, batch: BatchInputs, dependent: ReadonlySet<string>): Graph {
  const strip = (info: ValueInfo): ValueInfo =>
    dependent.has(info.name) && info.type?.kind === "tensor" ? { ...info, type: { kind: "tensor", dtype: info.type.dtype } } : info;
  return {
    ...graph,
    inputs: graph.inputs.map((info) => (batch.types.has(info.name) ? { ...info, type: batch.types.get(info.name)?.type } : info)),
    outputs: graph.outputs.map(strip),
    valueTypes: new Map([...graph.valueTypes].filter(([name]) => !dependent.has(name))),
  };
}

function freedGraph(graph: Graph, batch: BatchInputs, walk: Walk, dependent: ReadonlySet<string>): Graph {
  if (!batch.changes && walk.rewritten.size === 0) return graph;
  const free = (info: ValueInfo): ValueInfo => ({ ...info, type: freeType(info.type, walk.axes.get(info.name), batch.name) });
  const isAlone = (axis: BatchAxis | undefined): boolean => axis !== undefined && sameBatch(axis, batchAlone(axis.axis));
  return validate({
    ...graph,
    inputs: graph.inputs.map((info) => (batch.types.has(info.name) ? { ...info, type: batch.types.get(info.name)?.type } : info)),
    outputs: graph.outputs.map((info) => (dependent.has(info.name) ? free(info) : info)),
    nodes: graph.nodes.flatMap((node) => walk.rewritten.get(node.outputs[0]) ?? [node]),
    initializers: new Map([...graph.initializers, ...walk.constants]),
    valueTypes: new Map(
      [...graph.valueTypes].flatMap(([name, info]) => {
        if (!dependent.has(name)) return [[name, info] as const];
        return isAlone(walk.axes.get(name)) ? [[name, free(info)] as const] : [];
      }),
    ),
  });
}

/** A declared type with the batch in its place; without its sizes where the samples do not stay apart. */
function freeType(type: ValueType | undefined, axis: BatchAxis | undefined, name: string): ValueType | undefined {
  if (type?.kind !== "tensor") return type;
  const { shape, ...rest } = type;
  if (shape === undefined || axis === undefined) return rest;
  const size = axis.outer === 1 && axis.inner === 1 ? name : batchSize(axis, symbol(name));
  return { ...rest, shape: shape.map((d, i) => (i === axis.axis ? size : d)) };
}
