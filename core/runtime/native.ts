// The native executor: onnxruntime-node's CPU kernels, and the devices that its build for this platform reaches. Sessions are made from
// encoded graphs in memory; graphs that pass protobuf's 2 GB limit go through a temporary file with external data.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InferenceSession } from "onnxruntime-node";
import * as errors from "../errors.js";
import { bytesOf } from "../graph/tensor.js";
import type { Graph } from "../graph/types.js";
import { encodeGraph } from "../onnx/encode.js";
import { writeModel } from "../onnx/file.js";
import type { Executor } from "./executor.js";
import type { Provider } from "./providers.js";
import { reasonOf, SessionProgram, sessionOptions } from "./session.js";

type Runtime = typeof import("onnxruntime-node");

/** Above this many bytes of constants a graph is handed over as a file: protobuf ends at 2 GiB. */
const inMemoryLimit = 1.8e9;

/** Threads that have nothing to do wait asleep. */
const sleeping = { extra: { session: { intra_op: { allow_spinning: "0" } } } };

/**
 * Loads the native runtime for one of its providers. What a device has no kernel for runs on the CPU.
 *
 * On a device the constants of a program, so everything frozen, are uploaded once and stay there. What trains is uploaded with each run:
 * optimizers work in host memory. With `preferredOutputLocation: "gpu-buffer"` version 1.27 leaves WebGPU's results on the device and takes
 * them as feeds, but the host can neither write to such a tensor nor read it (`getData` throws where nothing catches it, and the process
 * aborts), so weights could stay there only if the optimizer's arithmetic were part of the graph.
 * @throws run/runtime-missing where there is no binary for this platform; usage/provider where it lacks the provider
 */
export async function createNativeExecutor(provider: Exclude<Provider, "wasm">, threads: number, spinning = true): Promise<Executor> {
  let runtime: Runtime;
  try {
    runtime = await import("onnxruntime-node");
  } catch (cause) {
    throw errors.runtimeMissing(reasonOf(cause));
  }
  // What goes wrong comes back as an error; the console stays the program's own.
  runtime.env.logLevel = "fatal";
  const version = runtime.env.versions.node ?? runtime.env.versions.common;
  const offered = runtime.listSupportedBackends().map(({ name }) => name);
  if (!offered.includes(provider)) {
    const reason = `onnxruntime-node ${version} has ${offered.join(", ")} on ${process.platform}-${process.arch}`;
    throw errors.providerUnavailable(provider, reason);
  }
  return {
    description: `onnxruntime-node ${version} ${provider}`,
    provider,
    threads,
    spinning,
    compile: async (graph, { optimise = true } = {}) => {
      const options = {
        ...sessionOptions(graph, optimise),
        ...(spinning ? {} : sleeping),
        executionProviders: [provider],
        intraOpNumThreads: threads,
      };
      try {
        return new SessionProgram(runtime, await createSession(runtime, graph, options), "written");
      } catch (cause) {
        throw errors.compileFailed(graph.name, reasonOf(cause));
      }
    },
  };
}

async function createSession(runtime: Runtime, graph: Graph, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  const constants = [...graph.initializers.values()].reduce((sum, tensor) => sum + bytesOf(tensor).byteLength, 0);
  if (constants < inMemoryLimit) return runtime.InferenceSession.create(encodeGraph(graph), options);
  const folder = await mkdtemp(join(tmpdir(), "frostline-"));
  try {
    const path = join(folder, "model.onnx");
    await writeModel({ graph, irVersion: 10, producerName: "frostline", producerVersion: "", metadata: new Map() }, path);
    return await runtime.InferenceSession.create(path, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
