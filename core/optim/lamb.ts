// LAMB: Adam's direction, as long as the tensor itself. Settings are checked in index.ts.

import { endOf, kernelsFor } from "./arena.js";
import { zeroState, type LambSettings, type Optimizer } from "./define.js";
import { sumOfSquares, totalOf } from "./vectors.js";

const { fround, sqrt } = Math;
const slots = ["mean", "square"] as const;

/**
 * m ← β₁·m + (1 − β₁)·g; v ← β₂·v + (1 − β₂)·g²; u = m̂ ⁄ (√v̂ + ε) + λ·p with m̂ = m ⁄ (1 − β₁ᵗ), v̂ = v ⁄ (1 − β₂ᵗ);
 * p ← p − α·‖p‖ ⁄ ‖u‖·u. Where either norm is 0 their ratio counts as 1. The norms are of the whole tensor, summed in float64 as in vectors.ts.
 * Source: You and others 2020, algorithm 2, https://arxiv.org/abs/1904.00962
 */
export function lambOptimizer(settings: LambSettings): Optimizer {
  const [beta1, beta2] = settings.betas;
  const keepMean = fround(beta1);
  const keepSquare = fround(beta2);
  const shareMean = fround(1 - beta1);
  const shareSquare = fround(1 - beta2);
  const epsilon = fround(settings.epsilon);
  const decay = fround(settings.weightDecay);
  return {
    settings,
    slots,
    initialState: (length, allocate) => zeroState(slots, length, allocate),
    step(parameter, gradient, { mean, square }, { learningRate, step }) {
      const meanScale = fround(1 / (1 - beta1 ** step));
      const squareScale = fround(1 / (1 - beta2 ** step));
      const rateFor = (ofParameter: number, ofDirection: number): number =>
        fround(learningRate * (ofParameter > 0 && ofDirection > 0 ? sqrt(ofParameter) / sqrt(ofDirection) : 1));
      const ofParameter = sumOfSquares(parameter);
      const kernels = kernelsFor(parameter, gradient, mean, square);
      if (kernels !== undefined) {
        const [p, g, m, v, end] = [parameter.byteOffset, gradient.byteOffset, mean.byteOffset, square.byteOffset, endOf(parameter)];
        const common = [meanScale, squareScale, epsilon, decay] as const;
        const ofDirection = kernels.lambMeans(p, g, m, v, end, keepMean, shareMean, keepSquare, shareSquare, ...common);
        kernels.lambStep(p, m, v, end, ...common, rateFor(ofParameter, ofDirection));
        return;
      }
      const direction = (i: number): number => {
        const adam = fround(fround(mean[i] * meanScale) / fround(fround(sqrt(fround(square[i] * squareScale))) + epsilon));
        return fround(adam + fround(decay * parameter[i]));
      };
      const sums = new Float64Array(4);
      for (let i = 0; i < parameter.length; i += 1) {
        const g = gradient[i];
        mean[i] = fround(keepMean * mean[i]) + fround(shareMean * g);
        square[i] = fround(keepSquare * square[i]) + fround(shareSquare * fround(g * g));
        sums[i & 3] += direction(i) ** 2;
      }
      const rate = rateFor(ofParameter, totalOf(sums));
      for (let i = 0; i < parameter.length; i += 1) parameter[i] -= fround(rate * direction(i));
    },
  };
}
