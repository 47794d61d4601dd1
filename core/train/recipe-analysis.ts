// What an engine knows of a recipe while it is written: its text against the model, the data's columns and itself, with places and fixes;
// and what each freeze rule decides. Whatever the JSON schema says by itself is the editor's JSON server's to report. Nothing runs.

import { dirname, isAbsolute, resolve } from "node:path";
import type { MarkedParameter } from "../autodiff/freeze.js";
import * as errors from "../errors.js";
import { elementCount, isStatic } from "../graph/dims.js";
import { attachLoss, lossOutput } from "../nn/losses.js";
import { prune } from "../passes/prune.js";
import type { MarkTotals } from "./events.js";
import { chooseInput, hasOpenSizes } from "./job.js";
import type { CachedModel, HeadedModel, ModelCache } from "./model-cache.js";
import { applyPlan, assertTrainable, blockedRequests, defaultPlan, requireValue, selectBy, type PlanResult } from "./plan.js";
import { totalsOf } from "./plan-event.js";
import { analyseData } from "./recipe-data-analysis.js";
import { Findings, type RecipeFinding } from "./recipe-findings.js";
import { crossProblems, recipeJsonSchema, resolveRecipe, type Recipe } from "./recipe.js";
import { RecipeText, problemsOf, type KeyPath, type TextRange } from "./recipe-problems.js";
import { recipeSchema } from "./recipe-schema.js";
import { filesLike } from "./files-like.js";

export interface RecipeRequest {
  /** Where the recipe lies, or will. */
  readonly path: string;
  /** As it stands in the editor. */
  readonly text: string;
}

/** What a freeze rule decides. */
export interface RuleEffect {
  readonly range: TextRange;
  readonly rule: string;
  /** What a rule of its form makes of the parameters that it decides. */
  readonly decides: "frozen" | "trainable";
  /** Parameters and buffers that it matches, whoever decides them. */
  readonly matches: number;
  /** Parameters whose mark it decides, and their elements. */
  readonly tensors: number;
  readonly parameters: number;
  /** Of those that it would have trained: out of the loss's reach. */
  readonly blocked: number;
}

/** What a phase trains, in elements. */
export interface PhaseEffect {
  readonly name: string;
  readonly range: TextRange;
  readonly totals: MarkTotals;
}

export interface RecipeAnalysis {
  readonly findings: readonly RecipeFinding[];
  readonly rules: readonly RuleEffect[];
  readonly phases: readonly PhaseEffect[];
  /** The model's file, where it can be read. */
  readonly model?: { readonly path: string; readonly tensors: number; readonly parameters: number };
}

/** Keys of a recipe that are fine by themselves. */
export type PartialRecipe = Partial<Recipe>;

/**
 * Looks at a recipe's text as it stands, finished or not. The model's facts are kept in `models`: answering again takes a few milliseconds.
 */
export async function analyseRecipe({ path, text }: RecipeRequest, models: ModelCache): Promise<RecipeAnalysis> {
  const source = new RecipeText(text);
  const findings = new Findings(source);
  const parsed = recipeSchema.safeParse(source.value);
  const recipe: PartialRecipe = parsed.success ? parsed.data : readableParts(source.value);
  if (parsed.success) {
    for (const problem of crossProblems(parsed.data)) findings.add(problem);
    await findings.attempt(["output"], () => resolveRecipe(parsed.data, path));
  } else {
    const own = parsed.error.issues.filter((issue) => issue.code === "custom");
    for (const problem of problemsOf(own, recipeJsonSchema(), source.value)) findings.add(problem);
  }
  const folder = dirname(resolve(path));
  const sampleShape = recipe.data === undefined ? undefined : await analyseData(recipe.data, folder, findings);
  if (recipe.model === undefined) return { findings: findings.list, rules: [], phases: [] };
  const modelPath = isAbsolute(recipe.model) ? resolve(recipe.model) : resolve(folder, recipe.model);
  const model = await openModel(models, recipe.model, modelPath, findings);
  if (model === undefined) return { findings: findings.list, rules: [], phases: [] };
  const headed = attach(model, recipe, sampleShape, findings);
  if (headed === undefined) return { findings: findings.list, rules: [], phases: [] };
  const output = await checkOutput(headed, recipe, findings);
  const plans = plansOf(recipe, headed.surgery?.headPrefix);
  const effects = plans.map((plan) => settlePlan(plan, headed, recipe, output, findings));
  if (recipe.data !== undefined && output !== undefined) await checkSamples(headed, recipe, output, sampleShape, findings);
  const { tensors, parameters } = countOf(headed);
  return {
    findings: findings.list,
    rules: ruleEffects(effects, source),
    phases: effects.map(({ plan, marked }) => ({ name: plan.name, range: source.rangeOf({ path: plan.path }), totals: totalsOf(marked) })),
    model: { path: modelPath, tensors, parameters },
  };
}

