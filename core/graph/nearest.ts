// "Did you mean …?": the names nearest to one that was not found, for the hints of errors.

/**
 * The candidates that a person most likely meant by `name`, nearest first: equal but for case, or within a third of the name's
 * length in edits (insert, delete, replace, swap neighbours), or holding it as a part, or most of it. Ties keep the candidates' order.
 * Source: Damerau–Levenshtein distance, optimal string alignment form.
 */
export function nearest(name: string, candidates: Iterable<string>, max = 3): readonly string[] {
  const wanted = name.toLowerCase();
  const allowed = Math.max(1, Math.floor(wanted.length / 3));
  const found: { readonly candidate: string; readonly cost: number }[] = [];
  for (const candidate of new Set(candidates)) {
    const other = candidate.toLowerCase();
    const distance = editDistance(wanted, other, allowed);
    if (distance <= allowed) found.push({ candidate, cost: distance });
    else if ((wanted.length >= 3 && other.includes(wanted)) || (other.length * 3 >= wanted.length * 2 && wanted.includes(other))) {
      found.push({ candidate, cost: allowed + 1 + Math.abs(other.length - wanted.length) });
    }
  }
  return found
    .sort((a, b) => a.cost - b.cost)
    .slice(0, max)
    .map(({ candidate }) => candidate);
}

/** A sentence for a hint, or undefined where nothing is near: `Did you mean "a" or "b"?` */
export function didYouMean(near: readonly string[]): string | undefined {
  return near.length === 0 ? undefined : `Did you mean ${near.map((n) => `"${n}"`).join(" or ")}?`;
}

/** Edits between two strings; any number above `limit` once it is certain to exceed it. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(replaced, last[j] + 1, row[j - 1] + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
    }
    if (Math.min(...row) > limit && Math.min(...last) > limit) return limit + 1;
    beforeLast = last;
    last = row;
  }
  return last[b.length];
}
