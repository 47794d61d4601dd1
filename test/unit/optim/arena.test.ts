import assert from "node:assert/strict";
import { Arena, kernelsFor } from "../../../core/optim/arena.js";
import type { OptimizerInput } from "../../../core/optim/define.js";
import { createOptimizer } from "../../../core/optim/index.js";
import { kernelBytes } from "../../../core/optim/kernels/kernels.generated.js";
import { fillNormal, stream } from "../../../core/nn/random.js";

const settings: readonly OptimizerInput[] = [
  { type: "sgd", learningRate: 0.1 },
  { type: "sgd", learningRate: 0.1, weightDecay: 0.02 },
  { type: "sgd", learningRate: 0.1, momentum: 0.9, dampening: 0.1, weightDecay: 0.02 },
  { type: "sgd", learningRate: 0.1, momentum: 0.9, nesterov: true },
  { type: "adam", learningRate: 0.01, weightDecay: 0.1 },
  { type: "adamw", learningRate: 0.01, weightDecay: 0.1, betas: [0.8, 0.99], epsilon: 1e-6 },
  { type: "rmsprop", learningRate: 0.01, weightDecay: 0.1 },
  { type: "rmsprop", learningRate: 0.01, momentum: 0.9 },
  { type: "rmsprop", learningRate: 0.01, centered: true, alpha: 0.9 },
  { type: "rmsprop", learningRate: 0.01, centered: true, momentum: 0.8, weightDecay: 0.1, epsilon: 0 },
  { type: "adagrad", learningRate: 0.1, weightDecay: 0.1, learningRateDecay: 0.1, initialAccumulator: 0.3 },
  { type: "lion", learningRate: 0.01, weightDecay: 0.1 },
  { type: "lamb", learningRate: 0.01 },
  { type: "lamb", learningRate: 0.01, weightDecay: 0, epsilon: 0 },
];

function normals(length: number, purpose: string): Float32Array {
  const values = new Float32Array(length);
  fillNormal(stream(7, purpose), values);
  return values;
}

describe("the optimizer's vector kernels", () => {
  for (const input of settings) {
    for (const length of [1, 3, 4, 37]) {
      it(`give the loop's bits: ${JSON.stringify(input)}, ${length} elements`, () => {
        const optimizer = createOptimizer(input);
        const arena = new Arena(Array.from({ length: 2 + optimizer.slots.length }, () => length));
        const start = normals(length, "start");
        const [loop, vector, gradient] = [start.slice(), arena.floats(length), arena.floats(length)];
        vector.set(start);
        const loopState = optimizer.initialState(length);
        const vectorState = optimizer.initialState(length, (n) => arena.floats(n));
        assert.ok(kernelsFor(vector, gradient, ...Object.values(vectorState)) !== undefined, "no kernel was used");
        for (let step = 1; step <= 12; step += 1) {
          const fresh = normals(length, `gradient ${step}`);
          gradient.set(fresh);
          optimizer.step(loop, fresh, loopState, { learningRate: 0.1 / step, step });
          optimizer.step(vector, gradient, vectorState, { learningRate: 0.1 / step, step });
        }
        assert.deepEqual(vector, loop);
        assert.deepEqual(Object.values(vectorState), Object.values(loopState));
        assert.notDeepEqual(loop, start);
      });
    }
  }

  it("do not touch vectors beside theirs", () => {
    const arena = new Arena([3, 3, 5]);
    const [p, g, beside] = [arena.floats(3), arena.floats(3), arena.floats(5)];
    g.fill(1);
    beside.fill(2);
    createOptimizer({ type: "sgd", learningRate: 1 }).step(p, g, {}, { learningRate: 1, step: 1 });
    assert.deepEqual([...p], [-1, -1, -1]);
    assert.deepEqual([...beside], [2, 2, 2, 2, 2]);
  });

  it("leave vectors of several arenas to the loops", () => {
    const [one, other] = [new Arena([4]), new Arena([4])];
    assert.equal(kernelsFor(one.floats(4), other.floats(4)), undefined);
    assert.equal(kernelsFor(new Float32Array(4)), undefined);
  });

  it("hands out memory of its own once the arena is full", () => {
    const arena = new Arena([4]);
    arena.floats(65536 / 4 - 4);
    arena.floats(4);
    assert.equal(kernelsFor(arena.floats(4)), undefined);
  });

  it("are what kernels.wat says", async () => {
    const { assemble } = await import("../../../core/optim/kernels/assemble.mjs");
    assert.equal(kernelBytes, await assemble());
  });
});
