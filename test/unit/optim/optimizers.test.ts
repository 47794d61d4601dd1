import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { EngineError } from "../../../core/errors.js";
import { fillNormal, stream } from "../../../core/nn/random.js";
import { completeOptimizer, createOptimizer } from "../../../core/optim/index.js";
import type {
  AdagradSettings,
  AdamSettings,
  LambSettings,
  LionSettings,
  OptimizerInput,
  OptimizerSettings,
  RmspropSettings,
  SgdSettings,
} from "../../../core/optim/define.js";

const length = 64;
const steps = 20;

const start = Float32Array.from({ length }, (_, i) => Math.sin(i) * 2);
const gradients = Array.from({ length: steps }, (_, step) => {
  const gradient = new Float32Array(length);
  fillNormal(stream(0, "gradient", step), gradient, 0, 1.5);
  return gradient;
});
const rateAt = (base: number, step: number): number => base * (1 - step / 40);

/** PyTorch's documented algorithm, one element at a time, in float64. */
function sgdReference(s: SgdSettings): Float64Array {
  return Float64Array.from(start, (p, i) => {
    let buffer = 0;
    for (let t = 1; t <= steps; t += 1) {
      let g = gradients[t - 1][i] + s.weightDecay * p;
      if (s.momentum !== 0) {
        buffer = t > 1 ? s.momentum * buffer + (1 - s.dampening) * g : g;
        g = s.nesterov ? g + s.momentum * buffer : buffer;
      }
      p -= rateAt(s.learningRate, t) * g;
    }
    return p;
  });
}

function adamReference(s: AdamSettings): Float64Array {
  const [b1, b2] = s.betas;
  return Float64Array.from(start, (p, i) => {
    let [m, v] = [0, 0];
    for (let t = 1; t <= steps; t += 1) {
      const rate = rateAt(s.learningRate, t);
      let g = gradients[t - 1][i];
      if (s.type === "adam") g += s.weightDecay * p;
      else p -= rate * s.weightDecay * p;
      m = b1 * m + (1 - b1) * g;
      v = b2 * v + (1 - b2) * g * g;
      p -= (rate * (m / (1 - b1 ** t))) / (Math.sqrt(v / (1 - b2 ** t)) + s.epsilon);
    }
    return p;
  });
}

function rmspropReference(s: RmspropSettings): Float64Array {
  return Float64Array.from(start, (p, i) => {
    let [v, a, b] = [0, 0, 0];
    for (let t = 1; t <= steps; t += 1) {
      const g = gradients[t - 1][i] + s.weightDecay * p;
      v = s.alpha * v + (1 - s.alpha) * g * g;
      a = s.alpha * a + (1 - s.alpha) * g;
      const scaled = g / (Math.sqrt(s.centered ? v - a * a : v) + s.epsilon);
      b = s.momentum * b + scaled;
      p -= rateAt(s.learningRate, t) * (s.momentum > 0 ? b : scaled);
    }
    return p;
  });
}

function adagradReference(s: AdagradSettings): Float64Array {
  return Float64Array.from(start, (p, i) => {
    let sum = s.initialAccumulator;
    for (let t = 1; t <= steps; t += 1) {
      const g = gradients[t - 1][i] + s.weightDecay * p;
      sum += g * g;
      p -= ((rateAt(s.learningRate, t) / (1 + (t - 1) * s.learningRateDecay)) * g) / (Math.sqrt(sum) + s.epsilon);
    }
    return p;
  });
}

function lionReference(s: LionSettings): Float64Array {
  const [b1, b2] = s.betas;
  return Float64Array.from(start, (p, i) => {
    let m = 0;
    for (let t = 1; t <= steps; t += 1) {
      const g = gradients[t - 1][i];
      p -= rateAt(s.learningRate, t) * (Math.sign(b1 * m + (1 - b1) * g) + s.weightDecay * p);
      m = b2 * m + (1 - b2) * g;
    }
    return p;
  });
}

/** Norms are of the whole tensor, so all elements go step by step together. */
function lambReference(s: LambSettings): Float64Array {
  const [b1, b2] = s.betas;
  const norm = (x: Float64Array): number => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
  const p = Float64Array.from(start);
  const [m, v] = [new Float64Array(length), new Float64Array(length)];
  for (let t = 1; t <= steps; t += 1) {
    const u = p.map((value, i) => {
      const g = gradients[t - 1][i];
      m[i] = b1 * m[i] + (1 - b1) * g;
      v[i] = b2 * v[i] + (1 - b2) * g * g;
      return m[i] / (1 - b1 ** t) / (Math.sqrt(v[i] / (1 - b2 ** t)) + s.epsilon) + s.weightDecay * value;
    });
    const ratio = norm(p) / norm(u);
    for (let i = 0; i < length; i += 1) p[i] -= rateAt(s.learningRate, t) * ratio * u[i];
  }
  return p;
}