/** Each key of the recipe that is right by itself, so that one that is being written does not hide what the others say. */
function readableParts(value: unknown): PartialRecipe {
  const written = typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  const parts = Object.entries(recipeSchema.shape).flatMap(([key, schema]) => {
    const read = schema.safeParse(written[key]);
    return read.success && read.data !== undefined ? [[key, read.data] as const] : [];
  });
  return Object.fromEntries(parts);
}

async function openModel(models: ModelCache, written: string, path: string, findings: Findings): Promise<CachedModel | undefined> {
  try {
    return await models.open(path);
  } catch (error) {
    if (!(error instanceof errors.EngineError)) throw error;
    const near = error.code === "model/file-missing" ? await filesLike(written, path, [".onnx"]) : [];
    findings.addError(["model"], error, near);
    return undefined;
  }
}

/** The model with the recipe's head. Where the data would have to tell sizes, and is not there yet, nothing is said. */
function attach(
  model: CachedModel,
  { head }: PartialRecipe,
  sampleShape: readonly number[] | undefined,
  findings: Findings,
): HeadedModel | undefined {
  if (head === undefined) return model.withHead();
  const settled = hasOpenSizes(model.model.graph) && sampleShape !== undefined ? { sampleShape } : {};
  try {
    return model.withHead({ ...head, ...settled });
  } catch (error) {
    if (!(error instanceof errors.EngineError)) throw error;
    const open = hasOpenSizes(model.model.graph) && sampleShape === undefined && (error.code === "recipe/cut" || error.code === "recipe/head-layer");
    if (!open) findings.addError(typeof error.data.index === "number" ? ["head", "layers", error.data.index] : ["head", "after"], error);
    return undefined;
  }
}

/** The output that the loss is taken of; undefined where the recipe does not settle it. */
async function checkOutput({ whole, upgraded, facts }: HeadedModel, { loss, data }: PartialRecipe, findings: Findings): Promise<string | undefined> {
  if (loss === undefined) return undefined;
  const output = await findings.attempt(["loss", "output"], () => lossOutput(whole, loss));
  if (output === undefined || loss.type === "distillation") return output;
  const { classWeights, ...rest } = loss;
  const settings = classWeights === undefined || classWeights === "balanced" ? rest : { ...rest, classWeights };
  await findings.attempt(["loss", "type"], () => attachLoss(upgraded, output, settings, facts));
  const columns = data?.label === undefined ? undefined : [data.label].flat().length;
  const wanted = facts.get(output)?.type?.shape?.slice(1);
  const perRecord = data?.csv === undefined;
  if (columns !== undefined && !perRecord && loss.type !== "crossEntropy" && isStatic(wanted) && elementCount(wanted) !== columns)
    findings.addError(["data", "label"], errors.targetColumns(loss.type, output, wanted, columns));
  return output;
}

