import assert from "node:assert/strict";
import { walk, type Step, type StepOutcome } from "../../../../extension/commands/steps.js";

interface Answers {
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

/** A step that says these things, one each time it is asked; `seen` gathers what it was told. */
function scripted(name: string, outcomes: StepOutcome<Answers>[], seen: string[]): Step<Answers> {
  return (answers, isFirst) => {
    seen.push(`${name}${isFirst ? "!" : ""} ${JSON.stringify(answers)}`);
    return Promise.resolve(outcomes.shift() ?? "cancel");
  };
}

describe("a walk through questions", () => {
  it("gathers the answers of all steps", async () => {
    const seen: string[] = [];
    const steps = [scripted("a", [{ a: 1 }], seen), scripted("b", [{ b: 2 }], seen), scripted("c", [{ c: 3 }], seen)];
    assert.deepEqual(await walk(steps), { a: 1, b: 2, c: 3 });
    assert.deepEqual(seen, ["a! {}", 'b {"a":1}', 'c {"a":1,"b":2}']);
  });

  it("goes back to the step that was asked before, past those that had nothing to ask, and forgets what came after", async () => {
    const seen: string[] = [];
    const steps = [scripted("a", [{ a: 1 }, { a: 9 }], seen), scripted("b", ["skip", { b: 2 }], seen), scripted("c", ["back", { c: 3 }], seen)];
    assert.deepEqual(await walk(steps), { a: 9, b: 2, c: 3 });
    assert.deepEqual(seen, ["a! {}", 'b {"a":1}', 'c {"a":1}', "a! {}", 'b {"a":9}', 'c {"a":9,"b":2}']);
  });

  it("asks the first step again where there is nothing before it, and knows it by what was given", async () => {
    const seen: string[] = [];
    assert.deepEqual(await walk([scripted("a", ["skip", "skip"], seen), scripted("b", ["back", { b: 2 }], seen)], { a: 7 }), { a: 7, b: 2 });
    assert.deepEqual(seen, ['a! {"a":7}', 'b! {"a":7}', 'b! {"a":7}']);
  });

  it("ends without answers where the person goes away, at any step", async () => {
    assert.equal(await walk([scripted("a", ["cancel"], [])]), undefined);
    assert.equal(await walk([scripted("a", [{ a: 1 }], []), scripted("b", ["cancel"], [])]), undefined);
  });
});
