// The built worker, as a thread and as a process, behind the client that its starters use.

import assert from "node:assert/strict";
import { join } from "node:path";
import type { DoneEvent, TrainEvent } from "../../core/train/events.js";
import { startWorker, type WorkerClient } from "../../core/worker/client.js";
import { failure } from "../support/failure.js";
import { blobs, classifier, flatClassifier, recipeOf, weightBytes, Workspace } from "../support/training.js";

const entry = join(__dirname, "../../dist/worker.js");

for (const isolation of ["thread", "process"] as const)
  describe(`the worker in a ${isolation}`, () => {
    let space: Workspace;
    let worker: WorkerClient;
    beforeEach(async () => {
      space = await Workspace.create();
      await space.writeGraph(classifier());
      await space.writeTable(blobs(60, 4, 3));
    });
    afterEach(async () => {
      await worker.close();
      await space.remove();
    });

    it("answers several requests, with errors as they were thrown, and ends when it is asked to", async () => {
      worker = startWorker("inspect", { entry, isolation });
      const model = space.path("model.onnx");
      const [report, error] = await Promise.all([
        worker.inspect({ model, freeze: ["*", "!fc3*"] }),
        failure("recipe/no-match", () => worker.inspect({ model, freeze: ["fc9*"] })),
      ]);
      assert.equal(report.totals.trainable, 21);
      assert.deepEqual(error.data, { rule: "fc9*", near: (error.data as { near: unknown }).near });
      assert.equal((await worker.verify({ before: model, after: model, frozen: ["*"] })).violations.length, 0);
      await worker.close();
      await failure("run/worker-ended", () => worker.inspect({ model, freeze: [] }));
    });

    it("trains with events on the way, reads a stop between steps, and stops a run before it ends itself", async () => {
      worker = startWorker("train", { entry, isolation });
      const seen: TrainEvent[] = [];
      const request = { recipePath: space.path("r.finetune.json"), recipeText: JSON.stringify(recipeOf({ epochs: 100_000 })) };
      const done = await worker.train(request, (event) => {
        seen.push(event);
        if (event.event === "epoch" && event.epoch === 2) worker.stop();
      });
      assert.equal(done.reason, "stopped");
      assert.deepEqual(seen.at(-1), done);
      assert.ok(seen.filter((e) => e.event === "epoch").length < 10_000);
      await worker.close();

      worker = startWorker("train", { entry, isolation });
      let closed: Promise<void> | undefined;
      const [result] = await Promise.allSettled([
        worker.train(request, ({ event }) => {
          if (event === "epoch") closed ??= worker.close();
        }),
      ]);
      await closed;
      assert.ok(result.status === "rejected" || result.value.reason === "stopped");
    });

    it("trains with a feed to the bytes of a run without, also where it is stopped and taken up again", async () => {
      const data = { transform: [{ reshape: [2, 2] }], augment: [{ flip: "horizontal" }] };
      await space.writeGraph(flatClassifier());
      const run = async (feed: boolean, stopAt = Infinity, resume?: string): Promise<DoneEvent> => {
        worker = startWorker("train", { entry, isolation });
        const recipeText = JSON.stringify(recipeOf({ freeze: ["fc1*"], epochs: 3, data }));
        const request = { recipePath: space.path("r.finetune.json"), recipeText, feed, cache: false, ...(resume === undefined ? {} : { resume }) };
        const done = await worker.train(request, (event) => {
          if (event.event === "step" && event.step === stopAt) worker.stop();
        });
        await worker.close();
        return done;
      };
      await run(false);
      const expected = weightBytes(await space.tensors());
      await run(true);
      assert.deepEqual(weightBytes(await space.tensors()), expected);
      const stopped = await run(true, 10);
      assert.equal(stopped.reason, "stopped");
      await run(true, Infinity, stopped.run);
      assert.deepEqual(weightBytes(await space.tensors()), expected);
    });
  });