/** A phase's plan, with the places that say it. */
interface WrittenPlan {
  readonly name: string;
  /** Of the phase; empty where the recipe has none. */
  readonly path: KeyPath;
  readonly freeze: readonly string[];
  /** Undefined for the plan that holds where none is written. */
  readonly freezePath: KeyPath | undefined;
  readonly stops: readonly string[];
  readonly stopsPath: KeyPath;
}

function plansOf({ freeze, stopGradient = [], phases }: PartialRecipe, headPrefix: string | undefined): readonly WrittenPlan[] {
  const whole = {
    name: "train",
    path: [],
    freeze: freeze ?? defaultPlan(headPrefix),
    freezePath: freeze === undefined ? undefined : ["freeze"],
    stops: stopGradient,
    stopsPath: ["stopGradient"],
  };
  if (phases === undefined) return [whole];
  return phases.map((phase, i) => ({
    ...whole,
    name: phase.name ?? `phase ${i + 1}`,
    path: ["phases", i],
    ...(phase.freeze === undefined ? {} : { freeze: phase.freeze, freezePath: ["phases", i, "freeze"] }),
    ...(phase.stopGradient === undefined ? {} : { stops: phase.stopGradient, stopsPath: ["phases", i, "stopGradient"] }),
  }));
}

interface SettledPlan {
  readonly plan: WrittenPlan;
  readonly marked: readonly MarkedParameter[];
  readonly applied: PlanResult;
  /** Of each rule that can be applied: its position in the list. */
  readonly positions: readonly number[];
  readonly matches: readonly number[];
}

/** Applies the rules that are right, and tells of the others. */
function settlePlan(plan: WrittenPlan, headed: HeadedModel, recipe: PartialRecipe, output: string | undefined, findings: Findings): SettledPlan {
  const { parameters, surgery, whole } = headed;
  const options = surgery === undefined ? {} : { headPrefix: surgery.headPrefix };
  const at = plan.freezePath ?? plan.path;
  const positions: number[] = [];
  const matches: number[] = [];
  for (const [i, rule] of plan.freeze.entries()) {
    try {
      const { decide } = applyPlan([rule], parameters, options);
      matches.push(parameters.filter((parameter) => decide(parameter).rule === 0).length);
      positions.push(i);
    } catch (error) {
      if (!(error instanceof errors.EngineError)) throw error;
      matches.push(0);
      findings.addError(plan.freezePath === undefined ? at : [...at, i], error);
    }
  }
  const applied = applyPlan(positions.map((i) => plan.freeze[i]), parameters, options); // prettier-ignore
  const stops = plan.stops.filter((name, i) => findings.attemptNow([...plan.stopsPath, i], () => (requireValue(whole, name, "stopGradient"), true)));
  const marked =
    output === undefined || recipe.loss === undefined ? unreached(headed, applied) : markOrNone(headed, applied, stops, output, recipe.loss);
  checkGroups(plan, recipe, headed, findings);
  if (output !== undefined && positions.length === plan.freeze.length) {
    findings.attemptNow(at, () => assertTrainable(marked));
    for (const parameter of blockedRequests(marked, applied)) {
      const rule = positions[applied.decide(parameter).rule ?? 0];
      findings.warn(plan.freezePath === undefined ? at : [...at, rule], "recipe/blocked", blockedMessage(parameter));
    }
  }
  return { plan, marked, applied, positions, matches };
}

function blockedMessage({ name, reason }: MarkedParameter): string {
  const why = {
    stop: "a stopGradient lies on every path",
    unused: "the loss does not use it",
    op: "an operator without a gradient is on every path",
  };
  return `"${name}" is asked to train, but no gradient reaches it: ${why[reason ?? "unused"]}`;
}

/** Marks as the plan alone decides them, while the loss is not known. */
function unreached({ parameters }: HeadedModel, { isFrozen }: PlanResult): readonly MarkedParameter[] {
  return parameters.map((p) => ({ ...p, mark: p.kind === "buffer" ? "buffer" : isFrozen(p) ? "frozen" : "trainable" }));
}

