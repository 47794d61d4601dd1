// What can be wrong with a recipe: its text, its plan and head, and where it does not fit the model.

import { fileReason } from "./files.js";
import { type EngineError, type ErrorCode, make } from "./define.js";
import { formatShape } from "../graph/dims.js";
import { didYouMean } from "../graph/nearest.js";
import type { Dim, Shape } from "../graph/types.js";

// ── freeze plan and surgery ───────────────────────────────────────────────────────────────────────────────────────────

/** Where rules stand, as messages call it, and what a leading `!` does there. */
export interface RuleKind {
  readonly name: string;
  readonly negation: string;
}

export const badRule = (kind: RuleKind, rule: string, problem: string) =>
  make("recipe/freeze-rule", `${kind.name} "${rule}": ${problem}`, { rule }, `A rule is a glob over parameter names; a leading ! ${kind.negation}.`);

export const ruleMatchesNothing = (kind: RuleKind, rule: string, near: readonly string[]) =>
  make(
    "recipe/no-match",
    `${kind.name} "${rule}" matches no parameter`,
    { rule, near },
    didYouMean(near) ?? "`frostline inspect` lists the names and paths of all parameters.",
  );

export const headRenamed = (rule: string, prefix: string) =>
  make(
    "recipe/head-prefix",
    `freeze rule "${rule}": the model has names under "head." itself, so the new head is called "${prefix}"`,
    { rule, prefix },
    `Write "${prefix}.*" for the new head; for the model's own layers write a rule that could not mean "head.0.weight".`,
  );

export const headWithoutParameters = () =>
  make(
    "recipe/head-parameters",
    "the head has no parameters, so there is nothing in it to train",
    {},
    "Add a dense layer to head.layers, or write a freeze plan that trains something.",
  );

export const nothingTrainable = (frozen: number, blocked: number) =>
  make(
    "recipe/nothing-trainable",
    `the freeze plan leaves nothing trainable: ${frozen} parameters are frozen, ${blocked} are out of the loss's reach`,
    { frozen, blocked },
    'Add a rule such as "!head.*" at the end of "freeze".',
  );

export const batchBlocked = (op: string, node: string, reason: string, cut: string | undefined) =>
  make(
    "model/batch",
    `samples cannot be batched beyond ${op} "${node}": ${reason}`,
    { op, node, reason, cut },
    cut === undefined
      ? "Export the model with a dynamic batch, or train with a batchSize of 1."
      : `Up to "${cut}" samples stay apart: attach a head there ("head": { "after": "${cut}" }).`,
  );

export const noCut = () =>
  make(
    "recipe/no-cut",
    "no place for a new head can be proposed in this model",
    {},
    'Name the value that it should read: "head": { "after": "…" }; `frostline inspect` lists the layers.',
  );

export const badCut = (value: string, problem: string) =>
  make("recipe/cut", `a head cannot start from "${value}": ${problem}`, { value }, "Choose another value for head.after.");

export const headLayer = (index: number, type: string, expected: string, got: Shape | undefined, hint?: string) =>
  make(
    "recipe/head-layer",
    `head.layers[${index}] (${type}): expected ${expected}${got === undefined ? "" : `, got ${formatShape(got)}`}`,
    { index, type, expected, got },
    hint,
  );

export const lossOutput = (named: string | undefined, outputs: readonly string[]) =>
  make(
    "recipe/loss-output",
    named === undefined
      ? `the model has ${outputs.length} outputs (${outputs.map((o) => `"${o}"`).join(", ")}), and the recipe does not say which one the loss is taken of`
      : `loss.output: the model has no output "${named}"; it has ${outputs.map((o) => `"${o}"`).join(", ")}`,
    { named, outputs },
    'Name one: "loss": { "output": "…" }.',
  );

export const unfitLoss = (problem: string, hint?: string) => make("recipe/loss", problem, {}, hint);

export const lossShape = (output: string, expected: string, got: Shape | undefined) =>
  make(
    "recipe/loss",
    `the loss on "${output}": expected ${expected}, got ${formatShape(got)}`,
    { output, expected, got },
    "Choose another output with loss.output, or attach a head that ends with a dense layer.",
  );

export const classWeights = (classes: number, got: number) =>
  make(
    "recipe/loss",
    `loss.classWeights: expected ${classes} weights, one for each class of the output, got ${got}`,
    { expected: classes, got },
    'List them in the order of the classes, or write "balanced".',
  );

export const teacherClasses = (output: string, classes: Dim | undefined, taught: Dim | undefined) =>
  make(
    "recipe/loss",
    `distillation compares "${output}" with the base model's own output, class by class: it has ${classes ?? "an unknown number of"} classes, the base model ${taught ?? "an unknown number of"}`,
    { output, classes, taught },
    "A new head with other classes has no teacher in the base model: use crossEntropy, or a head with as many outputs.",
  );

