import assert from "node:assert/strict";
import fc from "fast-check";
import { batchOf, elementsOf, factsOf, known, of, refuses, scalar, shapeOf, shapesOf } from "../../support/op-facts.js";

const toEnd = 2 ** 31 - 1;

describe("the shapes of moved tensors", () => {
  it("follow Transpose", () => {
    assert.deepEqual(shapeOf("Transpose", [of(["N", 3, 4])]), [4, 3, "N"]);
    assert.deepEqual(shapeOf("Transpose", [of(["N", 3, 4])], { perm: [0, 2, 1] }), ["N", 4, 3]);
    refuses(() => shapeOf("Transpose", [of([2, 3])], { perm: [0, 0] }));
  });

  it("follow Concat, taking numbers where others have symbols", () => {
    assert.deepEqual(shapeOf("Concat", [of(["N", 3]), of(["N", 5])], { axis: 1 }), ["N", 8]);
    assert.deepEqual(shapeOf("Concat", [of(["N", 3]), of(["N", 3])], { axis: 0 }), ["2*N", 3]);
    assert.deepEqual(shapeOf("Concat", [of(["N", "T"]), of([2, "U"])], { axis: -1 }), [2, "(T+U)"]);
    assert.deepEqual(shapeOf("Concat", [of([2, 3]), of(undefined)], { axis: 1 }), [2, "?"]);
    refuses(() => shapeOf("Concat", [of([2, 3]), of([3, 3])], { axis: 1 }), /\[2, 3\].*\[3, 3\]/);
  });

  it("follow Split into even, uneven and given parts", () => {
    assert.deepEqual(shapesOf("Split", [of([2, 7])], { axis: 1, num_outputs: 3 }, 3), [[2, 3], [2, 3], [2, 1]]); // prettier-ignore
    assert.deepEqual(shapesOf("Split", [of(["2*N", 3])], {}, 2), [["N", 3], ["N", 3]]); // prettier-ignore
    assert.deepEqual(shapesOf("Split", [of([6]), known(1, 5)], {}, 2), [[1], [5]]);
    assert.deepEqual(
      factsOf("Split", [known("N", 3, 4), known(1, 2)], {}, 2).map((f) => f.ints),
      [["N"], [3, 4]],
    );
    refuses(() => shapesOf("Split", [of([6]), known(1, 4)], {}, 2), /6.*5/);
  });

  it("follow Expand and Tile", () => {
    assert.deepEqual(shapeOf("Expand", [of([3, 1]), known("N", 1, 4)]), ["N", 3, 4]);
    assert.deepEqual(shapeOf("Expand", [of([3]), of([2], "int64")]), ["?", 3]);
    assert.deepEqual(shapeOf("Tile", [of(["N", 3]), known(1, 2)]), ["N", 6]);
    refuses(() => shapeOf("Expand", [of([3]), known(4)]));
  });

  it("follow blocks of pixels", () => {
    assert.deepEqual(shapeOf("DepthToSpace", [of(["N", 8, "H", 3])], { blocksize: 2 }), ["N", 2, "2*H", 6]);
    assert.deepEqual(shapeOf("SpaceToDepth", [of(["N", 2, "2*H", 6])], { blocksize: 2 }), ["N", 8, "H", 3]);
    refuses(() => shapeOf("SpaceToDepth", [of([1, 2, 5, 6])], { blocksize: 2 }));
  });

  it("follow Gather and its kin", () => {
    assert.deepEqual(shapeOf("Gather", [of([30, 8]), of(["N", "T"], "int64")]), ["N", "T", 8]);
    assert.deepEqual(shapeOf("Gather", [of(["N", 5, 8]), scalar(0)], { axis: 1 }), ["N", 8]);
    assert.deepEqual(shapeOf("GatherElements", [of([3, 4]), of([2, 4], "int64")]), [2, 4]);
    assert.deepEqual(shapeOf("GatherND", [of(["N", 5, 8]), of(["N", 3, 1], "int64")], { batch_dims: 1 }), ["N", 3, 8]);
    assert.deepEqual(shapeOf("OneHot", [of(["N"], "int64"), scalar(10), of([2])]), ["N", 10]);
  });
});