function markOrNone(
  headed: HeadedModel,
  plan: PlanResult,
  stops: readonly string[],
  output: string,
  { type }: Recipe["loss"],
): readonly MarkedParameter[] {
  try {
    return headed.mark(plan.isFrozen, stops, output, { type });
  } catch (error) {
    // The loss does not fit this output, which is told at the loss.
    if (error instanceof errors.EngineError) return unreached(headed, plan);
    throw error;
  }
}

/** Globs of optimizer groups and of weight decay that match nothing. */
function checkGroups({ path }: WrittenPlan, recipe: PartialRecipe, { parameters }: HeadedModel, findings: Findings): void {
  const phase = path.length === 0 ? undefined : recipe.phases?.[path[1] as number];
  const places = [[["optimizer"], recipe.optimizer] as const, [[...path, "optimizer"], phase?.optimizer] as const];
  for (const [at, optimizer] of path.length === 0 ? places.slice(0, 1) : places) {
    const lists = [
      ...(optimizer?.groups ?? []).map(({ match }, i) => [[...at, "groups", i, "match"], match] as const),
      [[...at, "decay"], optimizer?.decay ?? []] as const,
    ];
    for (const [place, globs] of lists)
      for (const [i, glob] of globs.entries())
        findings.attemptNow([...place, i], () => selectBy([glob], parameters, `optimizer.${String(place[at.length])}`));
  }
}

/** One effect for each rule that is written, once, though several phases may follow the same plan. */
function ruleEffects(settled: readonly SettledPlan[], source: RecipeText): readonly RuleEffect[] {
  const told = new Set<string>();
  return settled.flatMap(({ plan, marked, applied, positions, matches }) => {
    const { freezePath } = plan;
    if (freezePath === undefined || told.has(freezePath.join("/"))) return [];
    told.add(freezePath.join("/"));
    return plan.freeze.map((rule, i): RuleEffect => {
      const position = positions.indexOf(i);
      const decided = marked.filter((p) => p.kind === "parameter" && position >= 0 && applied.decide(p).rule === position);
      const trains = rule.startsWith("!");
      const counted = decided.filter((p) => p.mark === (trains ? "trainable" : "frozen"));
      return {
        range: source.rangeOf({ path: [...freezePath, i] }),
        rule,
        decides: trains ? "trainable" : "frozen",
        matches: matches[i],
        tensors: counted.length,
        parameters: counted.reduce((sum, { shape }) => sum + elementCount(shape), 0),
        blocked: decided.length - counted.length,
      };
    });
  });
}

/** Whether samples fit the input, and can be batched as the recipe asks. */
async function checkSamples(
  headed: HeadedModel,
  { data, batchSize = 1, phases = [], head }: PartialRecipe,
  output: string,
  sampleShape: readonly number[] | undefined,
  findings: Findings,
): Promise<void> {
  const { whole } = headed;
  if (sampleShape !== undefined) {
    const place = data?.input !== undefined ? ["data", "input"] : (data?.transform.length ?? 0) > 0 ? ["data", "transform"] : ["data"];
    await findings.attempt(place, () => chooseInput(whole, prune(whole, [output]), data?.input, sampleShape));
  }
  const most = Math.max(batchSize, ...phases.map((phase) => phase.batchSize ?? batchSize));
  if (most < 2 || hasOpenSizes(whole)) return;
  const { free, blockedBy, proposedCut } = headed.batchUpTo(output);
  if (free) return;
  const error = errors.batchBlocked(blockedBy?.op ?? "", blockedBy?.node ?? "", blockedBy?.reason ?? "", proposedCut);
  findings.addError(head === undefined ? ["model"] : ["head", "after"], error);
}

function countOf({ parameters }: HeadedModel): { readonly tensors: number; readonly parameters: number } {
  const own = parameters.filter(({ kind }) => kind === "parameter");
  return { tensors: own.length, parameters: own.reduce((sum, { shape }) => sum + elementCount(shape), 0) };
}
