import assert from "node:assert/strict";
import { Latest } from "../../../../extension/recipes/latest.js";

/** Work whose answers come when the test says so. */
function controlled(): { readonly latest: Latest<number>; readonly started: (() => void)[]; readonly results: number[]; readonly errors: unknown[] } {
  const started: (() => void)[] = [];
  const [results, errors]: [number[], unknown[]] = [[], []];
  const latest = new Latest<number>({
    work: () => new Promise((resolve) => started.push(() => resolve(started.length))),
    onResult: (result) => results.push(result),
    onError: (error) => errors.push(error),
    quiet: 0,
  });
  return { latest, started, results, errors };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe("work of which only the last request counts", () => {
  it("runs once for requests that follow each other", async () => {
    const { latest, started, results } = controlled();
    for (let i = 0; i < 5; i += 1) latest.request();
    await until(() => started.length === 1);
    started[0]();
    await until(() => results.length === 1);
    assert.deepEqual([started.length, results], [1, [1]]);
  });

  it("drops an answer that was overtaken, and works again", async () => {
    const { latest, started, results } = controlled();
    latest.request();
    await until(() => started.length === 1);
    latest.request();
    started[0]();
    await until(() => started.length === 2);
    assert.deepEqual(results, []);
    started[1]();
    await until(() => results.length === 1);
    assert.deepEqual(results, [2]);
  });

  it("answers nothing once it is let go", async () => {
    const { latest, started, results } = controlled();
    latest.request();
    await until(() => started.length === 1);
    latest.dispose();
    started[0]();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([started.length, results], [1, []]);
  });
});
