// RMSprop. Settings are checked in index.ts.

import { endOf, kernelsFor } from "./arena.js";
import { zeroState, type Optimizer, type RmspropSettings } from "./define.js";

const { fround, max, sqrt } = Math;

/**
 * g ← g + λ·p; v ← α·v + (1 − α)·g². Centered: a ← α·a + (1 − α)·g, and a² is taken off v. Then d = g ⁄ (√v + ε), and p ← p − η·d, or with
 * a momentum b ← μ·b + d and p ← p − η·b. Where rounding leaves a centered v below 0, it counts as 0.
 * Source: Tieleman and Hinton 2012, lecture 6.5; Graves 2013 (centered); torch.optim.RMSprop,
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
 */
export function rmspropOptimizer(settings: RmspropSettings): Optimizer {
  const { centered } = settings;
  const slots = ["square", ...(centered ? ["mean"] : []), ...(settings.momentum === 0 ? [] : ["momentum"])];
  const keep = fround(settings.alpha);
  const share = fround(1 - settings.alpha);
  const epsilon = fround(settings.epsilon);
  const penalty = fround(settings.weightDecay);
  const momentum = fround(settings.momentum);
  return {
    settings,
    slots,
    initialState: (length, allocate) => zeroState(slots, length, allocate),
    step(parameter, gradient, state, { learningRate }) {
      const { square, mean, momentum: running } = state;
      const rate = fround(learningRate);
      const kernels = kernelsFor(parameter, gradient, ...Object.values(state));
      if (kernels !== undefined) {
        const [p, g, v, a, b] = [parameter, gradient, square, centered ? mean : square, momentum === 0 ? square : running].map((x) => x.byteOffset);
        const flags = [Number(centered), Number(momentum !== 0)] as const;
        kernels.rmsprop(p, g, v, a, b, endOf(parameter), penalty, keep, share, epsilon, rate, momentum, ...flags);
        return;
      }
      for (let i = 0; i < parameter.length; i += 1) {
        const p = parameter[i];
        const g = fround(gradient[i] + fround(penalty * p));
        let v = fround(fround(keep * square[i]) + fround(share * fround(g * g)));
        square[i] = v;
        if (centered) {
          const a = fround(fround(keep * mean[i]) + fround(share * g));
          mean[i] = a;
          v = max(fround(v - fround(a * a)), 0);
        }
        let d = fround(g / fround(fround(sqrt(v)) + epsilon));
        if (momentum !== 0) {
          d = fround(fround(momentum * running[i]) + d);
          running[i] = d;
        }
        parameter[i] = p - fround(rate * d);
      }
    },
  };
}
