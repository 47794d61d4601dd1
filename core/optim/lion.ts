// Lion, which steps by signs. Settings are checked in index.ts.

import { endOf, kernelsFor } from "./arena.js";
import { zeroState, type LionSettings, type Optimizer } from "./define.js";

const { fround } = Math;
const slots = ["mean"] as const;

/**
 * p ← p − α·λ·p; p ← p − α·sign(β₁·m + (1 − β₁)·g); m ← β₂·m + (1 − β₂)·g. The sign of 0 is 0.
 * Source: Chen and others 2023, algorithm 2, https://arxiv.org/abs/2302.06675
 */
export function lionOptimizer(settings: LionSettings): Optimizer {
  const [beta1, beta2] = settings.betas;
  const keepNow = fround(beta1);
  const shareNow = fround(1 - beta1);
  const keepMean = fround(beta2);
  const shareMean = fround(1 - beta2);
  return {
    settings,
    slots,
    initialState: (length, allocate) => zeroState(slots, length, allocate),
    step(parameter, gradient, { mean }, { learningRate }) {
      const rate = fround(learningRate);
      const shrink = fround(1 - learningRate * settings.weightDecay);
      const kernels = kernelsFor(parameter, gradient, mean);
      if (kernels !== undefined) {
        const [p, g, m, end] = [parameter.byteOffset, gradient.byteOffset, mean.byteOffset, endOf(parameter)];
        kernels.lion(p, g, m, end, shrink, rate, keepNow, shareNow, keepMean, shareMean);
        return;
      }
      for (let i = 0; i < parameter.length; i += 1) {
        const g = gradient[i];
        const m = mean[i];
        const x = fround(fround(keepNow * m) + fround(shareNow * g));
        const direction = x > 0 ? 1 : x < 0 ? -1 : x === 0 ? 0 : x;
        parameter[i] = fround(parameter[i] * shrink) - rate * direction;
        mean[i] = fround(keepMean * m) + fround(shareMean * g);
      }
    },
  };
}
