import assert from "node:assert/strict";
import fc from "fast-check";
import type { Dim } from "../../../core/graph/types.js";
import type { Facts } from "../../../core/ops/define.js";
import { absent, batchOf, elementsOf, freedConstant, known, of, refuses, scalar, shapeOf } from "../../support/op-facts.js";

describe("the shape of Reshape", () => {
  it("copies zeros and infers −1", () => {
    assert.deepEqual(shapeOf("Reshape", [of([2, 3, 4]), known(0, -1)]), [2, 12]);
    assert.deepEqual(shapeOf("Reshape", [of([2, 3, 4]), known(4, 6)]), [4, 6]);
  });

  it("cancels symbolic sizes", () => {
    assert.deepEqual(shapeOf("Reshape", [of(["N", 3, "T"]), known(0, -1)]), ["N", "3*T"]);
    assert.deepEqual(shapeOf("Reshape", [of(["N", 12, 5]), known("N", -1)]), ["N", 60]);
    assert.deepEqual(shapeOf("Reshape", [of(["N", 8, 64]), known(-1, 64)]), ["8*N", 64]);
    assert.deepEqual(shapeOf("Reshape", [of(["2*N", 6]), known(-1, 3, 4)]), ["N", 3, 4]);
  });

  it("names a quotient that is not a product, the same each time", () => {
    const once = shapeOf("Reshape", [of(["N", 3]), known(2, -1)]);
    assert.deepEqual(once, shapeOf("Reshape", [of(["N", 3]), known(2, -1)]));
    assert.equal(once?.[0], 2);
  });

  it("takes zeros as sizes where allowzero says so", () => {
    assert.deepEqual(shapeOf("Reshape", [of([0, 3]), known(3, 0)], { allowzero: 1 }), [3, 0]);
  });

  it("knows the rank where only the number of sizes is known", () => {
    assert.deepEqual(shapeOf("Reshape", [of([2, 3]), of([3], "int64")]), ["?", "?", "?"]);
    assert.equal(shapeOf("Reshape", [of([2, 3]), of(["K"], "int64")]), undefined);
  });

  it("refuses a shape that holds another number of elements", () => {
    refuses(() => shapeOf("Reshape", [of([2, 3]), known(4, 2)]), /Reshape "node".*\[2, 3\].*\[4, 2\]/);
    refuses(() => shapeOf("Reshape", [of([2, 3]), known(4, -1)]));
    refuses(() => shapeOf("Reshape", [of([2]), known(1, 2, 0)]));
  });

  it("agrees with plain arithmetic on any factorisation", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }), fc.nat(3), (sizes, hidden) => {
        const at = hidden % sizes.length;
        const all = sizes.reduce((n, d) => n * d, 1);
        const target = sizes.map((d, i) => (i === at ? -1 : d));
        assert.deepEqual(shapeOf("Reshape", [of([all]), known(...target)]), sizes);
        assert.deepEqual(shapeOf("Reshape", [of(["N", all]), known("N", ...target)]), ["N", ...sizes]);
      }),
    );
  });
});

