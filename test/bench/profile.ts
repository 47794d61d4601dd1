// `npm run bench -- --profile`: what a training step of ours spends its time on. The limit is the time of its matrix products and
// convolutions, each alone in a session of its own; where the rest goes, the runtime's own profile says.

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { isStatic } from "../../core/graph/dims.js";
import type { Graph, Node, TensorType } from "../../core/graph/types.js";
import { encodeGraph } from "../../core/onnx/encode.js";
import { inferGraph } from "../../core/ops/infer.js";
import type { Executor, HostTensor, Program } from "../../core/runtime/executor.js";
import { hostTensor } from "../../core/runtime/host-tensor.js";
import { createExecutor } from "../../core/runtime/select.js";
import { betweenTurns } from "./measure.js";
import type { Task } from "./protocol.js";
import { median } from "./statistics.js";
import { Training } from "./training.js";

/** Operators whose work cannot be avoided. */
const limiting: ReadonlySet<string> = new Set(["MatMul", "Gemm", "FusedMatMul", "FusedGemm", "Conv", "FusedConv", "ConvTranspose"]);

/** Steps before measuring, and measured steps. */
const warmUp = 3;
const measured = 10;

/** One operator type, or one node, of a step. */
export interface Cost {
  readonly name: string;
  /** Calls in each step. */
  readonly calls: number;
  /** Milliseconds in each step. */
  readonly milliseconds: number;
}

export interface Profile {
  /** Median milliseconds of a whole step, without profiling. */
  readonly step: number;
  /** Milliseconds of the step's matrix products and convolutions alone. */
  readonly limit: number;
  readonly byOperator: readonly Cost[];
  /** Nodes of other operators than the limiting ones. */
  readonly others: readonly Cost[];
}

type Feeds = Readonly<Record<string, HostTensor>>;

/** A program as it was compiled and last run. */
interface Recorded {
  readonly graph: Graph;
  feeds: Feeds;
  into: Feeds;
}

/** Trains a task in this process and says where the time goes. Steps and profiled runs take turns: the machine is equally busy for both. */
export async function profileTask(task: Task): Promise<Profile> {
  const recorded: Recorded[] = [];
  const training = await Training.prepare(task, recordingExecutor(await createExecutor({ threads: task.threads }), recorded));
  await training.run(warmUp);
  const folder = await mkdtemp(join(tmpdir(), "frostline-profile-"));
  try {
    const profiled = await Promise.all(recorded.map((program, i) => openProfiled(program, task.threads, join(folder, `program-${i}-`))));
    const times: number[] = [];
    for (let i = 0; i < warmUp + measured; i++) {
      // The threads of the session that ran last wait busily for a while: it would take a core from the next one.
      await setTimeout(betweenTurns);
      await training.run(1);
      const { milliseconds } = await training.run(1);
      if (i >= warmUp) times.push(milliseconds);
      await setTimeout(betweenTurns);
      for (const { run } of profiled) await run();
    }
    const kernels = (await Promise.all(profiled.map(({ finish }) => finish()))).flat();
    let limit = 0;
    for (const { graph } of recorded) limit += await timeAlone(graph, task.threads);
    return {
      step: median(times),
      limit,
      byOperator: gather(kernels, ({ operator }) => operator),
      others: gather(
        kernels.filter(({ operator }) => !limiting.has(operator)),
        ({ operator, node, shapes }) => `${operator} ${node} ${shapes}`,
      ),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function recordingExecutor(executor: Executor, recorded: Recorded[]): Executor {
  return {
    ...executor,
    async compile(graph, options): Promise<Program> {
      const program = await executor.compile(graph, options);
      const entry: Recorded = { graph, feeds: {}, into: {} };
      recorded.push(entry);
      return {
        run: (feeds, into = {}) => {
          Object.assign(entry, { feeds, into });
          return program.run(feeds, into);
        },
        dispose: () => program.dispose(),
      };
    },
  };
}

// ── the runtime's profile ───────────────────────────────────────────────────────────────────────────────────────────

/** Options as the engine's own sessions have them. */
function sessionOptions(threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: ["cpu"],
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    interOpNumThreads: 1,
    intraOpNumThreads: threads,
    logSeverityLevel: 4,
  };
}

interface KernelTime {
  readonly operator: string;
  readonly node: string;
  /** Shapes of what it reads. */
  readonly shapes: string;
  /** Per step. */
  readonly milliseconds: number;
  readonly calls: number;
}

/** An event of the runtime's profile; times are in microseconds. */
interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly args?: { readonly op_name?: string; readonly input_type_shape?: readonly Readonly<Record<string, readonly number[]>>[] };
}

interface ProfiledProgram {
  readonly run: () => Promise<unknown>;
  readonly finish: () => Promise<readonly KernelTime[]>;
}

/** A program under the runtime's profiler, fed with the tensors that it was last run with. */
async function openProfiled({ graph, feeds, into }: Recorded, threads: number, prefix: string): Promise<ProfiledProgram> {
  const session = await InferenceSession.create(encodeGraph(graph), { ...sessionOptions(threads), enableProfiling: true, profileFilePrefix: prefix });
  const inputs = ortTensors(feeds);
  const outputs = { ...Object.fromEntries(session.outputNames.map((name) => [name, null])), ...ortTensors(into) };
  return {
    run: () => session.run(inputs, outputs),
    finish: async () => {
      session.endProfiling();
      await session.release();
      const file = (await readdir(dirname(prefix))).find((name) => name.startsWith(basename(prefix)));
      return readProfile(JSON.parse(await readFile(join(dirname(prefix), file ?? ""), "utf8")) as readonly ProfileEvent[]);
    },
  };
}

function readProfile(events: readonly ProfileEvent[]): readonly KernelTime[] {
  const runs = events.filter(({ name }) => name === "model_run").sort((a, b) => a.ts - b.ts);
  const from = runs[warmUp]?.ts ?? 0;
  return events
    .filter(({ cat, name, ts }) => cat === "Node" && name.endsWith("_kernel_time") && ts >= from)
    .map(({ name, dur, args }) => ({
      operator: args?.op_name ?? "",
      node: name.replace(/_kernel_time$/, ""),
      shapes: (args?.input_type_shape ?? []).map((input) => `[${Object.values(input)[0]?.join("×") ?? ""}]`).join(" "),
      milliseconds: dur / 1000 / measured,
      calls: 1 / measured,
    }));
}

/** Sums by key, largest first. */
function gather(times: readonly KernelTime[], key: (time: KernelTime) => string): readonly Cost[] {
  const sums = new Map<string, { calls: number; milliseconds: number }>();
  for (const time of times) {
    const sum = sums.get(key(time)) ?? { calls: 0, milliseconds: 0 };
    sums.set(key(time), { calls: sum.calls + time.calls, milliseconds: sum.milliseconds + time.milliseconds });
  }
  return [...sums].map(([name, sum]) => ({ name, ...sum, calls: Math.round(sum.calls) })).sort((a, b) => b.milliseconds - a.milliseconds);
}

function ortTensors(tensors: Feeds): Record<string, OrtTensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, ortTensor(tensor)]));
}

