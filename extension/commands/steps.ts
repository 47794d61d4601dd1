// A walk through steps that ask a person something: forward with an answer, back to the step before, or away. How a step asks is its own
// matter.

/** What a step says: what it adds to the answers, that it has nothing to ask, or where the person went instead. */
export type StepOutcome<A> = Partial<A> | "skip" | "back" | "cancel";

/** Asks one thing, knowing the answers so far. `isFirst`: no step before it asked anything. */
export type Step<A> = (answers: Partial<A>, isFirst: boolean) => Promise<StepOutcome<A>>;

/** Answers what all steps gathered, or undefined where the person went away. Back from the first step asks it again. */
export async function walk<A>(steps: readonly Step<A>[], given: Partial<A> = {}): Promise<Partial<A> | undefined> {
  /** Steps that were answered, each with the answers that it began with. */
  const asked: { readonly step: number; readonly answers: Partial<A> }[] = [];
  let answers = given;
  for (let step = 0; step < steps.length;) {
    const outcome = await steps[step](answers, asked.length === 0);
    if (outcome === "cancel") return undefined;
    if (outcome === "back") {
      const before = asked.pop();
      if (before !== undefined) ({ step, answers } = before);
      continue;
    }
    if (outcome !== "skip") {
      asked.push({ step, answers });
      answers = { ...answers, ...outcome };
    }
    step += 1;
  }
  return answers;
}
