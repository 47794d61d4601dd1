// Optimizers by type: completes and checks settings. Learning rates over time are in schedules.ts.

import * as errors from "../errors.js";
import { adamOptimizer } from "./adam.js";
import type { AdamSettings, Optimizer, OptimizerInput, OptimizerSettings, SgdSettings } from "./define.js";
import { sgdOptimizer } from "./sgd.js";

const sgdDefaults: SgdSettings = { type: "sgd", learningRate: 0.001, momentum: 0, dampening: 0, nesterov: false, weightDecay: 0 };
const adamDefaults: AdamSettings = { type: "adam", learningRate: 0.001, betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0 };
const adamwDefaults: AdamSettings = { ...adamDefaults, type: "adamw", weightDecay: 0.01 };

/**
 * All settings of an optimizer, those left out with PyTorch's defaults: learning rate 0.001; SGD without momentum; betas 0.9 and
 * 0.999, epsilon 1e-8; weight decay 0.01 for AdamW, else 0.
 * @throws recipe/optimizer
 */
export function completeOptimizer(input: OptimizerInput): OptimizerSettings {
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  if (input.type === "sgd") return checkSgd({ ...sgdDefaults, ...given });
  return checkAdam({ ...(input.type === "adam" ? adamDefaults : adamwDefaults), ...given });
}

/** The optimizer for settings, complete or not. @throws recipe/optimizer */
export function createOptimizer(input: OptimizerInput): Optimizer {
  const settings = completeOptimizer(input);
  return settings.type === "sgd" ? sgdOptimizer(settings) : adamOptimizer(settings);
}

function checkSgd(settings: SgdSettings): SgdSettings {
  expect("momentum", settings.momentum, settings.momentum >= 0, "0 or more");
  expect("dampening", settings.dampening, Number.isFinite(settings.dampening), "a number");
  if (settings.nesterov) {
    expect("momentum", settings.momentum, settings.momentum > 0, "more than 0 with nesterov");
    expect("dampening", settings.dampening, settings.dampening === 0, "0 with nesterov");
  }
  return checkCommon(settings);
}

function checkAdam(settings: AdamSettings): AdamSettings {
  for (const beta of settings.betas) expect("betas", beta, beta >= 0 && beta < 1, "from 0 to below 1");
  expect("epsilon", settings.epsilon, settings.epsilon >= 0, "0 or more");
  return checkCommon(settings);
}

function checkCommon<S extends OptimizerSettings>(settings: S): S {
  expect("learningRate", settings.learningRate, settings.learningRate >= 0, "0 or more");
  expect("weightDecay", settings.weightDecay, settings.weightDecay >= 0, "0 or more");
  return settings;
}

function expect(setting: string, value: number, holds: boolean, expected: string): void {
  if (!holds || !Number.isFinite(value)) throw errors.badOptimizer(setting, expected, value);
}
