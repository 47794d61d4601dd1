// The teacher of a distillation: the base model as imported, which joins the graph that trains. The two share what no phase changes, so that
// it runs once; the rest of the teacher is a copy under names of its own, which no plan sees and no optimizer reaches.

import * as errors from "../errors.js";
import { subgraphs } from "../graph/attributes.js";
import { freshName } from "../graph/names.js";
import { readsOf } from "../graph/traverse.js";
import type { Attribute, Graph, Node } from "../graph/types.js";
import { validate } from "../graph/validate.js";
import { lossInput, lossOutput, type Loss } from "../nn/losses.js";
import { deactivateDropout } from "../passes/dropout.js";
import { prune } from "../passes/prune.js";
import { upgradeOpset } from "../passes/upgrade-opset.js";
import { markParameters, type PhaseContext, type SettledPhase } from "./phase-graph.js";

/** What the copied part's names start with. */
const prefix = "teacher/";

export interface TeacherOptions {
  /** The base model, functions inlined. */
  readonly base: Graph;
  /** The student, which was made from it. */
  readonly whole: Graph;
  readonly phases: readonly SettledPhase[];
  readonly context: PhaseContext;
}

export interface TaughtGraph {
  /** The student with the teacher's logits as one more output. */
  readonly graph: Graph;
  /** The value that holds them. */
  readonly logits: string;
}

/**
 * Joins the teacher to the part of the student that the loss needs. Its dropout never acts.
 * @throws recipe/loss-output where the base model has several outputs and the loss names none of them; recipe/loss
 */
export function joinTeacher(student: Graph, { base, whole, phases, context }: TeacherOptions): TaughtGraph {
  const { loss, modelDropout } = context;
  const output = lossOutput(base, loss);
  const teacher = prune(base, [logitsOf(base, output, loss)]);
  const changes = new Set(phases.flatMap((phase) => changedIn(whole, phase, context)));
  return copyInto(student, modelDropout ? deactivateDropout(teacher, () => true) : teacher, changes);
}

/** Tensors that train in a phase, and statistics that may move in it. */
function changedIn(whole: Graph, phase: SettledPhase, context: PhaseContext): readonly string[] {
  return markParameters(whole, phase, context)
    .marked.filter(({ mark }) => mark === "trainable" || (mark === "buffer" && phase.batchNorm === "update"))
    .map(({ name }) => name);
}

function logitsOf(base: Graph, output: string, loss: Loss): string {
  const logits = lossInput(upgradeOpset(base), output, loss);
  const known = logits === output || base.nodes.some((node) => node.outputs.includes(logits));
  if (!known) throw errors.unfitLoss(`distillation compares logits, and those behind "${output}" cannot be told: its rank is not known`);
  return logits;
}

function copyInto(student: Graph, teacher: Graph, changes: ReadonlySet<string>): TaughtGraph {
  const own = new Set(student.nodes);
  const values = new Set([
    ...student.inputs.map((i) => i.name),
    ...student.initializers.keys(),
    ...student.sparseInitializers.keys(),
    ...student.nodes.flatMap((node) => node.outputs),
  ]);
  const names = new Set(student.nodes.map((node) => node.name));
  const renamed = new Map<string, string>();
  const rename = (name: string): string => renamed.get(name) ?? name;
  const fresh = (name: string): string => {
    const found = freshName(`${prefix}${name}`, values);
    renamed.set(name, found);
    return found;
  };
  const copied = <T>(theirs: ReadonlyMap<string, T>, ours: ReadonlyMap<string, T>): readonly (readonly [string, T])[] =>
    [...theirs].filter(([name, tensor]) => changes.has(name) || ours.get(name) !== tensor).map(([name, tensor]) => [fresh(name), tensor]);
  const initializers = new Map([...student.initializers, ...copied(teacher.initializers, student.initializers)]);
  const sparseInitializers = new Map([...student.sparseInitializers, ...copied(teacher.sparseInitializers, student.sparseInitializers)]);
  const copies: Node[] = [];
  for (const node of teacher.nodes) {
    if (own.has(node) && !node.outputs.some((name) => changes.has(name)) && !readsOf(node).some((name) => renamed.has(name))) continue;
    const read = readingAs(node, rename);
    const outputs = node.outputs.map((name) => (name === "" ? "" : fresh(name)));
    copies.push({ ...read, name: node.name === "" ? "" : freshName(`${prefix}${node.name}`, names), outputs });
  }
  const [{ name: logits, type }] = teacher.outputs;
  const inputs = teacher.inputs.filter(({ name }) => !values.has(name) && !renamed.has(name));
  const declared = [...teacher.valueTypes].flatMap(([name, info]) => {
    const to = renamed.get(name);
    return to === undefined ? [] : [[to, { ...info, name: to }] as const];
  });
  return {
    graph: validate({
      ...student,
      nodes: [...student.nodes, ...copies],
      initializers,
      sparseInitializers,
      inputs: [...student.inputs, ...inputs],
      outputs: [...student.outputs, { name: rename(logits), type }],
      valueTypes: new Map([...student.valueTypes, ...declared]),
    }),
    logits: rename(logits),
  };
}

/** The node, and whatever its subgraphs take from outside, with other names for what it reads. */
function readingAs(node: Node, rename: (name: string) => string): Node {
  const inner = subgraphs(node).length === 0 ? node.attributes : new Map([...node.attributes].map(([name, a]) => [name, inside(a, rename)]));
  return { ...node, inputs: node.inputs.map(rename), attributes: inner };
}

function inside(attribute: Attribute, rename: (name: string) => string): Attribute {
  const graph = (inner: Graph): Graph => ({
    ...inner,
    nodes: inner.nodes.map((node) => readingAs(node, rename)),
    outputs: inner.outputs.map((info) => ({ ...info, name: rename(info.name) })),
  });
  if (attribute.type === "graph") return { ...attribute, value: graph(attribute.value) };
  return attribute.type === "graphs" ? { ...attribute, value: attribute.value.map(graph) } : attribute;
}
