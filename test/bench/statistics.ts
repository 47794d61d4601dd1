// The bench's arithmetic: medians, ratios of sides that took turns, and whether two sides computed the same losses.

/** The middle of the sorted values, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Median over the rounds of ours ÷ theirs in the same round: the machine's drift over minutes cancels out. Of a side that took no turns: ratio of
 * the medians.
 */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): number {
  if (ours.length !== theirs.length) return median(ours) / median(theirs);
  return median(ours.map((value, round) => value / theirs[round]));
}

/** Largest difference of two sides' losses, each relative to our loss where that is above 1; infinite where one has no number. */
export function lossDifference(ours: readonly number[], theirs: readonly number[]): number {
  if (ours.length !== theirs.length) return Infinity;
  const differences = ours.map((loss, i) => Math.abs(loss - theirs[i]) / Math.max(1, Math.abs(loss)));
  return differences.every(Number.isFinite) ? Math.max(0, ...differences) : Infinity;
}

/** The order in which sides run: every side once a round, in the same order. */
export function* turns<T>(sides: readonly T[], rounds: number): Generator<{ readonly round: number; readonly side: T }> {
  for (let round = 0; round < rounds; round++) for (const side of sides) yield { round, side };
}
