// Gathers the events of a run into few messages: a message costs about as much as a small training step.

import type { TrainEvent } from "../train/events.js";

/** Milliseconds for which events of single steps may wait; what people look at is redrawn no more often. */
const longestWait = 50;

export interface EventBatches {
  /** Steps are gathered for a while; any other event goes out at once, behind the steps before it. */
  add(event: TrainEvent): void;
  /** Sends what is left. */
  flush(): void;
}

/** The time is looked at as events come, so that nothing keeps a worker alive; whoever adds them has to flush at the end. */
export function eventBatches(send: (events: readonly TrainEvent[]) => void, now: () => number = () => performance.now()): EventBatches {
  let waiting: TrainEvent[] = [];
  let sent = -Infinity;
  const flush = (): void => {
    if (waiting.length === 0) return;
    const events = waiting;
    waiting = [];
    sent = now();
    send(events);
  };
  return {
    add: (event) => {
      waiting.push(event);
      if (event.event !== "step" || now() - sent >= longestWait) flush();
    },
    flush,
  };
}
