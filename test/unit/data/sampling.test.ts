import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { epochRows } from "../../../core/data/sampling.js";

const rows = Uint32Array.from({ length: 60 }, (_, i) => i + 5);
/** Three quarters of class 2, a few of 0, one of 7. */
const classes = Int32Array.from({ length: 65 }, (_, row) => (row === 30 ? 7 : row % 5 === 0 ? 0 : 2));
const counts = (drawn: Uint32Array, of: Int32Array): ReadonlyMap<number, number> => {
  const found = new Map<number, number>();
  for (const row of drawn) found.set(of[row], (found.get(of[row]) ?? 0) + 1);
  return found;
};

describe("the rows of an epoch", () => {
  it("are all of them, in the file's order or another one each epoch", () => {
    assert.deepEqual(epochRows(rows, { seed: 1, epoch: 0, shuffle: false }), rows);
    const first = epochRows(rows, { seed: 1, epoch: 0, shuffle: true });
    assert.deepEqual(first.slice().sort(), rows);
    assert.notDeepEqual(epochRows(rows, { seed: 1, epoch: 1, shuffle: true }), first);
  });

  it("are as many with every class equally often where they are balanced, for any classes and seed", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 200 }), fc.maxSafeNat(), fc.nat(50), (list, seed, epoch) => {
        const of = Int32Array.from(list);
        const all = Uint32Array.from(list.keys());
        const drawn = epochRows(all, { seed, epoch, shuffle: true, balance: of });
        const present = new Set(list).size;
        assert.equal(drawn.length, all.length);
        for (const [name, count] of counts(drawn, of)) {
          assert.ok(count === Math.floor(all.length / present) || count === Math.ceil(all.length / present));
          // Within a class too, every row as often as any other.
          const each = [...counts(drawn.filter((row) => of[row] === name), Int32Array.from(all)).values()]; // prettier-ignore
          assert.ok(Math.max(...each) - Math.min(...each) <= 1);
        }
        assert.deepEqual(epochRows(all, { seed, epoch, shuffle: true, balance: of }), drawn);
      }),
    );
  });

  it("take another part of a large class each epoch", () => {
    const largeOf = (epoch: number): readonly number[] =>
      [...epochRows(rows, { seed: 1, epoch, shuffle: false, balance: classes })].filter((row) => classes[row] === 2);
    assert.equal(largeOf(0).length, 20);
    assert.deepEqual([...largeOf(0)].sort((a, b) => a - b), largeOf(0)); // prettier-ignore
    assert.notDeepEqual(largeOf(1), largeOf(0));
  });
});
