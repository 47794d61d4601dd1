// Compares each optimizer, limit, average and schedule with PyTorch over twenty steps from the same start (Lion and LAMB, which it does not
// have, with their formulas in float64): `node --import tsx test/bench/optimizers/compare.ts`. Needs Debian's python3-torch; says so where it
// is missing. Fails where a difference is larger than rounding explains.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { Arena } from "../../../core/optim/arena.js";
import type { OptimizerInput } from "../../../core/optim/define.js";
import { completeOptimizer, createOptimizer } from "../../../core/optim/index.js";
import { countReductions } from "../../../core/optim/plateau.js";
import { completeSchedule, learningRateAt, type ScheduleInput } from "../../../core/optim/schedules.js";
import { fillNormal, stream } from "../../../core/nn/random.js";
import { settingsByParameter } from "../../../core/train/groups.js";
import type { Phase } from "../../../core/train/recipe.js";
import { initialState, startAverages, weightsThatCount } from "../../../core/train/state.js";
import { WeightUpdate } from "../../../core/train/update.js";

const steps = 20;
/** Largest difference relative to the value, or to 1 where that is smaller, that rounding of float32 explains over the steps. */
const tolerance = 5e-6;
const names = ["layer.weight", "layer.bias"];
const lengths = [1000, 37];

interface Case {
  readonly title: string;
  readonly optimizer: OptimizerInput;
  readonly schedule?: ScheduleInput;
  /** Validation losses after each step, for a schedule that follows them. */
  readonly losses?: readonly number[];
  readonly phase?: Partial<Pick<Phase, "groups" | "decay" | "clip" | "accumulate" | "averageDecay">>;
}

/** What both sides answer. */
interface Outcome {
  readonly weights: readonly (readonly number[])[];
  /** Learning rate of each tensor at each step. */
  readonly rates: readonly (readonly number[])[];
  /** Length of the gradients at each step, where it is limited. */
  readonly norms: readonly number[];
}

const sgd: OptimizerInput = { type: "sgd", learningRate: 0.1, momentum: 0.9 };
const scheduled = (title: string, schedule: ScheduleInput, losses?: readonly number[]): Case => ({
  title,
  optimizer: sgd,
  schedule,
  ...(losses === undefined ? {} : { losses }),
});
const plateau = [5, 4, 3, 3, 3.1, 2.9999, 3, 3, 3, 2, 2, 2, 2, 2.5, 2, 2, 1, 1, 1, 1];

