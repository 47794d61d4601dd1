// How much of each of two samples there is in a mixture. Which samples are mixed is drawn in augment.ts.

import { normal, uniform, type Stream } from "../nn/random.js";

/**
 * A number from Beta(α, α), α above 0; the streams are two different ones. Source: Zhang et al., "mixup: beyond empirical risk
 * minimization", 2017, arXiv:1710.09412
 */
export function drawShare(alpha: number, first: Stream, second: Stream): number {
  return 1 / (1 + Math.exp(logGamma(alpha, second) - logGamma(alpha, first)));
}

/**
 * Logarithm of a number from the gamma distribution: of the number itself, small shapes leave nothing in float64. Source: Marsaglia and
 * Tsang, "A simple method for generating gamma variables", 2000, with Gamma(α) = Gamma(α + 1) · U^(1 ⁄ α) for α below 1.
 */
function logGamma(shape: number, random: Stream): number {
  const boost = shape < 1 ? Math.log(1 - uniform(random, 0)) / shape : 0;
  const d = (shape < 1 ? shape + 1 : shape) - 1 / 3;
  // Numbers come in blocks of four, of which words serve either normal or uniform ones: two blocks an attempt.
  for (let at = 4; ; at += 8) {
    const x = normal(random, at);
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - uniform(random, at + 4)) < (x * x) / 2 + d - d * v + d * Math.log(v)) return Math.log(d * v) + boost;
  }
}
