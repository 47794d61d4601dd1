// Optimizers by type: completes and checks settings. Learning rates over time are in schedules.ts.

import * as errors from "../errors.js";
import { adagradOptimizer } from "./adagrad.js";
import { adamOptimizer } from "./adam.js";
import type { AdamSettings, Optimizer, OptimizerInput, OptimizerSettings, SgdSettings } from "./define.js";
import { lambOptimizer } from "./lamb.js";
import { lionOptimizer } from "./lion.js";
import { rmspropOptimizer } from "./rmsprop.js";
import { sgdOptimizer } from "./sgd.js";

const adamDefaults: AdamSettings = { type: "adam", learningRate: 0.001, betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0 };

const defaults: Readonly<Record<OptimizerSettings["type"], OptimizerSettings>> = {
  sgd: { type: "sgd", learningRate: 0.001, momentum: 0, dampening: 0, nesterov: false, weightDecay: 0 },
  adam: adamDefaults,
  adamw: { ...adamDefaults, type: "adamw", weightDecay: 0.01 },
  rmsprop: { type: "rmsprop", learningRate: 0.01, alpha: 0.99, epsilon: 1e-8, momentum: 0, centered: false, weightDecay: 0 },
  adagrad: { type: "adagrad", learningRate: 0.01, learningRateDecay: 0, initialAccumulator: 0, epsilon: 1e-10, weightDecay: 0 },
  lion: { type: "lion", learningRate: 0.0001, betas: [0.9, 0.99], weightDecay: 0 },
  lamb: { type: "lamb", learningRate: 0.001, betas: [0.9, 0.999], epsilon: 1e-6, weightDecay: 0.01 },
};

/**
 * All settings of an optimizer, those left out with PyTorch's defaults, or with those of the paper where PyTorch does not have it.
 * @throws recipe/optimizer
 */
export function completeOptimizer(input: OptimizerInput): OptimizerSettings {
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  const settings = { ...defaults[input.type], ...given };
  check(settings);
  return settings;
}

/** The optimizer for settings, complete or not. @throws recipe/optimizer */
export function createOptimizer(input: OptimizerInput): Optimizer {
  const settings = completeOptimizer(input);
  switch (settings.type) {
    case "sgd":
      return sgdOptimizer(settings);
    case "adam":
    case "adamw":
      return adamOptimizer(settings);
    case "rmsprop":
      return rmspropOptimizer(settings);
    case "adagrad":
      return adagradOptimizer(settings);
    case "lion":
      return lionOptimizer(settings);
    case "lamb":
      return lambOptimizer(settings);
  }
}

function check(settings: OptimizerSettings): void {
  expect("learningRate", settings.learningRate, settings.learningRate >= 0, "0 or more");
  expect("weightDecay", settings.weightDecay, settings.weightDecay >= 0, "0 or more");
  if ("momentum" in settings) expect("momentum", settings.momentum, settings.momentum >= 0, "0 or more");
  if ("betas" in settings) for (const beta of settings.betas) expect("betas", beta, beta >= 0 && beta < 1, "from 0 to below 1");
  if ("epsilon" in settings) expect("epsilon", settings.epsilon, settings.epsilon >= 0, "0 or more");
  if (settings.type === "sgd") checkSgd(settings);
  if (settings.type === "rmsprop") expect("alpha", settings.alpha, settings.alpha >= 0 && settings.alpha < 1, "from 0 to below 1");
  if (settings.type === "adagrad") {
    expect("learningRateDecay", settings.learningRateDecay, settings.learningRateDecay >= 0, "0 or more");
    expect("initialAccumulator", settings.initialAccumulator, settings.initialAccumulator >= 0, "0 or more");
  }
}

function checkSgd({ momentum, dampening, nesterov }: SgdSettings): void {
  expect("dampening", dampening, Number.isFinite(dampening), "a number");
  if (!nesterov) return;
  expect("momentum", momentum, momentum > 0, "more than 0 with nesterov");
  expect("dampening", dampening, dampening === 0, "0 with nesterov");
}

function expect(setting: string, value: number, holds: boolean, expected: string): void {
  if (!holds || !Number.isFinite(value)) throw errors.badOptimizer(setting, expected, value);
}
