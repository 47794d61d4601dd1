// Learning rates over the steps of a phase. Optimizers take the rate of each step from here.

export type Schedule =
  | { readonly type: "constant" }
  /** Half a cosine from the base rate down to `minimum` (0 unless given). */
  | { readonly type: "cosine"; readonly minimum?: number | undefined };

/**
 * The learning rate of step `step` (the first is 0) of a phase of `totalSteps` steps; later ones have the minimum.
 * Cosine: η = ηₘᵢₙ + (base − ηₘᵢₙ)·(1 + cos(π·step ⁄ totalSteps)) ⁄ 2. Source: Loshchilov and Hutter 2017 (SGDR) without restarts;
 * torch.optim.lr_scheduler.CosineAnnealingLR, https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html
 */
export function learningRateAt(schedule: Schedule, base: number, step: number, totalSteps: number): number {
  if (schedule.type === "constant") return base;
  const minimum = schedule.minimum ?? 0;
  if (step >= totalSteps) return minimum;
  return minimum + ((base - minimum) * (1 + Math.cos((Math.PI * step) / totalSteps))) / 2;
}