describe("the batch through Reshape", () => {
  it("stays on its axis", () => {
    assert.deepEqual(batchOf("Reshape", [of(["N", 3, 4]), known(0, 12)], [0]), [0, 1]);
    assert.deepEqual(batchOf("Reshape", [of(["N", 3, 4]), known(-1, 12)], [0]), [0, 1]);
  });

  it("merges with the axes behind it and comes apart again", () => {
    assert.deepEqual(batchOf("Reshape", [of(["N", 8, 64]), known(-1, 64)], [0]), [0, 8]);
    assert.deepEqual(batchOf("Reshape", [of(["8*N", 64]), known(-1, 8, 64)], [{ axis: 0, outer: 1, inner: 8 }]), [0, 1]);
  });

  it("merges with the axes before it and comes apart again", () => {
    assert.deepEqual(batchOf("Reshape", [of([3, "N", 6]), known(-1, 6)], [1]), [0, 1, 3]);
    assert.deepEqual(batchOf("Reshape", [of(["3*N", 6]), known(3, -1, 6)], [{ axis: 0, outer: 3, inner: 1 }]), [1, 1]);
    const merged = { axis: 0, outer: 4, inner: 3 };
    assert.deepEqual(batchOf("Reshape", [of(["12*N", 5]), known(4, -1, 5)], [merged]), [1, 3]);
    assert.deepEqual(batchOf("Reshape", [of(["12*N", 5]), known(2, -1, 5)], [merged]), [1, 3, 2]);
    assert.deepEqual(batchOf("Reshape", [of([2, "12*N"]), known(8, -1, 3)], [{ ...merged, axis: 1 }]), [1, 1]);
    assert.match(String(batchOf("Reshape", [of(["12*N", 5]), known(8, -1)], [merged])), /bakes/);
  });

  it("moves where axes of size 1 come or go before it", () => {
    assert.deepEqual(batchOf("Reshape", [of([1, "N", 6]), known(-1, 6)], [1]), [0, 1]);
    assert.deepEqual(batchOf("Reshape", [of([3, "N", 6]), known(3, 1, -1, 6)], [1]), [2, 1]);
  });

  it("ends where a size is baked in", () => {
    assert.match(String(batchOf("Reshape", [of(["N", 3, 4]), known(1, 12)], [0])), /bakes the batch size in: \[N, 3, 4\] becomes \[1, 12\]/);
    assert.match(String(batchOf("Reshape", [of(["N", 3, 4]), known(1, -1)], [0])), /bakes/);
    assert.match(String(batchOf("Reshape", [of([3, "N"]), known(2, -1)], [1])), /bakes/);
  });

  it("is freed by a copied size where it keeps its axis", () => {
    assert.deepEqual(freedConstant("Reshape", [of(["N", 336, 1, 1]), known(1, -1)], 0), [0, -1]);
    assert.deepEqual(freedConstant("Reshape", [of(["N", 336, 1, 1]), known(1, 336)], 0), [0, 336]);
  });

  it("is freed by −1 where its size changes, another −1 becoming a number", () => {
    assert.deepEqual(freedConstant("Reshape", [of(["N", 8, 64]), known(8, 64)], 0), [-1, 64]);
    assert.deepEqual(freedConstant("Reshape", [of(["N", 8, 64]), known(8, -1)], 0), [-1, 64]);
    assert.deepEqual(freedConstant("Reshape", [of(["8*N", 64]), known(1, 8, -1)], { axis: 0, outer: 1, inner: 8 }), [-1, 8, 64]);
  });

  it("is freed in the rows of a matrix, and beside heads", () => {
    // [time, batch, features] → [time · batch, features], and → [time, batch · heads, features per head]; and both back.
    assert.deepEqual(freedConstant("Reshape", [of([16, "N", 32]), known(16, 32)], 1), [-1, 32]);
    assert.deepEqual(freedConstant("Reshape", [of([16, "N", 32]), known(16, 4, 8)], 1), [16, -1, 8]);
    assert.deepEqual(freedConstant("Reshape", [of(["16*N", 32]), known(16, 1, 32)], { axis: 0, outer: 16, inner: 1 }), [16, -1, 32]);
    assert.deepEqual(freedConstant("Reshape", [of([16, "4*N", 8]), known(16, 32)], { axis: 1, outer: 1, inner: 4 }), [-1, 32]);
    assert.deepEqual(freedConstant("Reshape", [of([16, "4*N", 8]), known(16, 1, 32)], { axis: 1, outer: 1, inner: 4 }), [16, -1, 32]);
  });

  it("needs no copied size where zeros are sizes", () => {
    assert.deepEqual(freedConstant("Reshape", [of(["N", 6]), known(1, 2, 3)], 0, { allowzero: 1 }), [-1, 2, 3]);
  });

  it("is left alone where it is free already, or cannot be freed", () => {
    assert.equal(freedConstant("Reshape", [of(["N", 6]), known(0, 2, 3)], 0), undefined);
    assert.equal(freedConstant("Reshape", [of(["N", "T", 6]), known(6, -1)], 0), undefined);
  });
});

describe("Flatten, Squeeze and Unsqueeze", () => {
  it("merge symbolic sizes", () => {
    assert.deepEqual(shapeOf("Flatten", [of(["N", 3, "H", "W"])]), ["N", "3*H*W"]);
    assert.deepEqual(shapeOf("Flatten", [of([2, 3, 4])], { axis: 3 }), [24, 1]);
    assert.deepEqual(shapeOf("Flatten", [of([2, 3, 4])], { axis: 0 }), [1, 24]);
    assert.deepEqual(shapeOf("Flatten", [of([2, 3, 4])], { axis: -1 }), [6, 4]);
    assert.deepEqual(shapeOf("Flatten", [of(undefined)]), ["?", "?"]);
  });

  it("remove and add axes", () => {
    assert.deepEqual(shapeOf("Squeeze", [of(["N", 1, 3, 1]), known(1, -1)]), ["N", 3]);
    assert.deepEqual(shapeOf("Squeeze", [of([2, 1, 3, 1])]), [2, 3]);
    assert.deepEqual(shapeOf("Unsqueeze", [of(["N", 3]), known(-1, 1)]), ["N", 1, 3, 1]);
  });

  it("do not guess whether a symbolic size is 1", () => {
    assert.equal(shapeOf("Squeeze", [of(["N", 1, 3])]), undefined);
  });

  it("refuse axes that are not there, twice, or not of size 1", () => {
    refuses(() => shapeOf("Squeeze", [of([2, 3]), known(1)]));
    refuses(() => shapeOf("Squeeze", [of([2, 1]), known(2)]));
    refuses(() => shapeOf("Unsqueeze", [of([2, 3]), known(0, -4)]));
    refuses(() => shapeOf("Flatten", [of([2, 3])], { axis: 3 }));
  });

  it("say where the batch goes", () => {
    assert.deepEqual(batchOf("Flatten", [of(["N", 3, 4])], [0]), [0, 1]);
    assert.deepEqual(batchOf("Flatten", [of(["N", 3, 4])], [0], { axis: 2 }), [0, 3]);
    assert.deepEqual(batchOf("Squeeze", [of([1, "N", 1, 3]), known(0, 2)], [1]), [0, 1]);
    assert.deepEqual(batchOf("Unsqueeze", [of(["N", 3]), known(0)], [0]), [1, 1]);
    assert.match(String(batchOf("Squeeze", [of(["N", 1, 3]), known(0)], [0])), /removes the axis of the batch/);
    assert.match(String(batchOf("Squeeze", [of(["N", 1, 3]), absent], [0])), /not known/);
  });
});