const cases: readonly Case[] = [
  { title: "sgd", optimizer: { type: "sgd", learningRate: 0.1 } },
  { title: "sgd, momentum, dampening, decay", optimizer: { ...sgd, dampening: 0.3, weightDecay: 0.05 } },
  { title: "sgd, nesterov", optimizer: { ...sgd, nesterov: true, weightDecay: 0.05 } },
  { title: "adam", optimizer: { type: "adam", learningRate: 0.05 } },
  { title: "adam, decay", optimizer: { type: "adam", learningRate: 0.05, betas: [0.8, 0.99], epsilon: 1e-4, weightDecay: 0.1 } },
  { title: "adamw", optimizer: { type: "adamw", learningRate: 0.05, weightDecay: 0.1 } },
  { title: "rmsprop", optimizer: { type: "rmsprop" } },
  {
    title: "rmsprop, centered, momentum, decay",
    optimizer: { type: "rmsprop", alpha: 0.9, centered: true, momentum: 0.8, epsilon: 1e-3, weightDecay: 0.1 },
  },
  { title: "adagrad", optimizer: { type: "adagrad", learningRate: 0.1 } },
  { title: "adagrad, decays", optimizer: { type: "adagrad", learningRate: 0.1, learningRateDecay: 0.05, initialAccumulator: 0.5, weightDecay: 0.1 } },
  { title: "lion", optimizer: { type: "lion", learningRate: 0.01, weightDecay: 0.1 } },
  { title: "lamb", optimizer: { type: "lamb", learningRate: 0.01, weightDecay: 0.1 } },
  {
    title: "groups and decay globs",
    optimizer: { type: "adamw", learningRate: 0.05, weightDecay: 0.2 },
    phase: { groups: [{ match: ["*.weight"], learningRate: 0.01 }], decay: ["*", "!*.bias"] },
    schedule: { type: "step", every: 7 },
  },
  { title: "clip by norm", optimizer: sgd, phase: { clip: { norm: 5 } } },
  { title: "clip by value", optimizer: sgd, phase: { clip: { value: 0.4 } } },
  { title: "clip by value and norm", optimizer: { type: "adam", learningRate: 0.05 }, phase: { clip: { value: 0.4, norm: 2 } } },
  { title: "accumulate 4", optimizer: sgd, phase: { accumulate: 4 } },
  { title: "average of weights", optimizer: sgd, phase: { averageDecay: 0.9 } },
  scheduled("constant", { type: "constant" }),
  scheduled("constant, warm-up", { type: "constant", warmup: 5 }),
  scheduled("cosine", { type: "cosine", minimum: 0.01 }),
  scheduled("cosine, warm-up", { type: "cosine", warmup: 4 }),
  scheduled("linear", { type: "linear", minimum: 0.02 }),
  scheduled("linear, warm-up", { type: "linear", minimum: 0.02, warmup: 3 }),
  scheduled("step", { type: "step", every: 6, factor: 0.3 }),
  scheduled("step, warm-up", { type: "step", every: 6, factor: 0.3, warmup: 2 }),
  scheduled("oneCycle", { type: "oneCycle" }),
  scheduled("oneCycle, settings", { type: "oneCycle", peak: 0.45, startDivisor: 10, endDivisor: 50 }),
  scheduled("reduceOnPlateau", { type: "reduceOnPlateau", factor: 0.5, patience: 1, cooldown: 1, minimum: 0.02 }, plateau),
  scheduled("reduceOnPlateau, threshold", { type: "reduceOnPlateau", factor: 0.5, patience: 0, threshold: 0.3 }, plateau),
];

/** Numbers that both sides start from. */
function draw(purpose: string, mean: number, deviation: number): readonly Float32Array[] {
  return lengths.map((length, i) => {
    const values = new Float32Array(length);
    fillNormal(stream(5, purpose, i), values, mean, deviation);
    return values;
  });
}

const start = draw("start", 0, 1);
const targets = draw("target", 0, 2);
const curvatures = draw("curvature", 1, 0.2);
const parameters = names.map((name) => ({ name, path: name }));

const settingsOf = ({ optimizer, phase }: Case): ReturnType<typeof settingsByParameter> =>
  settingsByParameter({ optimizer: completeOptimizer(optimizer), groups: phase?.groups ?? [], decay: phase?.decay ?? ["*"] }, parameters);

/** The engine's own updates, in the memory that its vector kernels work on. */
function ours(given: Case): Outcome {
  const { accumulate = 1, averageDecay, clip = {} } = given.phase ?? {};
  const schedule = completeSchedule(given.schedule ?? {});
  const settings = settingsOf(given);
  const optimizers = new Map(parameters.map((parameter) => [parameter.name, createOptimizer(settings(parameter))]));
  const state = initialState();
  for (const [i, name] of names.entries()) state.weights.set(name, { dtype: "float32", shape: [lengths[i]], data: start[i].slice() });
  if (averageDecay !== undefined) startAverages(state, names);
  const arena = new Arena(lengths.flatMap((length) => Array.from({ length: 8 }, () => length)));
  const update = new WeightUpdate({ phase: { clip, averageDecay }, graph: { trainable: names }, optimizers, arena }, state);
  const gradients = new Map(names.map((name, i) => [name, { data: arena.floats(lengths[i]) }]));
  const rates: number[][] = [];
  const norms: number[] = [];
  for (let step = 0; step < steps; step++) {
    const losses = given.losses?.slice(0, step) ?? [];
    const reductions = schedule.type === "reduceOnPlateau" ? countReductions(schedule, losses) : 0;
    const rateOf = (base: number): number => learningRateAt(schedule, base, step, steps, reductions);
    rates.push(parameters.map((parameter) => rateOf(settings(parameter).learningRate)));
    for (let batch = 0; batch < accumulate; batch++) {
      for (const [i, name] of names.entries()) {
        const weight = state.weights.get(name)?.data ?? new Float32Array();
        gradients.get(name)?.data.set(weight.map((p, at) => curvatures[i][at] * Math.fround(p - Math.fround(targets[i][at] * (batch + 1)))));
      }
      update.gather(gradients, 1 / accumulate);
    }
    const { gradientNorm } = update.apply(rateOf);
    if (gradientNorm !== undefined) norms.push(gradientNorm);
  }
  return { weights: names.map((name) => [...(weightsThatCount(state).get(name)?.data ?? [])]), rates, norms };
}

