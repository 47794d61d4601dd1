// Names for what is added to a graph.

/** A name that is not taken yet, `hint`, else `hint.1`, `hint.2`, …; from then on it is. */
export function freshName(hint: string, taken: Set<string>): string {
  let name = hint;
  for (let n = 1; taken.has(name); n++) name = `${hint}.${n}`;
  taken.add(name);
  return name;
}
