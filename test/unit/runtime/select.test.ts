// Which provider computes, and the check that each of them has to pass first.

import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { providerWrong } from "../../../core/errors.js";
import { expectedNumbers } from "../../../core/runtime/check-numbers.js";
import { findDeviation, trainingCheck } from "../../../core/runtime/check.js";
import type { Executor, HostTensor, Program } from "../../../core/runtime/executor.js";
import { chooseExecutor, createExecutor } from "../../../core/runtime/select.js";
import { compileFloat64 } from "../../support/evaluate.js";
import { failure } from "../../support/failure.js";
import { numbers } from "../../support/run-graph.js";

type Run = Program["run"];

/** The native executor, with its runs replaced. */
async function spoilt(spoil: (run: Run) => Run): Promise<Executor> {
  const executor = await createExecutor({ threads: 1 });
  return {
    ...executor,
    compile: async (graph, options) => {
      const program = await executor.compile(graph, options);
      return { run: spoil((feeds, into) => program.run(feeds, into)), dispose: () => program.dispose() };
    },
  };
}

describe("the provider check", () => {
  it("expects what its training graph gives in float64", async () => {
    const { graph, feeds, outputs } = trainingCheck("float64");
    const compiled = await compileFloat64(graph);
    const results = await compiled.run(feeds);
    await compiled.release();
    assert.deepEqual([...outputs.keys()].sort(), Object.keys(expectedNumbers).sort());
    for (const [what, name] of outputs) {
      const computed = numbers(results[name]);
      const expected = expectedNumbers[what];
      const largest = Math.max(...expected.map(Math.abs));
      assert.equal(computed.length, expected.length, what);
      computed.forEach((v, i) => assert.ok(Math.abs(v - expected[i]) <= 1e-5 * largest, `${what}, element ${i}: ${v} is not ${expected[i]}`));
    }
  });

  it("is passed by the native kernels and by WebAssembly", async () => {
    for (const provider of ["cpu", "wasm"] as const) assert.equal(await findDeviation(await createExecutor({ provider, threads: 1 })), undefined);
  });

  it("finds one number that is off, and one that is none", async () => {
    const { outputs } = trainingCheck();
    const gradient = outputs.get("dense.weight") ?? "";
    for (const wrong of [1, NaN]) {
      const executor = await spoilt((run) => async (feeds, into) => {
        const results = await run(feeds, into);
        results[gradient].data[7] = wrong;
        return results;
      });
      const deviation = await findDeviation(executor);
      assert.deepEqual([deviation?.what, deviation?.element, deviation?.got], ["dense.weight", 7, wrong]);
    }
  });

  it("finds a provider that keeps the weights of the first run, and one that leaves given memory alone", async () => {
    let first: Readonly<Record<string, HostTensor>> | undefined;
    const stale = await spoilt((run) => (feeds, into) => {
      first ??= Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]));
      return run(first, into);
    });
    assert.ok((await findDeviation(stale)) !== undefined);
    const aloof = await spoilt((run) => async (feeds, into) => ({ ...(await run(feeds)), ...into }));
    assert.equal((await findDeviation(aloof))?.got, 0);
  });

  it("is told with the number, what it should be and what can be done", () => {
    const error = providerWrong("webgpu", { what: "conv.bias", element: 2, got: 0.5, expected: 0.25, allowed: 0.001 });
    assert.equal(
      error.message,
      'provider "webgpu" computes wrongly: element 2 of the gradient of "conv.bias" in a small training graph is 0.5, expected 0.25 ± 0.0010',
    );
    assert.match(error.hint ?? "", /Choose another provider/);
  });
});

describe("the choice of a provider", () => {
  it("takes the native kernels first, with all cores", async () => {
    const { executor, reason, passedOver } = await chooseExecutor();
    assert.deepEqual([executor.provider, executor.threads], ["cpu", availableParallelism()]);
    assert.deepEqual([reason, passedOver], ["the first of cpu, wasm that works", []]);
  });

  it("takes the one that is named", async () => {
    const { executor, reason } = await chooseExecutor({ provider: "wasm", threads: 1 });
    assert.deepEqual([executor.provider, reason], ["wasm", "asked for"]);
  });

  it("refuses a name that it does not know, and a provider that this platform does not have", async () => {
    const unknown = await failure("usage/provider", () => chooseExecutor({ provider: "abacus" }));
    assert.equal(unknown.message, 'unknown provider "abacus": expected one of auto, cpu, wasm, webgpu, cuda, dml, coreml');
    const foreign = process.platform === "win32" ? "coreml" : "dml";
    const missing = await failure("usage/provider", () => chooseExecutor({ provider: foreign }));
    assert.match(
      missing.message,
      new RegExp(`^provider "${foreign}" is not available here: onnxruntime-node \\S+ has cpu, .* on ${process.platform}-`),
    );
    assert.match(missing.hint ?? "", /auto/);
  });
});
