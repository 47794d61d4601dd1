import assert from "node:assert/strict";
import { MessageChannel } from "node:worker_threads";
import type { MessageConnection } from "vscode-jsonrpc/node";
import { EngineError, ruleMatchesNothing } from "../../../core/errors.js";
import { answering, connect, threadEndpoint } from "../../../core/worker/connection.js";
import * as contract from "../../../core/worker/contract.js";
import { serve as serveInspect } from "../../../core/worker/inspect-role.js";
import { startWorker } from "../../../core/worker/client.js";
import { failure } from "../../support/failure.js";
import { Workspace, classifier } from "../../support/training.js";

describe("a connection", () => {
  let near: MessageConnection;
  let far: MessageConnection;
  let close: () => void;

  beforeEach(() => {
    const { port1, port2 } = new MessageChannel();
    [near, far] = [connect(threadEndpoint(port1)), connect(threadEndpoint(port2))];
    close = () => {
      near.dispose();
      far.dispose();
      port1.close();
    };
  });
  afterEach(() => close());

  async function request<R>(send: () => Promise<R>): Promise<R> {
    far.listen();
    near.listen();
    try {
      return await send();
    } catch (error) {
      throw contract.fromResponseError(error);
    }
  }

  it("carries an engine error whole: code, message, hint and data", async () => {
    const sent = ruleMatchesNothing({ name: "freeze rule", negation: "makes trainable" }, "hed.*", ["head.*"]);
    far.onRequest(contract.inspect, answering(() => Promise.reject(sent))); // prettier-ignore
    const error = await failure("recipe/no-match", () => request(() => near.sendRequest(contract.inspect, { model: "m", freeze: [] })));
    assert.ok(error instanceof EngineError);
    assert.deepEqual(error.toJSON(), sent.toJSON());
  });

  it("carries any other error as one that nobody foresaw", async () => {
    far.onRequest(contract.inspect, answering(() => Promise.reject(new TypeError("x is not a function")))); // prettier-ignore
    const error = await failure("run/unforeseen", () => request(() => near.sendRequest(contract.inspect, { model: "m", freeze: [] })));
    assert.match(error.message, /x is not a function/);
  });

  it("serves the inspect role", async () => {
    const space = await Workspace.create();
    await space.writeGraph(classifier());
    serveInspect(far);
    const report = await request(() => near.sendRequest(contract.inspect, { model: space.path("model.onnx"), freeze: ["*"] }));
    assert.equal(report.totals.frozen, 115);
    const verified = await near.sendRequest(contract.verify, { before: space.path("model.onnx"), after: space.path("model.onnx"), frozen: ["*"] });
    assert.equal(verified.same.length, 6);
    await space.remove();
  });
});

describe("a worker that fails", () => {
  const broken = (source: string, isolation: "thread" | "process") => async (): Promise<void> => {
    const space = await Workspace.create();
    const entry = await space.writeFile("worker.cjs", source);
    const worker = startWorker("inspect", { entry, isolation });
    const requests = [worker.inspect({ model: "m", freeze: [] }), worker.verify({ before: "a", after: "b" })];
    for (const request of requests) assert.match((await failure("run/worker-ended", () => request)).message, /the inspect worker ended/);
    worker.stop();
    await failure("run/worker-ended", () => worker.inspect({ model: "m", freeze: [] }));
    await worker.close();
    await space.remove();
  };

  it("rejects all that waits for it, and what comes later, when it throws", broken("throw new Error('boom')", "thread"));
  for (const isolation of ["thread", "process"] as const)
    it(`does so when it ends without a word (${isolation})`, broken("setTimeout(() => process.exit(3), 50)", isolation));

  it("rejects when it cannot be started", async () => {
    const worker = startWorker("inspect", { entry: "/nowhere/worker.cjs" });
    assert.match((await failure("run/worker-ended", () => worker.inspect({ model: "m", freeze: [] }))).message, /Cannot find module/);
    await worker.close();
  });

  it("has telemetry of the runtime turned off in the process itself", async () => {
    delete process.env.ORT_DISABLE_TELEMETRY;
    const worker = startWorker("inspect", { entry: "/nowhere/worker.cjs" });
    assert.equal(process.env.ORT_DISABLE_TELEMETRY, "1");
    await worker.close();
  });
});
