// Moves a phase's weights: after each step's gradients, and in the phase's own memory. Which step comes when is the trainer's business, the
// update rules are in core/optim.

import type { Arena } from "../optim/arena.js";
import type { OpenPhase } from "./open-phase.js";
import type { RunState } from "./state.js";
import type { Gradient } from "./step-program.js";

/** The update of everything that trains in a phase; works on a run's weights and optimizer state in place. */
export class WeightUpdate {
  readonly #opened: Pick<OpenPhase, "graph" | "optimizer" | "arena">;
  readonly #state: RunState;

  /** Lays weights and running values of what trains into the phase's memory, values unchanged. */
  constructor(opened: Pick<OpenPhase, "graph" | "optimizer" | "arena">, state: RunState) {
    this.#opened = opened;
    this.#state = state;
    for (const name of opened.graph.trainable) moveTo(opened.arena, state, name);
  }

  /** One step of the optimizer. */
  apply(gradients: ReadonlyMap<string, Gradient>, learningRate: number): void {
    for (const name of this.#opened.graph.trainable) this.#move(name, gradients.get(name)?.data, learningRate);
  }

  #move(name: string, gradient: Float32Array | undefined, learningRate: number): void {
    const { optimizer, arena } = this.#opened;
    const { weights, optimizer: states } = this.#state;
    const master = weights.get(name);
    if (master === undefined || gradient === undefined) return;
    let own = states.get(name);
    if (own === undefined || optimizer.slots.some((slot) => own?.slots[slot] === undefined)) {
      own = { step: 0, slots: optimizer.initialState(master.data.length, (length) => arena.floats(length)) };
      states.set(name, own);
    }
    own.step += 1;
    optimizer.step(master.data, gradient, own.slots, { learningRate, step: own.step });
  }
}

function moveTo(arena: Arena, { weights, optimizer }: RunState, name: string): void {
  const move = (data: Float32Array): Float32Array => {
    const moved = arena.floats(data.length);
    moved.set(data);
    return moved;
  };
  const master = weights.get(name);
  if (master !== undefined) weights.set(name, { ...master, data: move(master.data) });
  const state = optimizer.get(name);
  if (state !== undefined)
    optimizer.set(name, { ...state, slots: Object.fromEntries(Object.entries(state.slots).map(([slot, data]) => [slot, move(data)])) });
}
