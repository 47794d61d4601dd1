// Moves a phase's weights: gathers the gradients of a step, limits them, and applies each tensor's optimizer, all in the phase's own memory.
// Which step comes when is the trainer's business, the update rules are in core/optim.

import * as errors from "../errors.js";
import type { Arena } from "../optim/arena.js";
import { clamp, mix, scale, sumOfSquares } from "../optim/vectors.js";
import type { OpenPhase } from "./open-phase.js";
import type { SettledPhase } from "./phase-graph.js";
import type { RunState } from "./state.js";

/** What PyTorch adds to the norm before it divides by it. */
const normEpsilon = 1e-6;

type Gradients = ReadonlyMap<string, { readonly data: Float32Array }>;

/** What an update needs of a phase. */
export interface UpdatePlan extends Pick<OpenPhase, "optimizers" | "arena"> {
  readonly phase: Pick<SettledPhase, "clip" | "averageDecay">;
  readonly graph: Pick<OpenPhase["graph"], "trainable">;
}

export interface UpdateReport {
  /** Length of all gradients together before they were scaled; where the phase limits it. */
  readonly gradientNorm?: number;
}

/** The update of everything that trains in a phase; works on a run's weights, averages and optimizer state in place. */
export class WeightUpdate {
  readonly #opened: UpdatePlan;
  readonly #state: RunState;
  /** Of the step that is being gathered: the runtime's own memory, or the sums. */
  #gradients: Gradients | undefined;
  readonly #sums = new Map<string, { readonly data: Float32Array }>();

  /** Lays weights, averages and running values of what trains into the phase's memory, values unchanged. */
  constructor(opened: UpdatePlan, state: RunState) {
    this.#opened = opened;
    this.#state = state;
    for (const name of opened.graph.trainable) moveTo(opened.arena, state, name);
  }

  /** Takes the gradients of one batch, which makes up `share` of the step. Those of a whole step (share 1) are not copied. */
  gather(gradients: Gradients, share: number): void {
    if (share === 1) {
      this.#gradients = gradients;
      return;
    }
    for (const name of this.#opened.graph.trainable) {
      const fresh = gradients.get(name)?.data;
      if (fresh === undefined) continue;
      let sum = this.#sums.get(name);
      if (sum === undefined) this.#sums.set(name, (sum = { data: this.#opened.arena.floats(fresh.length) }));
      if (this.#gradients === undefined) sum.data.fill(0);
      mix(sum.data, fresh, 1, share);
    }
    this.#gradients = this.#sums;
  }

  /**
   * One step of the optimizers with the gradients gathered for it. `rateOf` answers the learning rate for an optimizer's base rate.
   * @throws run/diverged where gradients whose length is limited are not finite
   */
  apply(rateOf: (base: number) => number): UpdateReport {
    const gradients = this.#gradients ?? new Map<never, never>();
    this.#gradients = undefined;
    const report = this.#limit(gradients);
    for (const name of this.#opened.graph.trainable) this.#move(name, gradients.get(name)?.data, rateOf);
    this.#average();
    return report;
  }

  /**
   * Elements within ±value, then all scaled to the norm where they are longer, by norm ⁄ (length + 1e-6).
   * Source: torch.nn.utils.clip_grad_value_ and clip_grad_norm_,
   * https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
   */
  #limit(gradients: Gradients): UpdateReport {
    const { value, norm } = this.#opened.phase.clip;
    const listed = this.#opened.graph.trainable.flatMap((name) => gradients.get(name)?.data ?? []);
    // Two tensors may have one gradient in common, which counts for both and is changed once.
    const distinct = new Set(listed);
    if (value !== undefined) for (const gradient of distinct) clamp(gradient, value);
    if (norm === undefined) return {};
    const gradientNorm = Math.sqrt(listed.reduce((sum, gradient) => sum + sumOfSquares(gradient), 0));
    const { step, epoch } = this.#state.position;
    if (!Number.isFinite(gradientNorm)) throw errors.gradientsDiverged(step + 1, epoch + 1);
    const factor = norm / (gradientNorm + normEpsilon);
    if (factor < 1) for (const gradient of distinct) scale(gradient, factor);
    return { gradientNorm };
  }

  #move(name: string, gradient: Float32Array | undefined, rateOf: (base: number) => number): void {
    const { optimizers, arena } = this.#opened;
    const { weights, optimizer: states } = this.#state;
    const optimizer = optimizers.get(name);
    const master = weights.get(name);
    if (optimizer === undefined || master === undefined || gradient === undefined) return;
    let own = states.get(name);
    if (own === undefined || optimizer.slots.some((slot) => own?.slots[slot] === undefined)) {
      own = { step: 0, slots: optimizer.initialState(master.data.length, (length) => arena.floats(length)) };
      states.set(name, own);
    }
    own.step += 1;
    optimizer.step(master.data, gradient, own.slots, { learningRate: rateOf(optimizer.settings.learningRate), step: own.step });
  }

  /** average ← decay·average + (1 − decay)·weight. Source: Polyak and Juditsky 1992; torch.optim.swa_utils.get_ema_avg_fn. */
  #average(): void {
    const { averageDecay } = this.#opened.phase;
    if (averageDecay === undefined) return;
    for (const [name, { data }] of this.#state.averages) {
      const weight = this.#state.weights.get(name);
      if (weight !== undefined) mix(data, weight.data, averageDecay, 1 - averageDecay);
    }
  }
}

function moveTo(arena: Arena, { weights, averages, optimizer }: RunState, name: string): void {
  const move = (data: Float32Array): Float32Array => {
    const moved = arena.floats(data.length);
    moved.set(data);
    return moved;
  };
  for (const masters of [weights, averages]) {
    const master = masters.get(name);
    if (master !== undefined) masters.set(name, { ...master, data: move(master.data) });
  }
  const state = optimizer.get(name);
  if (state !== undefined)
    optimizer.set(name, { ...state, slots: Object.fromEntries(Object.entries(state.slots).map(([slot, data]) => [slot, move(data)])) });
}
