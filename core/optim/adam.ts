// Adam and AdamW, which differ in where weight decay acts. Settings are checked in index.ts.

import { endOf, kernelsFor } from "./arena.js";
import { zeroState, type AdamSettings, type Optimizer } from "./define.js";

const { fround, sqrt } = Math;
const slots = ["mean", "square"] as const;

/**
 * Adam: g ← g + λ·p. AdamW: p ← p − α·λ·p. Then m ← β₁·m + (1 − β₁)·g; v ← β₂·v + (1 − β₂)·g²; p ← p − α·m̂ ⁄ (√v̂ + ε) with
 * m̂ = m ⁄ (1 − β₁ᵗ), v̂ = v ⁄ (1 − β₂ᵗ). The corrections are the same for all elements and are moved into the rate and ε, as the paper
 * proposes: α·√(1 − β₂ᵗ) ⁄ (1 − β₁ᵗ) and ε·√(1 − β₂ᵗ).
 * Source: Kingma and Ba 2015, section 2; Loshchilov and Hutter 2019; torch.optim.Adam and AdamW,
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html
 */
export function adamOptimizer(settings: AdamSettings): Optimizer {
  const [beta1, beta2] = settings.betas;
  const keepMean = fround(beta1);
  const keepSquare = fround(beta2);
  const shareMean = fround(1 - beta1);
  const shareSquare = fround(1 - beta2);
  const decoupled = settings.type === "adamw";
  return {
    settings,
    slots,
    initialState: (length, allocate) => zeroState(slots, length, allocate),
    step(parameter, gradient, state, { learningRate, step }) {
      const { mean, square } = state;
      const correction = sqrt(1 - beta2 ** step);
      const rate = fround((learningRate * correction) / (1 - beta1 ** step));
      const epsilon = fround(settings.epsilon * correction);
      const shrink = decoupled ? fround(1 - learningRate * settings.weightDecay) : 1;
      const penalty = decoupled ? 0 : fround(settings.weightDecay);
      const kernels = kernelsFor(parameter, gradient, mean, square);
      if (kernels !== undefined) {
        const [p, g, m, v, end] = [parameter.byteOffset, gradient.byteOffset, mean.byteOffset, square.byteOffset, endOf(parameter)];
        kernels.adam(p, g, m, v, end, shrink, penalty, keepMean, shareMean, keepSquare, shareSquare, rate, epsilon);
        return;
      }
      for (let i = 0; i < parameter.length; i += 1) {
        const p = fround(parameter[i] * shrink);
        const g = fround(gradient[i] + fround(penalty * p));
        const m = fround(fround(keepMean * mean[i]) + fround(shareMean * g));
        const v = fround(fround(keepSquare * square[i]) + fround(shareSquare * fround(g * g)));
        mean[i] = m;
        square[i] = v;
        parameter[i] = p - fround(rate * fround(m / fround(fround(sqrt(v)) + epsilon)));
      }
    },
  };
}
