// Adagrad. Settings are checked in index.ts.

import { endOf, kernelsFor } from "./arena.js";
import { zeroState, type AdagradSettings, type Optimizer } from "./define.js";

const { fround, sqrt } = Math;
const slots = ["sum"] as const;

/**
 * g ← g + λ·p; s ← s + g², from `initialAccumulator` on; p ← p − α ⁄ (1 + (t − 1)·κ)·g ⁄ (√s + ε) with the decay κ of the learning rate.
 * Source: Duchi, Hazan and Singer 2011; torch.optim.Adagrad, https://docs.pytorch.org/docs/stable/generated/torch.optim.Adagrad.html
 */
export function adagradOptimizer(settings: AdagradSettings): Optimizer {
  const epsilon = fround(settings.epsilon);
  const penalty = fround(settings.weightDecay);
  return {
    settings,
    slots,
    initialState(length, allocate) {
      const state = zeroState(slots, length, allocate);
      state.sum.fill(settings.initialAccumulator);
      return state;
    },
    step(parameter, gradient, { sum }, { learningRate, step }) {
      const rate = fround(learningRate / (1 + (step - 1) * settings.learningRateDecay));
      const kernels = kernelsFor(parameter, gradient, sum);
      if (kernels !== undefined) {
        kernels.adagrad(parameter.byteOffset, gradient.byteOffset, sum.byteOffset, endOf(parameter), penalty, rate, epsilon);
        return;
      }
      for (let i = 0; i < parameter.length; i += 1) {
        const p = parameter[i];
        const g = fround(gradient[i] + fround(penalty * p));
        const s = fround(sum[i] + fround(g * g));
        sum[i] = s;
        parameter[i] = p - fround(rate * fround(g / fround(fround(sqrt(s)) + epsilon)));
      }
    },
  };
}
