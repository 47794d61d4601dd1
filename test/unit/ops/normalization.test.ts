import assert from "node:assert/strict";
import { definitionOf } from "../../../core/ops/index.js";
import { batchOf, of, shapesOf } from "../../support/op-facts.js";

const channels = of([3]);

describe("normalisation", () => {
  it("keeps shapes, with statistics of size 1", () => {
    assert.deepEqual(shapesOf("LayerNormalization", [of(["N", "T", 8]), of([8])], {}, 3), [["N", "T", 8], ["N", "T", 1], ["N", "T", 1]]); // prettier-ignore
    assert.deepEqual(shapesOf("BatchNormalization", [of(["N", 3, "H"]), channels, channels, channels, channels]), [["N", 3, "H"]]);
    assert.deepEqual(shapesOf("Softmax", [of(["N", 10])]), [["N", 10]]);
  });

  it("of single samples leaves the batch alone", () => {
    assert.deepEqual(batchOf("LayerNormalization", [of(["N", 5, 8]), of([8])], [0]), [0, 1]);
    assert.deepEqual(batchOf("RMSNormalization", [of([5, "N", 8]), of([8])], [1]), [1, 1]);
    assert.deepEqual(batchOf("Softmax", [of(["N", 10])], [0]), [0, 1]);
    assert.deepEqual(batchOf("InstanceNormalization", [of(["N", 3, 4]), channels, channels], [0]), [0, 1]);
    assert.deepEqual(batchOf("BatchNormalization", [of(["N", 3, 4]), channels, channels, channels, channels], [0]), [0, 1]);
  });

  it("along or over the batch mixes samples", () => {
    const all = [of(["N", 3, 4]), channels, channels, channels, channels];
    assert.match(String(batchOf("LayerNormalization", [of(["N", 8]), of([8])], [0], { axis: 0 })), /normalises along/);
    assert.match(String(batchOf("Softmax", [of(["N", 10])], [0], { axis: 0 })), /normalises along/);
    assert.match(String(batchOf("BatchNormalization", all, [0], { training_mode: 1 })), /over the batch/);
    assert.match(String(batchOf("BatchNormalization", [of([2, "N", 4]), channels, channels, channels, channels], [1])), /normalises along/);
  });

  it("says what its tensors are", () => {
    const slot = (opType: string, input: number) => definitionOf({ opType, domain: "" })?.slot(input);
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((i) => slot("BatchNormalization", i)),
      [
        undefined,
        { name: "scale", kind: "parameter" },
        { name: "bias", kind: "parameter" },
        { name: "mean", kind: "buffer" },
        { name: "var", kind: "buffer" },
      ],
    );
    assert.deepEqual(slot("Gather", 0), { name: "weight", kind: "parameter" });
    assert.deepEqual(slot("Concat", 5), { name: "operand", kind: "operand" });
  });
});
