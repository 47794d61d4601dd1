import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { batches, shuffled, split, splitRest } from "../../../core/data/split.js";
import { EngineError } from "../../../core/errors.js";

const rowsUpTo = (n: number): Uint32Array => Uint32Array.from({ length: n }, (_, i) => i);

describe("split", () => {
  it("holds out disjoint parts of exact sizes that make up all rows, for any fractions, classes and seed", () => {
    const fraction = fc.integer({ min: 0, max: 60 }).map((percent) => percent / 100);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fraction,
        fraction,
        fc.maxSafeNat(),
        fc.integer({ min: 1, max: 20 }),
        (rows, validation, test, seed, kinds) => {
          const [v, t] = [Math.round(validation * rows), Math.round(test * rows)];
          fc.pre(v + t < rows && (validation === 0 || v > 0) && (test === 0 || t > 0));
          const classes = Int32Array.from({ length: rows }, (_, i) => (i * i) % kinds);
          for (const labels of [undefined, classes]) {
            const parts = split(rows, { validation, test }, seed, labels);
            assert.deepEqual([parts.validation.length, parts.test.length], [v, t]);
            for (const part of Object.values(parts) as Uint32Array[]) assert.deepEqual(part, part.slice().sort());
            assert.deepEqual(Uint32Array.from([...parts.train, ...parts.validation, ...parts.test]).sort(), rowsUpTo(rows));
            if (labels === undefined) continue;
            for (let kind = 0; kind < kinds; kind += 1) {
              const share = (part: Uint32Array | Int32Array): number => part.filter((row) => classes[row] === kind).length;
              assert.ok(Math.abs(share(parts.test) - (t * share(rowsUpTo(rows))) / rows) < 1, `class ${kind} in test`);
            }
          }
        },
      ),
    );
  });

  it("gives every class its share of each part", () => {
    const classes = Int32Array.from({ length: 100 }, (_, i) => (i < 60 ? 0 : i < 90 ? 7 : 3));
    const parts = split(100, { validation: 0.1, test: 0.3 }, 1, classes);
    const shares = (part: Uint32Array): readonly number[] => [0, 7, 3].map((kind) => part.filter((row) => classes[row] === kind).length);
    assert.deepEqual(shares(parts.test), [18, 9, 3]);
    assert.deepEqual(shares(parts.validation), [6, 3, 1]);
    assert.deepEqual(shares(parts.train), [36, 18, 6]);
  });

  it("depends on the seed alone, and its test rows not on the validation fraction", () => {
    const once = split(500, { validation: 0.1, test: 0.33 }, 4);
    assert.deepEqual(split(500, { validation: 0.1, test: 0.33 }, 4), once);
    assert.notDeepEqual(split(500, { validation: 0.1, test: 0.33 }, 5).test, once.test);
    assert.deepEqual(split(500, { validation: 0.25, test: 0.33 }, 4).test, once.test);
  });

  it("trains on everything when nothing is held out", () => {
    assert.deepEqual(split(3, {}, 0), { train: rowsUpTo(3), validation: new Uint32Array(0), test: new Uint32Array(0) });
  });

  it("refuses fractions out of range and parts without rows", () => {
    const refused: readonly (readonly [number, number, number, RegExp])[] = [
      [10, 1, 0, /validation: expected a fraction from 0 to below 1, got 1$/],
      [10, 0, -0.1, /test: expected a fraction from 0 to below 1, got -0.1$/],
      [10, 0.5, 0.5, /validation 0.5 and test 0.5 of 10 rows leave none to train on$/],
      [3, 0, 0.1, /test: 0.1 of 3 rows is less than one row$/],
    ];
    for (const [rows, validation, test, message] of refused) {
      assert.throws(
        () => split(rows, { validation, test }, 0),
        (error) => error instanceof EngineError && error.code === "recipe/split" && message.test(error.message),
      );
    }
  });
});

describe("a split of rows of which some are held out already", () => {
  const held = Uint8Array.of(0, 2, 0, 1, 0, 0, 2, 0, 0);

  it("keeps these, and draws fractions from the others alone", () => {
    assert.deepEqual(splitRest(held, {}, 0), { train: Uint32Array.of(0, 2, 4, 5, 7, 8), validation: Uint32Array.of(3), test: Uint32Array.of(1, 6) });
    const withoutValidation = held.map((part) => (part === 1 ? 0 : part));
    const { train, validation, test } = splitRest(withoutValidation, { validation: 0.3 }, 0);
    assert.deepEqual([train.length, validation.length, [...test]], [5, 2, [1, 6]]);
    assert.deepEqual(Uint32Array.of(...train, ...validation).sort(), Uint32Array.of(0, 2, 3, 4, 5, 7, 8));
  });

  it("is refused where nothing is left to train on, or a part has rows already", () => {
    assert.throws(() => splitRest(Uint8Array.of(1, 2), {}, 0), { code: "recipe/split", message: /no row is one to train on$/ });
    assert.throws(() => splitRest(held, { test: 0.2 }, 0), { code: "recipe/split", message: /test: 2 rows are test rows already/ });
  });
});

describe("order of rows", () => {
  it("is another one for each epoch and seed, of the same rows", () => {
    const rows = Uint32Array.from({ length: 50 }, (_, i) => i * 3);
    const first = shuffled(rows, 0, 0);
    assert.deepEqual(first.slice().sort(), rows);
    assert.deepEqual(shuffled(rows, 0, 0), first);
    assert.notDeepEqual(shuffled(rows, 0, 1), first);
    assert.notDeepEqual(shuffled(rows, 1, 0), first);
  });

  it("is cut into batches, the last of which may be smaller", () => {
    assert.deepEqual(
      batches(rowsUpTo(7), 3).map((batch) => [...batch]),
      [[0, 1, 2], [3, 4, 5], [6]],
    );
    assert.deepEqual(
      batches(rowsUpTo(6), 3).map((batch) => batch.length),
      [3, 3],
    );
    assert.deepEqual(batches(new Uint32Array(0), 3), []);
  });
});
