import assert from "node:assert/strict";
import { batchOf, of, refuses, shapeOf } from "../../support/op-facts.js";

describe("the shape of a product", () => {
  it("of matrices, stacks and vectors is NumPy's", () => {
    assert.deepEqual(shapeOf("MatMul", [of([2, 3]), of([3, 4])]), [2, 4]);
    assert.deepEqual(shapeOf("MatMul", [of(["N", "T", 3]), of([3, 4])]), ["N", "T", 4]);
    assert.deepEqual(shapeOf("MatMul", [of(["N", 8, "T", 4]), of(["N", 8, 4, "T"])]), ["N", 8, "T", "T"]);
    assert.deepEqual(shapeOf("MatMul", [of([2, 1, 5, 3]), of([4, 3, 2])]), [2, 4, 5, 2]);
    assert.deepEqual(shapeOf("MatMul", [of([3]), of([3])]), []);
    assert.deepEqual(shapeOf("MatMul", [of([3]), of(["N", 3, 4])]), ["N", 4]);
    assert.deepEqual(shapeOf("MatMul", [of(["N", 5, 3]), of([3])]), ["N", 5]);
    assert.equal(shapeOf("MatMul", [of(undefined), of([3, 4])]), undefined);
  });

  it("of a Gemm takes both flips into account", () => {
    assert.deepEqual(shapeOf("Gemm", [of(["N", 3]), of([4, 3]), of([4])], { transB: 1 }), ["N", 4]);
    assert.deepEqual(shapeOf("Gemm", [of([3, "N"]), of([3, 4])], { transA: 1 }), ["N", 4]);
  });

  it("of an Einsum follows its letters", () => {
    assert.deepEqual(shapeOf("Einsum", [of(["N", 8, 3]), of([3, 4])], { equation: "nij, jk -> nik" }), ["N", 8, 4]);
    assert.deepEqual(shapeOf("Einsum", [of([2, 3]), of([3, 4])], { equation: "ij,jk" }), [2, 4]);
    assert.deepEqual(shapeOf("Einsum", [of([3, 3])], { equation: "ii->" }), []);
    assert.deepEqual(shapeOf("Einsum", [of(["N", 2, 5, 3]), of([3, 4])], { equation: "...ij,jk->...ik" }), ["N", 2, 5, 4]);
    assert.deepEqual(shapeOf("Einsum", [of(["N", 2, 5, 3]), of([2, 3, 4])], { equation: "...ij,...jk" }), ["N", 2, 5, 4]);
    assert.equal(shapeOf("Einsum", [of(undefined)], { equation: "...i->..." }), undefined);
    assert.equal(shapeOf("Einsum", [of([2, 3])], { equation: "ijk->i" }), undefined);
  });

  it("that does not exist names both sides", () => {
    refuses(() => shapeOf("MatMul", [of([2, 3]), of([4, 5])]), /MatMul "node".*\[2, 3\].*\[4, 5\]/);
    refuses(() => shapeOf("MatMul", [of([2, 5, 3]), of([4, 3, 2])]));
    refuses(() => shapeOf("MatMul", [of([]), of([3])]));
    refuses(() => shapeOf("Gemm", [of([2, 3, 4]), of([4, 5])]), /rank 2/);
    refuses(() => shapeOf("Gemm", [of([2, 3]), of([3, 4]), of([5])]), /bias/);
  });
});

describe("the batch through a product", () => {
  it("goes where its letter goes in an Einsum", () => {
    assert.deepEqual(batchOf("Einsum", [of(["N", 8, 3]), of([3, 4])], [0], { equation: "nij,jk->kni" }), [1, 1]);
    assert.deepEqual(batchOf("Einsum", [of(["N", 8, 3]), of([5, "N", 3])], [0, 1], { equation: "bik,jbk->bij" }), [0, 1]);
    assert.match(String(batchOf("Einsum", [of(["N", 3]), of(["N", 3])], [0, 0], { equation: "ni,nj->ij" })), /sums over the axis of the batch/);
    assert.match(String(batchOf("Einsum", [of(["N", 3]), of(["N", 3])], [0, 0], { equation: "ni,mi->nm" })), /different axes/);
  });

  it("stays with rows, columns and stacks", () => {
    assert.deepEqual(batchOf("MatMul", [of(["N", 3]), of([3, 4])], [0]), [0, 1]);
    assert.deepEqual(batchOf("MatMul", [of(["N", "T", 3]), of([3, 4])], [0]), [0, 1]);
    assert.deepEqual(batchOf("MatMul", [of(["N", 3]), of([3])], [0]), [0, 1]);
    assert.deepEqual(batchOf("MatMul", [of(["N", 5, 3]), of([2, 1, 3, 4])], [0]), [1, 1]);
    assert.deepEqual(batchOf("MatMul", [of([5, 3]), of(["N", 3, 4])], [undefined, 0]), [0, 1]);
    assert.deepEqual(batchOf("MatMul", [of([5, 3]), of([3, "N"])], [undefined, 1]), [1, 1]);
    assert.deepEqual(batchOf("MatMul", [of([3]), of(["N", 3, 4])], [undefined, 0]), [0, 1]);
    assert.deepEqual(batchOf("MatMul", [of([3]), of([3, "N"])], [undefined, 1]), [0, 1]);
    assert.deepEqual(batchOf("MatMul", [of(["N", 5, 3]), of(["N", 3, 4])], [0, 0]), [0, 1]);
    assert.deepEqual(batchOf("MatMul", [of(["8*N", 3]), of([3, 4])], [{ axis: 0, outer: 1, inner: 8 }]), [0, 8]);
    assert.deepEqual(batchOf("Gemm", [of(["N", 3]), of([3, 4]), of([4])], [0]), [0, 1]);
    assert.deepEqual(batchOf("Gemm", [of([3, "N"]), of([3, 4])], [1], { transA: 1 }), [0, 1]);
    assert.deepEqual(batchOf("Gemm", [of([2, 3]), of(["N", 3])], [undefined, 0], { transB: 1 }), [1, 1]);
  });

  it("ends where it is summed over, or samples meet", () => {
    const reasons: readonly (readonly [unknown, RegExp])[] = [
      [batchOf("MatMul", [of([3, "N"]), of(["N", 4])], [1]), /sums over/],
      [batchOf("MatMul", [of([3, "N"]), of(["N"])], [undefined, 0]), /sums over/],
      [batchOf("MatMul", [of(["N", 3]), of([3, "N"])], [0, 1]), /different axes/],
      [batchOf("Gemm", [of(["N", 3]), of(["N", 4])], [0], { transA: 1 }), /sums over/],
      [batchOf("Gemm", [of(["N", 3]), of([3, "N"])], [0, 1]), /different axes/],
    ];
    for (const [found, reason] of reasons) assert.match(String(found), reason);
  });
});
