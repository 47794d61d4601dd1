import assert from "node:assert/strict";
import fc from "fast-check";
import { add, divideExactly, formatShape, multiply, product, substitute } from "../../../core/graph/dims.js";

describe("symbolic sizes", () => {
  it("writes products in one form", () => {
    assert.equal(multiply("N", "T"), multiply("T", "N"));
    assert.equal(product([2, "N", 3, "T"]), "6*N*T");
    assert.equal(divideExactly("6*N*T", multiply(2, "N")), "3*T");
    assert.equal(divideExactly("6*N", 4), undefined);
    assert.equal(substitute("6*N*T", new Map([["N", 4]])), "24*T");
  });

  it("adds up numbers that are added one after the other", () => {
    assert.equal(add(add("N", 2), -2), "N");
    assert.equal(add(add("N", 1), 1), add("N", 2));
    assert.equal(add(add(add("N", 5), -3), -2), "N");
    assert.equal(add("2*N", "3*N"), "5*N");
    assert.equal(add(0, "N"), "N");
    assert.notEqual(add("N", 1), add("T", 1));
  });

  it("adds numbers in any order and grouping", () => {
    const steps = fc.array(fc.integer({ min: -9, max: 9 }), { maxLength: 6 });
    fc.assert(
      fc.property(fc.constantFrom("N", "6*N*T", "?3"), steps, (symbol, numbers) => {
        const total = numbers.reduce((sum, n) => sum + n, 0);
        assert.equal(numbers.reduce<number | string>(add, symbol), add(symbol, total));
      }),
    );
  });

  it("adds numbers to products and to products of sums", () => {
    assert.equal(add(add("4*W", -1), 1), "4*W");
    assert.equal(add(add(multiply(2, add("4*W", 1)), 3), -3), multiply(2, add("4*W", 1)));
    const area = multiply(add("H", 1), add("W", 2));
    assert.equal(add(add(area, 5), -5), area);
    assert.notEqual(add(area, 1), multiply(add("H", 1), add("W", 3)));
  });

  it("prints unknown sizes as question marks", () => {
    assert.equal(formatShape(["N", 3, "?7"]), "[N, 3, ?]");
    assert.equal(formatShape(undefined), "[…]");
  });
});