export const teacherBatch = (op: string, node: string, reason: string) =>
  make(
    "recipe/loss",
    `distillation runs the base model to its end, and samples cannot be batched beyond ${op} "${node}": ${reason}`,
    { op, node, reason },
    "Export the model with a dynamic batch, train with a batchSize of 1, or use another loss.",
  );

export const trainableQuantised = (name: string, dtype: string) =>
  make(
    "recipe/quantised",
    `"${name}" is quantised (${dtype}), and an optimizer cannot move it`,
    { name, dtype },
    `Freeze it (add the rule "${name}"), or start from the model before quantisation.`,
  );

// ── recipe ────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface PlacedProblem {
  readonly line: number;
  readonly column: number;
  readonly key: string;
  readonly message: string;
  readonly hint?: string;
}

/** One problem is told in a line; several are listed below the file's name. */
function listProblems(code: ErrorCode, file: string, problems: readonly PlacedProblem[]): EngineError {
  const data = { file, problems };
  const tell = ({ key, message }: PlacedProblem): string => (key === "" ? message : `${key}: ${message}`);
  if (problems.length === 1) {
    const [problem] = problems;
    return make(code, `${file}:${problem.line}:${problem.column}: ${tell(problem)}`, data, problem.hint);
  }
  const lines = problems.map((p) => `  ${p.line}:${p.column}  ${tell(p)}${p.hint === undefined ? "" : ` (${p.hint})`}`);
  return make(code, [`${file}: ${problems.length} problems`, ...lines].join("\n"), data);
}

export const recipeSyntax = (file: string, problems: readonly PlacedProblem[]) => listProblems("recipe/syntax", file, problems);

export const recipeInvalid = (file: string, problems: readonly PlacedProblem[]) => listProblems("recipe/invalid", file, problems);

export const recipeUnreadable = (path: string, cause: unknown) =>
  make("usage/recipe-file", `recipe "${path}" cannot be read: ${fileReason(cause)}`, { path, reason: fileReason(cause) });

export const notARecipe = (path: string, what: string) =>
  make("usage/recipe-file", `"${path}" does not look like a recipe: ${what}`, { path, what }, "A recipe is a JSON text, *.finetune.json, in UTF-8.");

export const outputIsInput = (path: string, key: string) =>
  make("recipe/output", `"output" would overwrite "${path}", which is ${key}`, { path, key }, "Name another file.");

export const outputIsFolder = (path: string) =>
  make("recipe/output", `"output" is the folder "${path}": expected a file`, { path }, 'Name a file in it, such as "trained.onnx".');

// ── what the data and the model have to agree on ──────────────────────────────────────────────────────────────────────

export const modelInput = (wanted: string | undefined, names: readonly string[]) =>
  make(
    "recipe/input",
    wanted === undefined
      ? `the model has ${names.length} inputs (${names.map((n) => `"${n}"`).join(", ")}): data.input must name the one that samples are fed to`
      : `data.input names "${wanted}", which is no input of the model`,
    { wanted, names },
    `The model's inputs: ${names.map((n) => `"${n}"`).join(", ")}.`,
  );

export const otherInputs = (input: string, others: readonly string[]) =>
  make(
    "recipe/input",
    others.length === 0
      ? `the output that is trained does not depend on a tensor input "${input}"`
      : `samples are fed to "${input}", but the output that is trained also needs ${others.map((n) => `"${n}"`).join(", ")}`,
    { input, others },
    "Cut the model with head.after so that one tensor input is left, or export it with the other inputs as constants.",
  );

export const sampleShape = (input: string, expected: readonly (number | string)[] | undefined, got: readonly number[]) =>
  make(
    "recipe/sample-shape",
    `samples do not fit the model's input "${input}": it takes [${(expected ?? []).join(", ")}] a sample, data.transform gives [${got.join(", ")}]`,
    { input, expected, got },
    "Add steps to data.transform: reshape, resize, pad or repeat.",
  );

export const needsValidation = (phase: string, key: string) =>
  make(
    "recipe/no-validation",
    `phase "${phase}": ${key} follows the validation loss, and no samples are held out to validate with`,
    { phase, key },
    "Hold some out, as data.split.validation does, or leave it out.",
  );

export const targetColumns = (loss: string, output: string, expected: readonly number[], got: number) =>
  make(
    "recipe/target-columns",
    `${loss} compares data.label with "${output}", which has [${expected.join(", ")}] a sample: got ${got} label column${got === 1 ? "" : "s"}`,
    { output, expected, got },
    "List one label column for each element of the output, in its order.",
  );

export const resumeMismatch = (path: string) =>
  make(
    "recipe/resume-mismatch",
    `the checkpoint "${path}" belongs to another recipe, model or data file`,
    { path },
    "Resume with the recipe, model and data as they were, or start a new run.",
  );
