import assert from "node:assert/strict";
import { selfTest } from "../../../core/runtime/self-test.js";

describe("the runtime's self-test", () => {
  it("takes three steps, in each of which the loss falls", async () => {
    const { runtime, losses } = await selfTest();
    assert.match(runtime, /^onnxruntime-(node|web) /);
    assert.equal(losses.length, 3);
    assert.ok(losses[1] < losses[0] && losses[2] < losses[1]);
  });
});