/** The case as reference.py reads it. */
function forReference(given: Case): object {
  const settings = settingsOf(given);
  return {
    steps,
    settings: completeOptimizer(given.optimizer),
    byTensor: parameters.map((parameter) => settings(parameter)),
    schedule: completeSchedule(given.schedule ?? {}),
    losses: given.losses,
    clip: {},
    accumulate: 1,
    ...given.phase,
    ...Object.fromEntries(Object.entries({ start, targets, curvatures }).map(([key, vectors]) => [key, vectors.map((v) => [...v])])),
  };
}

interface Reference {
  readonly torch: string | null;
  readonly results: readonly (Outcome | null)[];
}

function reference(): Reference {
  const environment = { OMP_NUM_THREADS: "2", LD_LIBRARY_PATH: "/usr/lib/x86_64-linux-gnu/openblas-openmp" };
  const { status, stdout, stderr, error } = spawnSync(process.env.FROSTLINE_BENCH_PYTHON ?? "/usr/bin/python3", [join(__dirname, "reference.py")], {
    env: { ...process.env, ...environment },
    input: JSON.stringify(cases.map(forReference)),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (error !== undefined) throw new Error(`Nothing to compare with: python3 cannot be started (${error.message})`);
  if (status !== 0) throw new Error(`reference.py failed:\n${stderr}`);
  return JSON.parse(stdout) as Reference;
}

function largest(actual: readonly number[], expected: readonly number[]): number {
  if (actual.length !== expected.length) return Infinity;
  return actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]) / Math.max(1, Math.abs(expected[i]))), 0);
}

function main(): number {
  const { torch, results } = reference();
  const against = torch === null ? "PyTorch is missing (Debian: apt install python3-torch)" : `PyTorch ${torch}`;
  console.log(
    `Largest differences over ${steps} steps of ${lengths.join(" and ")} float32 weights; against ${against}; lion and lamb: float64 formula\n`,
  );
  console.log(`${"".padEnd(36)}${"weights".padStart(10)}${"rates".padStart(10)}${"norms".padStart(10)}`);
  let failed = 0;
  for (const [i, given] of cases.entries()) {
    const expected = results[i];
    if (expected === null) {
      console.log(`${given.title.padEnd(36)}not compared: PyTorch is missing`);
      continue;
    }
    const own = ours(given);
    const differences = [
      largest(own.weights.flat(), expected.weights.flat()),
      largest(own.rates.flat(), expected.rates.flat()),
      ...(expected.norms.length === 0 ? [] : [largest(own.norms, expected.norms)]),
    ];
    const bad = differences.some((difference) => !(difference <= tolerance));
    if (bad) failed += 1;
    console.log(`${given.title.padEnd(36)}${differences.map((d) => d.toExponential(1).padStart(10)).join("")}${bad ? "  DIFFERS" : ""}`);
  }
  console.log(`\n${failed === 0 ? "All within" : `${failed} beyond`} ${tolerance}`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = main();
