// Stochastic gradient descent with momentum. Settings are checked in index.ts.

import { endOf, kernelsFor } from "./arena.js";
import { zeroState, type Optimizer, type SgdSettings } from "./define.js";

const { fround } = Math;

/**
 * g ← g + λ·p; m ← g at the first update, μ·m + (1 − τ)·g after; p ← p − α·m, or p − α·(g + μ·m) with Nesterov's momentum.
 * Source: torch.optim.SGD, https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
 */
export function sgdOptimizer(settings: SgdSettings): Optimizer {
  const slots = settings.momentum === 0 ? [] : ["momentum"];
  const decay = fround(settings.weightDecay);
  const momentum = fround(settings.momentum);
  const { nesterov } = settings;
  return {
    settings,
    slots,
    initialState: (length, allocate) => zeroState(slots, length, allocate),
    step(parameter, gradient, state, { learningRate, step }) {
      const rate = fround(learningRate);
      const kernels = kernelsFor(parameter, gradient, ...Object.values(state));
      const [at, from, end] = [parameter.byteOffset, gradient.byteOffset, endOf(parameter)];
      if (slots.length === 0) {
        if (kernels !== undefined) {
          kernels.sgd(at, from, end, rate, decay);
          return;
        }
        for (let i = 0; i < parameter.length; i += 1) {
          const p = parameter[i];
          parameter[i] = p - fround(rate * fround(gradient[i] + fround(decay * p)));
        }
        return;
      }
      const running = state.momentum;
      const share = step === 1 ? 1 : fround(1 - settings.dampening);
      if (kernels !== undefined) {
        kernels.momentum(at, from, running.byteOffset, end, rate, decay, momentum, share, nesterov ? 1 : 0);
        return;
      }
      for (let i = 0; i < parameter.length; i += 1) {
        const p = parameter[i];
        const g = fround(gradient[i] + fround(decay * p));
        const m = fround(fround(momentum * running[i]) + fround(share * g));
        running[i] = m;
        parameter[i] = p - fround(rate * (nesterov ? fround(g + fround(momentum * m)) : m));
      }
    },
  };
}
