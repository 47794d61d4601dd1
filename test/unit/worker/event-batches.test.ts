import assert from "node:assert/strict";
import type { TrainEvent } from "../../../core/train/events.js";
import { eventBatches } from "../../../core/worker/event-batches.js";

const step = (number: number): TrainEvent => ({ event: "step", step: number }) as TrainEvent;
const epoch = { event: "epoch" } as TrainEvent;

describe("gathering a run's events", () => {
  function setUp() {
    const sent: (readonly TrainEvent[])[] = [];
    const clock = { time: 1000 };
    return { sent, clock, batches: eventBatches((events) => sent.push(events), () => clock.time) }; // prettier-ignore
  }

  it("sends the first step at once, and the next ones together", () => {
    const { sent, clock, batches } = setUp();
    batches.add(step(1));
    assert.deepEqual(sent, [[step(1)]]);
    batches.add(step(2));
    clock.time += 49;
    batches.add(step(3));
    assert.equal(sent.length, 1);
    clock.time += 1;
    batches.add(step(4));
    assert.deepEqual(sent[1], [step(2), step(3), step(4)]);
  });

  it("lets no other event wait, nor overtake the steps before it", () => {
    const { sent, batches } = setUp();
    batches.add(step(1));
    batches.add(step(2));
    batches.add(epoch);
    assert.deepEqual(sent, [[step(1)], [step(2), epoch]]);
  });

  it("sends what is left when it is told, and nothing twice", () => {
    const { sent, batches } = setUp();
    batches.add(step(1));
    batches.add(step(2));
    batches.flush();
    batches.flush();
    assert.deepEqual(sent, [[step(1)], [step(2)]]);
  });
});