function reference(settings: OptimizerSettings): Float64Array {
  switch (settings.type) {
    case "sgd":
      return sgdReference(settings);
    case "adam":
    case "adamw":
      return adamReference(settings);
    case "rmsprop":
      return rmspropReference(settings);
    case "adagrad":
      return adagradReference(settings);
    case "lion":
      return lionReference(settings);
    case "lamb":
      return lambReference(settings);
  }
}

function train(input: OptimizerInput): Float32Array {
  const optimizer = createOptimizer(input);
  const parameter = start.slice();
  const state = optimizer.initialState(length);
  assert.deepEqual(Object.keys(state), optimizer.slots);
  for (let step = 1; step <= steps; step += 1) {
    const gradient = gradients[step - 1].slice();
    optimizer.step(parameter, gradient, state, { learningRate: rateAt(optimizer.settings.learningRate, step), step });
    assert.deepEqual(gradient, gradients[step - 1]);
  }
  return parameter;
}

function assertClose(actual: Float32Array, expected: Float64Array): void {
  for (const [i, value] of actual.entries()) {
    assert.ok(Math.abs(value - expected[i]) <= 1e-6 * Math.max(1, Math.abs(expected[i])), `element ${i}: ${value}, expected ${expected[i]}`);
  }
}

describe("optimizers", () => {
  const cases: readonly OptimizerInput[] = [
    { type: "sgd", learningRate: 0.01 },
    { type: "sgd", learningRate: 0.01, weightDecay: 0.1 },
    { type: "sgd", learningRate: 0.01, momentum: 0.9 },
    { type: "sgd", learningRate: 0.01, momentum: 0.9, dampening: 0.5, weightDecay: 0.1 },
    { type: "sgd", learningRate: 0.01, momentum: 0.9, nesterov: true, weightDecay: 0.1 },
    { type: "adam" },
    { type: "adam", learningRate: 0.01, betas: [0.8, 0.99], epsilon: 1e-3, weightDecay: 0.1 },
    { type: "adamw" },
    { type: "adamw", learningRate: 0.01, betas: [0.8, 0.99], epsilon: 1e-3, weightDecay: 0.1 },
    { type: "rmsprop" },
    { type: "rmsprop", learningRate: 0.02, alpha: 0.9, epsilon: 1e-3, momentum: 0.8, weightDecay: 0.1 },
    { type: "rmsprop", alpha: 0.9, epsilon: 1e-2, centered: true },
    { type: "adagrad" },
    { type: "adagrad", learningRate: 0.1, learningRateDecay: 0.05, initialAccumulator: 0.5, epsilon: 1e-6, weightDecay: 0.1 },
    { type: "lion" },
    { type: "lion", learningRate: 0.01, betas: [0.8, 0.9], weightDecay: 0.1 },
    { type: "lamb" },
    { type: "lamb", learningRate: 0.01, betas: [0.8, 0.99], epsilon: 1e-3, weightDecay: 0 },
  ];
  for (const input of cases) {
    it(`follows the published formula for 20 steps: ${JSON.stringify(input)}`, () => {
      const settings = completeOptimizer(input);
      assertClose(train(input), reference(settings));
    });
  }

  it("has PyTorch's defaults", () => {
    assert.deepEqual(completeOptimizer({ type: "sgd", momentum: undefined }), {
      type: "sgd",
      learningRate: 0.001,
      momentum: 0,
      dampening: 0,
      nesterov: false,
      weightDecay: 0,
    });
    assert.deepEqual(completeOptimizer({ type: "adam" }), { type: "adam", learningRate: 0.001, betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0 });
    assert.equal(completeOptimizer({ type: "adamw" }).weightDecay, 0.01);
    assert.deepEqual(completeOptimizer({ type: "rmsprop" }), {
      type: "rmsprop",
      learningRate: 0.01,
      alpha: 0.99,
      epsilon: 1e-8,
      momentum: 0,
      centered: false,
      weightDecay: 0,
    });
    assert.deepEqual(completeOptimizer({ type: "adagrad" }), {
      type: "adagrad",
      learningRate: 0.01,
      learningRateDecay: 0,
      initialAccumulator: 0,
      epsilon: 1e-10,
      weightDecay: 0,
    });
  });

  it("keeps only the running values that it needs", () => {
    assert.deepEqual(createOptimizer({ type: "sgd" }).slots, []);
    assert.deepEqual(createOptimizer({ type: "sgd", momentum: 0.9 }).slots, ["momentum"]);
    assert.deepEqual(createOptimizer({ type: "adamw" }).slots, ["mean", "square"]);
    assert.deepEqual(createOptimizer({ type: "adamw" }).initialState(2), { mean: new Float32Array(2), square: new Float32Array(2) });
  });

  it("starts Adagrad's sums where it is told", () => {
    assert.deepEqual(createOptimizer({ type: "adagrad", initialAccumulator: 0.5 }).initialState(2), { sum: Float32Array.of(0.5, 0.5) });
  });

  it("keeps LAMB finite where a tensor or its direction is zero", () => {
    const optimizer = createOptimizer({ type: "lamb", learningRate: 0.5, weightDecay: 0 });
    const [zeros, still] = [new Float32Array(2), Float32Array.of(1, 2)];
    optimizer.step(zeros, Float32Array.of(1, -1), optimizer.initialState(2), { learningRate: 0.5, step: 1 });
    assert.deepEqual(
      zeros.map((p) => Math.round(p * 1e4) / 1e4),
      Float32Array.of(-0.5, 0.5),
    );
    optimizer.step(still, new Float32Array(2), optimizer.initialState(2), { learningRate: 0.5, step: 1 });
    assert.deepEqual(still, Float32Array.of(1, 2));
  });

  it("keeps centered RMSprop finite where gradients do not vary", () => {
    const optimizer = createOptimizer({ type: "rmsprop", centered: true, alpha: 0.5 });
    const [parameter, state] = [Float32Array.of(1), optimizer.initialState(1)];
    for (let step = 1; step <= 60; step += 1) optimizer.step(parameter, Float32Array.of(0.1), state, { learningRate: 1e-9, step });
    assert.ok(Number.isFinite(parameter[0]), String(parameter[0]));
  });

  it("does not move a weight without gradient, but for AdamW's decay", () => {
    const none = new Float32Array(3);
    for (const [input, factor] of [
      [{ type: "sgd", momentum: 0.9 }, 1],
      [{ type: "adam" }, 1],
      [{ type: "adamw", learningRate: 0.5, weightDecay: 0.5 }, 0.75],
    ] as const) {
      const optimizer = createOptimizer(input);
      const parameter = Float32Array.of(1, -2, 4);
      optimizer.step(parameter, none, optimizer.initialState(3), { learningRate: optimizer.settings.learningRate, step: 1 });
      assert.deepEqual(
        parameter,
        Float32Array.of(1, -2, 4).map((p) => p * factor),
      );
    }
  });

  it("refuses settings that PyTorch refuses, naming the setting", () => {
    const refused: readonly (readonly [OptimizerInput, string])[] = [
      [{ type: "sgd", learningRate: -1 }, "optimizer.learningRate: expected 0 or more, got -1"],
      [{ type: "sgd", momentum: -0.1 }, "optimizer.momentum: expected 0 or more, got -0.1"],
      [{ type: "sgd", nesterov: true }, "optimizer.momentum: expected more than 0 with nesterov, got 0"],
      [{ type: "sgd", nesterov: true, momentum: 0.9, dampening: 0.1 }, "optimizer.dampening: expected 0 with nesterov, got 0.1"],
      [{ type: "adam", betas: [0.9, 1] }, "optimizer.betas: expected from 0 to below 1, got 1"],
      [{ type: "adamw", epsilon: -1 }, "optimizer.epsilon: expected 0 or more, got -1"],
      [{ type: "rmsprop", alpha: 1 }, "optimizer.alpha: expected from 0 to below 1, got 1"],
      [{ type: "adagrad", initialAccumulator: -1 }, "optimizer.initialAccumulator: expected 0 or more, got -1"],
      [{ type: "lion", betas: [-0.1, 0.9] }, "optimizer.betas: expected from 0 to below 1, got -0.1"],
      [{ type: "lamb", epsilon: -1 }, "optimizer.epsilon: expected 0 or more, got -1"],
      [{ type: "adamw", weightDecay: Number.NaN }, "optimizer.weightDecay: expected 0 or more, got NaN"],
    ];
    for (const [input, message] of refused) {
      assert.throws(
        () => createOptimizer(input),
        (error) => error instanceof EngineError && error.code === "recipe/optimizer" && error.message === message,
      );
    }
  });
});
