import assert from "node:assert/strict";
import type { TrainEvent } from "../../../../core/worker/contract.js";
import { linesOf, recordText } from "../../../../extension/runs/log-lines.js";

const epoch = { event: "epoch", phase: "p", epoch: 2, train: { loss: 0.5, accuracy: 0.25 }, validation: { loss: 0.75 }, waited: 0 } as const;

describe("a run's events as text", () => {
  it("says an epoch in a line, and leaves single steps out", () => {
    const [line] = linesOf(epoch);
    assert.equal(line.text, "Epoch 2   train loss 0.5000  accuracy 25.00 %   validation loss 0.7500");
    assert.deepEqual(linesOf({ event: "step" } as TrainEvent), []);
  });

  it("tells warnings and errors from the rest, with their hints", () => {
    assert.deepEqual(linesOf({ event: "error", code: "run/diverged", message: "diverged", hint: "Calm down." }), [
      { level: "error", text: "diverged Calm down." },
    ]);
    assert.equal(linesOf({ event: "warning", code: "run/provider", message: "m" })[0].level, "warn");
  });

  it("reads a record that a crash cut short", () => {
    const lines = [JSON.stringify(epoch), JSON.stringify({ event: "warning", code: "run/x", message: "careful" }), '{"event":"st'];
    assert.equal(recordText(lines.join("\n")), `${linesOf(epoch)[0].text}\nWarning: careful\n`);
  });
});
