import assert from "node:assert/strict";
import type { DoneEvent, TrainEvent } from "../../../../core/worker/contract.js";
import { endText, RunProgress } from "../../../../extension/runs/progress.js";

const plan = { event: "plan", run: "r1", phase: "head", index: 1, phases: 2, epochs: 4, totalSteps: 100 };
const provider = { name: "cpu", runtime: "onnxruntime-node 1.27.0 cpu", threads: 2, reason: "" };
const planned = (name = "cpu"): TrainEvent => ({ ...plan, provider: { ...provider, name } }) as unknown as TrainEvent;
const step = (number: number): TrainEvent => ({ event: "step", step: number, epoch: 2, loss: 0.5 }) as TrainEvent;
const cache = (done: number): TrainEvent => ({ event: "cache", done, samples: 40 }) as TrainEvent;

describe("the progress of a run", () => {
  function setUp() {
    const clock = { time: 0 };
    return { clock, progress: new RunProgress(() => clock.time) };
  }

  it("starts with a word, and then says loss, epoch and the time that is left", () => {
    const { clock, progress } = setUp();
    progress.add(planned());
    assert.equal(progress.text, "starting");
    progress.add(step(1));
    assert.equal(progress.text, "loss 0.5000 · epoch 2/4");
    clock.time = 2000;
    progress.add(step(11));
    assert.equal(progress.secondsLeft, 17.8);
    assert.equal(progress.text, "loss 0.5000 · epoch 2/4 · 18 s left");
    assert.equal(progress.share, 0.11);
  });

  it("measures over the last while, and anew in each phase", () => {
    const { clock, progress } = setUp();
    progress.add(planned());
    progress.add(step(1));
    clock.time = 100_000;
    progress.add(step(10));
    clock.time = 101_000;
    progress.add(step(20));
    assert.equal(progress.secondsLeft, 8);
    progress.add(planned());
    assert.equal(progress.secondsLeft, undefined);
  });

  it("says how far the frozen part is, while it is being computed", () => {
    const { clock, progress } = setUp();
    progress.add(planned());
    progress.add(cache(10));
    clock.time = 1000;
    progress.add(cache(20));
    assert.equal(progress.text, "frozen part 20/40 · 2.0 s left");
    progress.add(cache(40));
    assert.equal(progress.text, "starting");
  });

  it("knows where WebAssembly stands in, and where it was asked for", () => {
    const { progress } = setUp();
    progress.add(planned("wasm"));
    assert.equal(progress.fallsBack, false);
    progress.add({ event: "warning", code: "run/provider", message: 'Provider "cpu" cannot be used: no binary.' });
    assert.equal(progress.fallsBack, true);
  });
});

describe("the end of a run", () => {
  const done = (settings: object): DoneEvent =>
    ({
      metrics: { test: { loss: 0.1, accuracy: 0.9648 } },
      proof: { frozen: 142, unchanged: 142, changed: [] },
      output: "o",
      ...settings,
    }) as unknown as DoneEvent;

  it("says metric and proof", () => {
    assert.equal(endText(done({})), "accuracy 96.48 % on the test samples · 142 frozen tensors unchanged");
  });

  it("says what is not there, too", () => {
    const bare = done({ metrics: { validation: { loss: 0.25 } }, proof: { frozen: 0, unchanged: 0, changed: [] }, output: undefined });
    assert.equal(endText(bare), "loss 0.2500 on the validation samples · no tensor was frozen · nothing exported");
    assert.match(endText(done({ proof: { frozen: 3, unchanged: 1, changed: ["a", "b"] } })), /2 of 3 frozen tensors changed$/);
  });
});