function ortTensor({ dtype, shape, data }: HostTensor): OrtTensor {
  return new OrtTensor(dtype as "float32", data as Float32Array, shape);
}

// ── the limit ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Milliseconds that the limiting nodes of a graph take, each alone in a session of its own; equal ones are measured once. */
async function timeAlone(graph: Graph, threads: number): Promise<number> {
  const facts = inferGraph(graph);
  const typeOf = (name: string): TensorType | undefined => facts.get(name)?.type;
  const known = new Map<string, number>();
  let total = 0;
  for (const node of graph.nodes.filter(({ opType }) => limiting.has(opType))) {
    const alone = oneNodeGraph(graph, node, typeOf);
    const key = JSON.stringify([
      node.opType,
      [...node.attributes].sort(([a], [b]) => (a < b ? -1 : 1)),
      node.inputs.map((name) => [typeOf(name)?.shape, graph.initializers.has(name)]),
    ], (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value)); // prettier-ignore
    const time = known.get(key) ?? (await timeGraph(alone, threads));
    known.set(key, time);
    total += time;
  }
  return total;
}

function oneNodeGraph(graph: Graph, node: Node, typeOf: (name: string) => TensorType | undefined): Graph {
  const info = (name: string) => ({ name, type: typeOf(name) });
  const read = [...new Set(node.inputs.filter((name) => name !== ""))];
  return {
    ...graph,
    nodes: [node],
    inputs: read.filter((name) => !graph.initializers.has(name)).map(info),
    outputs: node.outputs.filter((name) => name !== "").map(info),
    initializers: new Map([...graph.initializers].filter(([name]) => read.includes(name))),
    valueTypes: new Map(),
  };
}

async function timeGraph(graph: Graph, threads: number): Promise<number> {
  const session = await InferenceSession.create(encodeGraph(graph), sessionOptions(threads));
  const tensorsOf = (values: Graph["inputs"]): Record<string, OrtTensor> =>
    Object.fromEntries(
      values.map(({ name, type }) => {
        const { dtype, shape } = type as TensorType;
        if (!isStatic(shape)) throw new Error(`the size of "${name}" is not known before the step runs`);
        return [name, ortTensor(filled(hostTensor(dtype, shape)))];
      }),
    );
  const [inputs, outputs] = [tensorsOf(graph.inputs), tensorsOf(graph.outputs)];
  const times: number[] = [];
  const until = performance.now() + 200;
  for (let i = 0; i < warmUp + measured || (performance.now() < until && i < 1000); i++) {
    const start = performance.now();
    await session.run(inputs, outputs);
    if (i >= warmUp) times.push(performance.now() - start);
  }
  await session.release();
  return median(times);
}

/** Numbers that are neither zero nor denormal: both are computed at another speed. */
function filled(tensor: HostTensor): HostTensor {
  if (tensor.data instanceof Float32Array) for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = ((i * 7919) % 1009) / 1009 - 0.5;
  return tensor;
}
