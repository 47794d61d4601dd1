import assert from "node:assert/strict";
import { completeOptimizer } from "../../../core/optim/index.js";
import { settingsByParameter } from "../../../core/train/groups.js";
import { failure } from "../../support/failure.js";

const named = (name: string) => ({ name, path: name.replace(/\.(\w+)$/, "/$1") });
const parameters = ["stem.weight", "stem.bias", "blocks.0.weight", "blocks.0.bias", "blocks.1.weight", "head.weight"].map(named);
const optimizer = completeOptimizer({ type: "adamw", learningRate: 0.1, weightDecay: 0.5 });

/** `[learningRate, weightDecay]` of each parameter. */
function settings(groups: Parameters<typeof settingsByParameter>[0]["groups"], decay = ["*"]): Readonly<Record<string, readonly number[]>> {
  const of = settingsByParameter({ optimizer, groups, decay }, parameters);
  return Object.fromEntries(parameters.map((parameter) => [parameter.name, [of(parameter).learningRate, of(parameter).weightDecay]]));
}

describe("settings of groups of parameters", () => {
  it("are the optimizer's own where no group matches", () => {
    assert.deepEqual(
      Object.values(settings([])),
      parameters.map(() => [0.1, 0.5]),
    );
  });

  it("come from the last group that matches, as a whole", () => {
    const groups = [
      { match: ["blocks.*"], learningRate: 0.01, weightDecay: 0.2 },
      { match: ["*.1.*", "head/*"], learningRate: 0.02 },
    ];
    assert.deepEqual(settings(groups), {
      "stem.weight": [0.1, 0.5],
      "stem.bias": [0.1, 0.5],
      "blocks.0.weight": [0.01, 0.2],
      "blocks.0.bias": [0.01, 0.2],
      "blocks.1.weight": [0.02, 0.5],
      "head.weight": [0.02, 0.5],
    });
  });

  it("may leave something out with !, and decay only what its globs select", () => {
    const groups = [{ match: ["blocks.*", "!*.bias"], weightDecay: 0.2 }];
    assert.deepEqual(settings(groups, ["*", "!*.bias", "!head.*"]), {
      "stem.weight": [0.1, 0.5],
      "stem.bias": [0.1, 0],
      "blocks.0.weight": [0.1, 0.2],
      "blocks.0.bias": [0.1, 0],
      "blocks.1.weight": [0.1, 0.2],
      "head.weight": [0.1, 0],
    });
    assert.deepEqual(
      Object.values(settings([], [])),
      parameters.map(() => [0.1, 0]),
    );
  });

  it("are refused where a glob matches nothing, with the nearest names", async () => {
    const group = await failure("recipe/no-match", () => settings([{ match: ["head.*"] }, { match: ["block.*"], learningRate: 1 }]));
    assert.equal(group.message, 'optimizer.groups[1].match "block.*" matches no parameter');
    assert.match(group.hint ?? "", /blocks\.\*/);
    const decay = await failure("recipe/no-match", () => settings([], ["*", "!haed.*"]));
    assert.equal(decay.message, 'optimizer.decay "!haed.*" matches no parameter');
    assert.match(decay.hint ?? "", /!head\.\*/);
    const broken = await failure("recipe/freeze-rule", () => settings([], ["fc["]));
    assert.match(broken.hint ?? "", /a leading ! takes out what it matches/);
  });
});
