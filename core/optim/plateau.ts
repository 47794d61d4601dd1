// What follows from the validation losses of a phase: lower learning rates, and an early end. Both are functions of the losses so far, so that
// a run that goes on from its record decides as if it had never stopped.

export interface PlateauSettings {
  /** What the learning rate is multiplied by. */
  readonly factor: number;
  /** Epochs without improvement that are let pass. */
  readonly patience: number;
  /** Share of the best loss, below 1, by which one must be lower to count as an improvement. */
  readonly threshold: number;
  /** Epochs after a reduction that do not count. */
  readonly cooldown: number;
  /** Where the learning rate ends. */
  readonly minimum: number;
}

export interface EarlyStoppingSettings {
  /** Epochs in a row without improvement that end a phase. */
  readonly patience: number;
  /** By how much a loss must be lower than the best to count as an improvement. */
  readonly minDelta: number;
}

/** Smaller reductions are not made: PyTorch's `eps`. */
const leastReduction = 1e-8;

/**
 * How often the learning rate falls over epochs with these validation losses.
 * Source: torch.optim.lr_scheduler.ReduceLROnPlateau with mode "min" and a relative threshold,
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html
 */
export function countReductions({ patience, threshold, cooldown }: PlateauSettings, losses: readonly number[]): number {
  let [best, bad, cooling, reductions] = [Infinity, 0, 0, 0];
  for (const loss of losses) {
    if (loss < best * (1 - threshold)) {
      best = loss;
      bad = 0;
    } else bad += 1;
    if (cooling > 0) {
      cooling -= 1;
      bad = 0;
    }
    if (bad <= patience) continue;
    reductions += 1;
    cooling = cooldown;
    bad = 0;
  }
  return reductions;
}

/** A learning rate after a number of reductions. */
export function reduced({ factor, minimum }: PlateauSettings, base: number, reductions: number): number {
  let rate = base;
  for (let i = 0; i < reductions; i += 1) {
    const lower = Math.max(rate * factor, minimum);
    if (rate - lower > leastReduction) rate = lower;
  }
  return rate;
}

/** Whether a phase ends after epochs with these validation losses. Source: Prechelt 1998, "Early stopping, but when?", third criterion. */
export function stopsEarly({ patience, minDelta }: EarlyStoppingSettings, losses: readonly number[]): boolean {
  let [best, waited] = [Infinity, 0];
  for (const loss of losses) {
    if (loss < best - minDelta) {
      best = loss;
      waited = 0;
    } else waited += 1;
  }
  return waited >= patience;
}
