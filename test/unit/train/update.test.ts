import assert from "node:assert/strict";
import { EngineError } from "../../../core/errors.js";
import { Arena } from "../../../core/optim/arena.js";
import type { OptimizerInput } from "../../../core/optim/define.js";
import { createOptimizer } from "../../../core/optim/index.js";
import { initialState, startAverages, weightsThatCount, type RunState } from "../../../core/train/state.js";
import { WeightUpdate, type UpdatePlan } from "../../../core/train/update.js";

type Vectors = Readonly<Record<string, readonly number[]>>;

const asMap = (vectors: Vectors): Map<string, { readonly data: Float32Array }> =>
  new Map(Object.entries(vectors).map(([name, values]) => [name, { data: Float32Array.from(values) }]));

/** A state with these weights. */
function stateOf(weights: Vectors): RunState {
  const state = initialState();
  for (const [name, { data }] of asMap(weights)) state.weights.set(name, { dtype: "float32", shape: [data.length], data });
  return state;
}

function updateOf(state: RunState, phase: UpdatePlan["phase"], optimizer: OptimizerInput = { type: "sgd", learningRate: 1 }): WeightUpdate {
  const trainable = [...state.weights.keys()];
  const optimizers = new Map(trainable.map((name) => [name, createOptimizer(optimizer)]));
  return new WeightUpdate({ phase, graph: { trainable }, optimizers, arena: new Arena([64, 64, 64]) }, state);
}

const weightsOf = ({ weights }: RunState): Vectors => Object.fromEntries([...weights].map(([name, { data }]) => [name, [...data]]));
const plain = { clip: {}, averageDecay: undefined };
const same = (base: number): number => base;

describe("updates of weights", () => {
  it("leave gradients as they are unless told otherwise", () => {
    const state = stateOf({ a: [1, 2], b: [3] });
    const update = updateOf(state, plain);
    update.gather(asMap({ a: [300, -400], b: [0.5] }), 1);
    assert.deepEqual(update.apply(same), {});
    assert.deepEqual(weightsOf(state), { a: [-299, 402], b: [2.5] });
  });

  it("scale all gradients together to the norm where they are longer, as clip_grad_norm_ does", () => {
    const state = stateOf({ a: [0, 0], b: [0] });
    const update = updateOf(state, { ...plain, clip: { norm: 6.5 } });
    // The length is 13, the factor 6.5 ⁄ 13.000001
    update.gather(asMap({ a: [3, -4], b: [12] }), 1);
    assert.deepEqual(update.apply(same), { gradientNorm: 13 });
    const factor = Math.fround(6.5 / (13 + 1e-6));
    assert.deepEqual(weightsOf(state), { a: [-Math.fround(3 * factor), Math.fround(4 * factor)], b: [-Math.fround(12 * factor)] });
    const before = weightsOf(state);
    update.gather(asMap({ a: [3, -4], b: [0] }), 1);
    assert.deepEqual(update.apply(same), { gradientNorm: 5 });
    assert.deepEqual(weightsOf(state), { a: [Math.fround(before.a[0] - 3), Math.fround(before.a[1] + 4)], b: before.b });
  });

  it("keep elements within the value, before the norm is taken", () => {
    const state = stateOf({ a: [0, 0], b: [0] });
    const update = updateOf(state, { ...plain, clip: { value: 3 } });
    update.gather(asMap({ a: [7, -2], b: [-9] }), 1);
    assert.deepEqual(update.apply(same), {});
    assert.deepEqual(weightsOf(state), { a: [-3, 2], b: [3] });
    const both = stateOf({ a: [0, 0] });
    const limited = updateOf(both, { ...plain, clip: { value: 3, norm: 1 } });
    limited.gather(asMap({ a: [70, -4] }), 1);
    assert.deepEqual(limited.apply(same), { gradientNorm: Math.sqrt(18) });
  });

  it("count a gradient that two tensors have in common for both, and change it once", () => {
    const state = stateOf({ a: [0], b: [0] });
    const update = updateOf(state, { ...plain, clip: { norm: 1 } });
    const shared = { data: Float32Array.of(1) };
    update.gather(new Map([["a", shared], ["b", shared]]), 1); // prettier-ignore
    assert.deepEqual(update.apply(same), { gradientNorm: Math.SQRT2 });
    assert.ok(Math.abs((state.weights.get("a")?.data[0] ?? 0) + Math.SQRT1_2) < 1e-6);
    assert.deepEqual(weightsOf(state).a, weightsOf(state).b);
  });

  it("stop where gradients whose length counts are not finite", () => {
    const update = updateOf(stateOf({ a: [0] }), { ...plain, clip: { norm: 1 } });
    update.gather(asMap({ a: [Number.NaN] }), 1);
    assert.throws(() => update.apply(same), (error) => error instanceof EngineError && error.code === "run/diverged"); // prettier-ignore
  });

  it("weigh the batches of a step by their shares, and start the next one anew", () => {
    const state = stateOf({ a: [0, 0] });
    const update = updateOf(state, plain);
    const memory = asMap({ a: [4, 8] });
    update.gather(memory, 0.25);
    memory.get("a")?.data.set([2, -4]);
    update.gather(memory, 0.75);
    update.apply(same);
    // 0.25 · [4, 8] + 0.75 · [2, −4]
    assert.deepEqual(weightsOf(state), { a: [-2.5, 1] });
    update.gather(asMap({ a: [2, 2] }), 0.5);
    update.gather(asMap({ a: [4, 4] }), 0.5);
    update.apply(same);
    assert.deepEqual(weightsOf(state), { a: [-5.5, -2] });
    update.gather(asMap({ a: [1, 1] }), 1);
    update.apply(same);
    assert.deepEqual(weightsOf(state), { a: [-6.5, -3] });
  });

  it("leave the weights of a step without gradients where they are", () => {
    const state = stateOf({ a: [1], b: [2] });
    const update = updateOf(state, { ...plain, clip: { norm: 1 } }, { type: "adamw", weightDecay: 0.5 });
    update.gather(asMap({ a: [1] }), 1);
    update.apply(same);
    assert.deepEqual(weightsOf(state).b, [2]);
    assert.deepEqual([...state.optimizer.keys()], ["a"]);
  });

  it("average the weights after each step, from what they start with", () => {
    const state = stateOf({ a: [8, 0] });
    startAverages(state, ["a"]);
    const update = updateOf(state, { ...plain, averageDecay: 0.75 });
    assert.deepEqual([...(weightsThatCount(state).get("a")?.data ?? [])], [8, 0]);
    for (const gradient of [
      [4, -4],
      [4, 0],
    ]) {
      // prettier-ignore
      update.gather(asMap({ a: gradient }), 1);
      update.apply(same);
    }
    // Weights: [8, 0], [4, 4], [0, 4]. Averages: 0.75 · 8 + 0.25 · 4 = 7, 0.75 · 7 = 5.25; 0.25 · 4 = 1, 0.75 + 0.25 · 4 = 1.75
    assert.deepEqual(weightsOf(state), { a: [0, 4] });
    assert.deepEqual([...(weightsThatCount(state).get("a")?.data ?? [])], [5.25, 1.75]);
  });
});
