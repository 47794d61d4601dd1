// Evaluates a graph in float64: onnxruntime runs the operators that it has float64 kernels for, the plain loops of `reference/` the
// others. Nodes are grouped so that as few sessions as possible are needed; each is compiled once and run as often as asked.

import { typedArrayOf } from "../../core/graph/tensor.js";
import { readsOf } from "../../core/graph/traverse.js";
import type { Graph, Node, ValueInfo } from "../../core/graph/types.js";
import { inferGraph } from "../../core/ops/infer.js";
import type { Facts } from "../../core/ops/define.js";
import type { HostTensor } from "../../core/runtime/executor.js";
import { referenceProvider } from "./provider.js";
import { referenceKernel } from "./reference/index.js";
import { compileGraph, type CompiledGraph } from "./run-graph.js";

/** Makes the values that one group of nodes is responsible for. */
type Step = (values: Map<string, HostTensor>) => Promise<void>;

/** Compiles a graph whose floating values are float64. Operators without a float64 kernel anywhere fail when it runs. */
export async function compileFloat64(graph: Graph): Promise<CompiledGraph> {
  const facts = inferGraph(graph);
  const constants = [...graph.initializers].map(([name, tensor]): [string, HostTensor] => [
    name,
    { dtype: tensor.dtype, shape: tensor.shape, data: typedArrayOf(tensor) },
  ]);
  const sessions: CompiledGraph[] = [];
  const steps: Step[] = [];
  for (const { nodes, reference } of groups(graph, (node) => needsReference(node, facts))) {
    if (reference) steps.push((values) => Promise.resolve(nodes.forEach((node) => runReference(node, values))));
    else {
      const session = await compileGraph(segment(graph, nodes, facts), { optimise: false, provider: referenceProvider });
      sessions.push(session);
      steps.push(async (values) => {
        for (const [name, tensor] of Object.entries(await session.run(Object.fromEntries(values)))) values.set(name, tensor);
      });
    }
  }
  return {
    run: async (feeds) => {
      const values = new Map([...constants, ...Object.entries(feeds)]);
      for (const step of steps) await step(values);
      return Object.fromEntries(graph.outputs.map(({ name }) => [name, values.get(name) as HostTensor]));
    },
    release: async () => {
      for (const session of sessions) await session.release();
    },
  };
}

function needsReference(node: Node, facts: ReadonlyMap<string, Facts>): boolean {
  const touches = [...node.inputs, ...node.outputs].some((name) => facts.get(name)?.type?.dtype === "float64");
  return touches && referenceKernel(node) !== undefined;
}

interface Group {
  readonly nodes: Node[];
  readonly reference: boolean;
}

/** Nodes by how often the path to them changes between the runtime (even levels) and the reference (odd ones). */
function groups(graph: Graph, isReference: (node: Node) => boolean): readonly Group[] {
  const levelOf = new Map<string, number>();
  const levels: Group[] = [];
  for (const node of graph.nodes) {
    const reference = isReference(node);
    const behind = Math.max(0, ...readsOf(node).map((name) => levelOf.get(name) ?? 0));
    const level = behind % 2 === (reference ? 1 : 0) ? behind : behind + 1;
    for (const name of node.outputs) if (name !== "") levelOf.set(name, level);
    while (levels.length <= level) levels.push({ nodes: [], reference: levels.length % 2 === 1 });
    levels[level].nodes.push(node);
  }
  return levels.filter(({ nodes }) => nodes.length > 0);
}

/** A graph of some nodes of another: reads what they take from elsewhere as inputs, and makes whatever anybody else wants of them. */
function segment(graph: Graph, nodes: readonly Node[], facts: ReadonlyMap<string, Facts>): Graph {
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const reads = new Set(nodes.flatMap(readsOf));
  const own = new Set(nodes);
  const elsewhere = new Set(graph.nodes.filter((node) => !own.has(node)).flatMap(readsOf));
  const wanted = new Set([...graph.outputs.map((o) => o.name), ...elsewhere]);
  const typed = (name: string): ValueInfo => {
    const dtype = facts.get(name)?.type?.dtype;
    return { name, type: dtype === undefined ? undefined : { kind: "tensor", dtype } };
  };
  return {
    ...graph,
    nodes,
    valueTypes: new Map(),
    initializers: new Map([...graph.initializers].filter(([name]) => reads.has(name))),
    inputs: [...reads].filter((name) => !made.has(name) && !graph.initializers.has(name)).map(typed),
    outputs: [...made].filter((name) => wanted.has(name)).map((name) => ({ name, type: undefined })),
  };
}

function runReference(node: Node, values: Map<string, HostTensor>): void {
  const inputs = node.inputs.map((name) => (name === "" ? undefined : values.get(name)));
  const outputs = referenceKernel(node)?.(node, inputs as HostTensor[]) ?? [];
  for (const [i, name] of node.outputs.entries()) if (name !== "") values.set(name, outputs[i]);
}
