// The WebAssembly executor: the CPU kernels of onnxruntime-web in Node, for platforms that have no native binary. It computes in memory of
// its own: feeds are copied in and results out.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as errors from "../errors.js";
import { bytesOf } from "../graph/tensor.js";
import type { Graph } from "../graph/types.js";
import { encodeGraph } from "../onnx/encode.js";
import type { Executor } from "./executor.js";
import { reasonOf, SessionProgram, sessionOptions } from "./session.js";

type Runtime = typeof import("onnxruntime-web");

/** The runtime's own files: its loader, which its threads start from too, and the kernels. They lie beside the bundle where there is one. */
const files = { mjs: "ort-wasm-simd-threaded.mjs", wasm: "ort-wasm-simd-threaded.wasm" };

/** Bytes of constants that a graph may have: its memory ends at 4 GiB and holds the encoded graph and the tensors made of it. */
const constantsLimit = 1.8e9;

/** Threads that this process' or thread's copy of the runtime has: settled by whoever comes first. */
let settledThreads: number | undefined;

/** Loads the WebAssembly runtime. @throws run/runtime-missing */
export async function createWebExecutor(threads: number): Promise<Executor> {
  const runtime = await load();
  settledThreads ??= threads;
  runtime.env.wasm.numThreads = settledThreads;
  return {
    description: `onnxruntime-web ${runtime.env.versions.web ?? runtime.env.versions.common} wasm`,
    provider: "wasm",
    threads: settledThreads,
    compile: async (graph, { optimise = true } = {}) => {
      requireRoomFor(graph);
      const options = { ...sessionOptions(graph, optimise), executionProviders: ["wasm"] };
      try {
        return new SessionProgram(runtime, await runtime.InferenceSession.create(encodeGraph(graph), options), "copied");
      } catch (cause) {
        throw errors.compileFailed(graph.name, reasonOf(cause));
      }
    },
  };
}

async function load(): Promise<Runtime> {
  try {
    const runtime = await import("onnxruntime-web");
    // What goes wrong comes back as an error; the console stays the program's own.
    runtime.env.logLevel = "fatal";
    runtime.env.wasm.proxy = false;
    const beside = (file: string): string => join(__dirname, file);
    if (existsSync(beside(files.wasm)))
      runtime.env.wasm.wasmPaths = { mjs: pathToFileURL(beside(files.mjs)).href, wasm: pathToFileURL(beside(files.wasm)).href };
    return runtime;
  } catch (cause) {
    throw errors.runtimeMissing(reasonOf(cause));
  }
}

function requireRoomFor(graph: Graph): void {
  const constants = [...graph.initializers.values()].reduce((sum, tensor) => sum + bytesOf(tensor).byteLength, 0);
  if (constants < constantsLimit) return;
  const size = (constants / 1e9).toFixed(1);
  throw errors.compileFailed(graph.name, `its constants take ${size} GB, and WebAssembly has room for ${constantsLimit / 1e9} GB`);
}
