// Which settings the optimizer has for each tensor: the recipe's groups and its `decay` globs, put together. What a setting does is the
// optimizers' business (`core/optim`).

import type { MarkedParameter } from "../autodiff/freeze.js";
import { createOptimizer } from "../optim/index.js";
import type { Optimizer, OptimizerSettings } from "../optim/define.js";
import { selectBy, type Named } from "./plan.js";
import type { Phase } from "./recipe.js";

type GroupingSettings = Pick<Phase, "optimizer" | "groups" | "decay">;

/**
 * Settings of any parameter: those of the last group that matches it, else the phase's own; no weight decay where `decay` does not select it.
 * @throws recipe/freeze-rule for a glob that cannot be read; recipe/no-match for one that matches none of `parameters`
 */
export function settingsByParameter(
  { optimizer, groups, decay }: GroupingSettings,
  parameters: readonly Named[],
): (parameter: Named) => OptimizerSettings {
  const grouped = groups.map(({ match, learningRate, weightDecay }, i) => ({
    matches: selectBy(match, parameters, `optimizer.groups[${i}].match`),
    settings: { ...optimizer, learningRate: learningRate ?? optimizer.learningRate, weightDecay: weightDecay ?? optimizer.weightDecay },
  }));
  const decays = selectBy(decay, parameters, "optimizer.decay");
  return (parameter) => {
    const settings = grouped.findLast(({ matches }) => matches(parameter))?.settings ?? optimizer;
    return decays(parameter) ? settings : { ...settings, weightDecay: 0 };
  };
}

/** The optimizer of each tensor that trains, by name; those with the same settings share one. @throws as `settingsByParameter` */
export function optimizersFor(settings: GroupingSettings, marked: readonly MarkedParameter[]): ReadonlyMap<string, Optimizer> {
  const settingsOf = settingsByParameter(settings, marked);
  const known = new Map<string, Optimizer>();
  const optimizers = new Map<string, Optimizer>();
  for (const parameter of marked) {
    if (parameter.mark !== "trainable") continue;
    const own = settingsOf(parameter);
    const key = `${own.learningRate} ${own.weightDecay}`;
    const optimizer = known.get(key) ?? createOptimizer(own);
    known.set(key, optimizer);
    optimizers.set(parameter.name, optimizer);
  }
  return optimizers;
}