describe("the shape of Slice", () => {
  it("agrees with counting, for any bounds and steps", () => {
    const bound = fc.integer({ min: -12, max: 12 });
    const step = fc.integer({ min: -3, max: 3 }).filter((k) => k !== 0);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), bound, bound, step, (size, start, end, k) => {
        const picked = elementsOf("Slice", [known(...Array.from({ length: size }, (_, i) => i)), known(start), known(end), known(0), known(k)]);
        const wrap = (v: number): number => (v < 0 ? v + size : v);
        const expected: number[] = [];
        if (k > 0) for (let i = Math.max(0, wrap(start)); i < Math.min(size, wrap(end)); i += k) expected.push(i);
        else for (let i = Math.max(0, Math.min(size - 1, wrap(start))); i > Math.max(-1, wrap(end)); i += k) expected.push(i);
        assert.deepEqual(picked, expected);
        assert.deepEqual(shapeOf("Slice", [of([size]), known(start), known(end), known(0), known(k)]), [expected.length]);
      }),
    );
  });

  it("keeps symbolic sizes that it does not cut, and names what it cuts", () => {
    assert.deepEqual(shapeOf("Slice", [of(["N", "T"]), known(0), known(toEnd), known(1)]), ["N", "T"]);
    assert.deepEqual(shapeOf("Slice", [of(["N", "T"]), known(-1), known(-toEnd), known(1), known(-1)]), ["N", "T"]);
    assert.deepEqual(shapeOf("Slice", [of(["N", "T"]), known(0), known(1), known(1)]), ["N", 1]);
    assert.deepEqual(shapeOf("Slice", [of(["N", "T"]), known(-1), known(toEnd), known(1)]), ["N", 1]);
    assert.deepEqual(shapeOf("Slice", [of(["N", "T"]), known(1), known(toEnd), known(1)]), ["N", "(T+-1)"]);
    assert.deepEqual(shapeOf("Slice", [of(["N", "T"]), known(0), known("T"), known(1)]), ["N", "T"]);
    assert.deepEqual(shapeOf("Slice", [of(["N", 5]), of([1], "int64"), known(2), known(1)]), ["N", "?"]);
  });

  it("is undone by Pad", () => {
    assert.deepEqual(shapeOf("Pad", [of(["N", 3, "W"]), known(0, 1, 2, 0, 1, 3)]), ["N", 5, "(W+5)"]);
    assert.deepEqual(shapeOf("Pad", [of(["N", 3]), known(1, 1), of([]), known(-1)]), ["N", 5]);
    assert.deepEqual(shapeOf("Pad", [of([4, 5]), known(-1, 0, 0, -2)]), [3, 3]);
    refuses(() => shapeOf("Pad", [of([4, 5]), known(1, 1)]));
  });
});

describe("the batch through moved tensors", () => {
  it("follows its axis", () => {
    assert.deepEqual(batchOf("Transpose", [of(["N", 3, 4])], [0], { perm: [1, 2, 0] }), [2, 1]);
    assert.deepEqual(batchOf("Concat", [of(["N", 3]), of(["N", 1])], [0, undefined], { axis: 1 }), [0, 1]);
    assert.deepEqual(batchOf("Split", [of(["N", 3])], [0], { axis: 1 }), [0, 1]);
    assert.deepEqual(batchOf("Expand", [of(["N", 1]), known(2, 1, 3)], [0]), [1, 1]);
    assert.deepEqual(batchOf("Tile", [of(["N", 3]), known(1, 2)], [0]), [0, 1]);
    assert.deepEqual(batchOf("Slice", [of(["N", 3]), known(1), known(2), known(1)], [0]), [0, 1]);
    assert.deepEqual(batchOf("Slice", [of(["N", 3]), known(0), known(toEnd), known(0)], [0]), [0, 1]);
    assert.deepEqual(batchOf("Pad", [of(["N", 3]), known(0, 1, 0, 1)], [0]), [0, 1]);
    assert.deepEqual(batchOf("Gather", [of(["N", 5, 8]), scalar(0)], [0], { axis: 1 }), [0, 1]);
    assert.deepEqual(batchOf("Gather", [of([5, "N"]), known(0, 1)], [1]), [1, 1]);
    assert.deepEqual(batchOf("Gather", [of([30, 8]), of(["N", "T"], "int64")], [undefined, 0]), [0, 1]);
    assert.deepEqual(batchOf("OneHot", [of(["N"], "int64"), scalar(10), of([2])], [0], { axis: 0 }), [1, 1]);
    assert.deepEqual(batchOf("CumSum", [of(["N", 3]), scalar(1)], [0]), [0, 1]);
    assert.equal(batchOf("Shape", [of(["N", 3])], [0]), undefined);
  });

  it("ends where an operator works along it, with the reason", () => {
    const reasons: readonly (readonly [unknown, RegExp])[] = [
      [batchOf("Concat", [of(["N", 3]), of(["N", 3])], [0, 0], { axis: 0 }), /joins along the axis of the batch/],
      [batchOf("Concat", [of(["N", 3]), of([1, 1])], [0, undefined], { axis: 1 }), /bakes the batch size in: joins samples with \[1, 1\]/],
      [batchOf("Concat", [of(["N", 3]), of([3, "N"])], [0, 1], { axis: 1 }), /different axes/],
      [batchOf("Split", [of(["N", 3])], [0], { axis: 0 }), /splits along/],
      [batchOf("Tile", [of(["N", 3]), known(2, 1)], [0]), /repeats the batch/],
      [batchOf("Slice", [of(["N", 3]), known(0), known(1), known(0)], [0]), /cuts along/],
      [batchOf("Pad", [of(["N", 3]), known(1, 0, 0, 0)], [0]), /pads along/],
      [batchOf("Gather", [of(["N", 3]), scalar(0)], [0]), /picks along/],
      [batchOf("Gather", [of(["N", 3]), of(["N"], "int64")], [0, 0], { axis: 1 }), /both/],
      [batchOf("Trilu", [of(["N", 3])], [0]), /triangle/],
      [batchOf("DepthToSpace", [of([1, 4, "N", 2])], [2], { blocksize: 2 }), /moves pixels/],
    ];
    for (const [found, reason] of reasons) assert.match(String(found), reason);
  });
});