describe("integer arithmetic on shapes", () => {
  it("is followed through Shape, Gather, Unsqueeze, Concat and Reshape", () => {
    const x = of(["N", 64, "H", "W"]);
    const sizes = elementsOf("Shape", [x]);
    assert.deepEqual(sizes, ["N", 64, "H", "W"]);
    const first = elementsOf("Gather", [known(...(sizes ?? [])), scalar(0)]);
    assert.deepEqual(first, ["N"]);
    const vector = elementsOf("Unsqueeze", [scalar("N"), known(0)]);
    const target = elementsOf("Concat", [known(...(vector ?? [])), known(64), known(-1)], { axis: 0 });
    assert.deepEqual(target, ["N", 64, -1]);
    assert.deepEqual(shapeOf("Reshape", [x, known(...(target ?? []))]), ["N", 64, "H*W"]);
  });

  it("is followed through Slice, Split, Squeeze, Size, Range and ConstantOfShape", () => {
    assert.deepEqual(elementsOf("Shape", [of(["N", 3, 4])], { start: -2 }), [3, 4]);
    assert.deepEqual(elementsOf("Slice", [known("N", 3, 4), known(1), known(2 ** 31 - 1), known(0)]), [3, 4]);
    assert.deepEqual(elementsOf("Slice", [known("N", 3, 4), known(-1), known(-(2 ** 31)), known(0), known(-2)]), [4, "N"]);
    assert.deepEqual(elementsOf("Squeeze", [known("N"), known(0)]), ["N"]);
    assert.deepEqual(elementsOf("Size", [of(["N", 3, 4])]), ["12*N"]);
    assert.deepEqual(elementsOf("Range", [scalar(1), scalar(7), scalar(2)]), [1, 3, 5]);
    assert.deepEqual(shapeOf("Range", [scalar(0), scalar("N"), scalar(1)]), ["N"]);
    assert.deepEqual(shapeOf("ConstantOfShape", [known("N", 3)]), ["N", 3]);
    assert.deepEqual(elementsOf("Expand", [known(7), known(3)]), [7, 7, 7]);
    assert.equal(elementsOf("Gather", [of([3], "int64"), scalar(0)]), undefined);
  });

  it("keeps what is known of a vector where the rest is not", () => {
    const [batch, ...rest] = elementsOf("Concat", [known("N"), of([2], "int64"), known(3)], { axis: 0 }) ?? [];
    assert.deepEqual([batch, rest.length, rest[2]], ["N", 3, 3]);
    assert.notEqual(rest[0], rest[1]);
    // What is not known may be a −1 that asks for something.
    assert.equal(elementsOf("Equal", [known(rest[0]), known(-1)]), undefined);
    assert.equal(elementsOf("Concat", [known("N"), of(["T"], "int64")], { axis: 0 }), undefined);
    assert.equal(elementsOf("Concat", [known("N"), of([2])], { axis: 0 }), undefined);
  });

  it("is followed through matrices, as exporters lay out the sizes of a padding", () => {
    const matrix = (rows: readonly (readonly Dim[])[]): Facts => ({
      ...known(...rows.flat()),
      type: { kind: "tensor", dtype: "int64", shape: [rows.length, rows[0].length] },
    });
    const last = known(-(2 ** 31));
    assert.deepEqual(elementsOf("Reshape", [known(1, 2, "N", 4), known(-1, 2)]), [1, 2, "N", 4]);
    assert.deepEqual(elementsOf("Slice", [matrix([[1, 2], ["N", 4]]), known(-1), last, known(0), known(-1)]), ["N", 4, 1, 2]); // prettier-ignore
    assert.deepEqual(elementsOf("Slice", [matrix([[1, 2], ["N", 4]]), known(0, 1), known(9, 2), known(0, 1)]), [2, 4]); // prettier-ignore
    assert.deepEqual(elementsOf("Transpose", [matrix([[1, 2, 3], [4, 5, "N"]])]), [1, 4, 2, 5, 3, "N"]); // prettier-ignore
    assert.equal(elementsOf("Add", [matrix([[1, 2], [3, 4]]), known(1, 2)]), undefined); // prettier-ignore
    assert.deepEqual(elementsOf("Split", [matrix([[1, 2], [3, 4]])], { axis: 1, num_outputs: 1 }), undefined); // prettier-ignore
  });
});
