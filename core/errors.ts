// Every error the engine can report: its code, its data and its text, one factory each. The exit status of the command
// line follows from the code's first segment (see `exitCodeOf`); nothing outside this file builds an `EngineError`.

import { formatShape } from "./graph/dims.js";
import { didYouMean } from "./graph/nearest.js";
import type { Shape } from "./graph/types.js";

/** Who has to act: `usage`/`recipe` the author of the command or recipe, `model`/`data` the files, `check`/`run` the run. */
export type ErrorArea = "usage" | "recipe" | "model" | "data" | "check" | "run";
export type ErrorCode = `${ErrorArea}/${string}`;

/** A failure as data: it crosses to other threads and processes unchanged. */
export interface ErrorData {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The only error class that `core` throws on purpose. */
export class EngineError extends Error implements ErrorData {
  override readonly name = "EngineError";
  readonly code: ErrorCode;
  readonly data: Readonly<Record<string, unknown>>;
  readonly hint?: string;

  constructor({ code, message, hint, data }: ErrorData) {
    super(message);
    this.code = code;
    this.data = data;
    if (hint !== undefined) this.hint = hint;
  }

  toJSON(): ErrorData {
    return { code: this.code, message: this.message, data: this.data, ...(this.hint === undefined ? {} : { hint: this.hint }) };
  }
}

const exitCodes: Record<ErrorArea, number> = { check: 1, usage: 2, recipe: 2, model: 3, data: 3, run: 4 };

/** Process exit status for an error: 1 a check failed, 2 usage or recipe, 3 model or data, 4 the run (also for anything unforeseen). */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof EngineError)) return exitCodes.run;
  return exitCodes[error.code.slice(0, error.code.indexOf("/")) as ErrorArea];
}

function make(code: ErrorCode, message: string, data: Readonly<Record<string, unknown>> = {}, hint?: string): EngineError {
  return new EngineError({ code, message, data, ...(hint === undefined ? {} : { hint }) });
}

/** `Conv "conv1"`, or `unnamed Conv that makes "y"` where the file gives no name. */
export function describeNode(node: { readonly opType: string; readonly name: string; readonly outputs: readonly string[] }): string {
  return node.name === "" ? `unnamed ${node.opType} that makes "${node.outputs.find((o) => o !== "") ?? ""}"` : `${node.opType} "${node.name}"`;
}

type NodeLike = Parameters<typeof describeNode>[0];

/** An error that was sent as data, as an error again. */
export function revive(data: ErrorData): EngineError {
  return new EngineError(data);
}

// ── graph ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export const undefinedValue = (node: NodeLike, value: string) =>
  make("model/undefined-value", `${describeNode(node)}: reads "${value}", which nothing makes`, { node: node.name, value });

export const undefinedOutput = (graph: string, value: string) =>
  make("model/undefined-output", `graph "${graph}": lists the output "${value}", which nothing makes`, { graph, value });

export const duplicateValue = (value: string, where: string) =>
  make("model/duplicate-value", `"${value}" is made twice: second time by ${where}`, { value });

export const cyclicGraph = (node: NodeLike, value: string) =>
  make("model/cycle", `${describeNode(node)}: takes part in a cycle through "${value}"`, { node: node.name, value });

export const unknownOpset = (domain: string, version: number | undefined, expected: string) =>
  make(
    "model/opset",
    `opset of domain "${domain === "" ? "ai.onnx" : domain}": expected ${expected}, got ${version ?? "none"}`,
    { domain, version },
    "Convert the model with its exporter to an opset from 7 to 23.",
  );

export const wrongAttributeType = (node: NodeLike, attribute: string, expected: string, got: string) =>
  make("model/attribute-type", `${describeNode(node)}: attribute "${attribute}" expects ${expected}, got ${got}`, {
    node: node.name,
    attribute,
    expected,
    got,
  });

export const missingAttribute = (node: NodeLike, attribute: string) =>
  make("model/attribute-missing", `${describeNode(node)}: attribute "${attribute}" is required`, { node: node.name, attribute });

export const shapeMismatch = (node: NodeLike, what: string, expected: string, got: string) =>
  make("model/shape", `${describeNode(node)}: expected ${what} ${expected}, got ${got}`, { node: node.name, expected, got });

export const badOperand = (node: NodeLike, problem: string) =>
  make("model/operand", `${describeNode(node)}: ${problem}`, { node: node.name, problem });

export const unknownValue = (value: string, role: string, near: readonly string[]) =>
  make("recipe/unknown-value", `${role} names the value "${value}", which the model does not have`, { value, near }, didYouMean(near));

export const unsupportedDType = (dtype: string, role: string) =>
  make("model/dtype", `${role}: element type ${dtype} is not supported`, { dtype, role });

export const tensorSize = (name: string, dtype: string, shape: readonly number[], expected: number, got: number) =>
  make("model/tensor-size", `tensor "${name}" (${dtype} [${shape.join(", ")}]): expected ${expected} bytes, got ${got}`, { name, expected, got });

// ── model files ─────────────────────────────────────────────────────────────────────────────────────────────────────

const exportAgain = "Copy or download the file again, or export the model again.";

export const modelFileMissing = (path: string) =>
  make("model/file-missing", `model "${path}": no such file`, { path }, "Check the path; it is taken relative to the recipe or the current folder.");

export const modelIsFolder = (path: string) =>
  make("model/is-folder", `model "${path}": expected a file, got a folder`, { path }, "Name the .onnx file inside it.");

export const modelNotReadable = (path: string, reason: string) =>
  make("model/not-readable", `model "${path}": the file cannot be read (${reason})`, { path, reason }, "Check the file's permissions.");

export const modelNotWritable = (path: string, reason: string) =>
  make(
    "run/not-writable",
    `model "${path}": the file cannot be written (${reason})`,
    { path, reason },
    "Check the folder's permissions and the free space; a file that was there before is unchanged.",
  );

export const modelEmpty = (path: string) => make("model/empty", `model "${path}": expected an ONNX model, got an empty file`, { path }, exportAgain);

/** `got` says what the file is instead, `hint` what to do about it. */
export const notOnnx = (path: string, got: string, hint: string) =>
  make("model/not-onnx", `model "${path}": expected an ONNX model, got ${got}`, { path, got }, hint);

export const modelCutOff = (path: string, expected: number, got: number) =>
  make(
    "model/cut-off",
    `model "${path}": the file is cut off: expected at least ${expected} bytes, got ${got}`,
    { path, expected, got },
    exportAgain,
  );

export const modelIncomplete = (path: string, missing: string) =>
  make("model/incomplete", `model "${path}": expected an ONNX model with ${missing}, got one without`, { path, missing }, exportAgain);

export const modelTooLarge = (path: string, bytes: number, limit: number) =>
  make(
    "model/too-large",
    `model "${path}": ${bytes} bytes do not fit into one ONNX file, which ends at ${limit}`,
    { path, bytes, limit },
    "Keep its tensors in a data file beside it (ONNX external data).",
  );

export const externalData = (tensor: string, problem: string, location: string) =>
  make(
    "model/external-data",
    `tensor "${tensor}": its data in "${location}" cannot be used: ${problem}`,
    { tensor, location, problem },
    "External data must lie in regular files inside the model's folder: keep them beside the model, as it was exported.",
  );

export const badTensor = (tensor: string, problem: string) => make("model/tensor", `tensor "${tensor}": has ${problem}`, { tensor, problem });

export const untypedAttribute = (node: NodeLike, attribute: string) =>
  make("model/attribute-type", `${describeNode(node)}: attribute "${attribute}" has no type that is known`, { node: node.name, attribute });

export const functionOpset = (name: string, node: NodeLike, domain: string, own: number, model: number) =>
  make(
    "model/function-opset",
    `function "${name}" speaks opset ${own} of "${domain === "" ? "ai.onnx" : domain}", the model opset ${model}, and ${describeNode(node)} differs between them`,
    { name, node: node.name, domain, own, model },
    "Convert the model with its exporter to one opset for all its functions.",
  );

export const recursiveFunction = (name: string) =>
  make("model/function-recursive", `function "${name}" calls itself`, { name }, "Export the model again; ONNX functions cannot be recursive.");

export const duplicateName = (what: string, name: string, where: string) =>
  make("model/duplicate-name", `${where}: ${what} "${name}" is there twice`, { what, name, where });

// ── autodiff ────────────────────────────────────────────────────────────────────────────────────────────────────────

export const noGradient = (node: NodeLike, reason: string, cut: string) =>
  make(
    "model/no-gradient",
    `${describeNode(node)}: no gradient (${reason})`,
    { node: node.name, op: node.opType, reason, cut },
    `Training is possible from "${cut}" on: freeze everything before it, or put stopGradient on it.`,
  );

export const unknownRank = (node: NodeLike, value: string) =>
  make(
    "model/unknown-rank",
    `${describeNode(node)}: the rank of "${value}" is not known, and the gradient needs it`,
    { node: node.name, value },
    "Run the model's shape inference before training, or freeze this layer.",
  );

// ── runtime ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export const runtimeMissing = (reason: string) =>
  make("run/runtime-missing", `onnxruntime could not be loaded: ${reason}`, { reason }, "Install the project's dependencies again on this platform.");

export const unknownProvider = (provider: string, available: readonly string[]) =>
  make("usage/provider", `unknown provider "${provider}": expected one of ${available.join(", ")}`, { provider, available });

export const compileFailed = (graph: string, reason: string) =>
  make("run/compile", `onnxruntime refuses the graph "${graph}": ${reason}`, { graph, reason });

export const runtimeFailed = (reason: string) => make("run/runtime", `onnxruntime stopped with an error: ${reason}`, { reason });

// ── freeze plan and surgery ─────────────────────────────────────────────────────────────────────────────────────────

export const badFreezeRule = (rule: string, problem: string) =>
  make("recipe/freeze-rule", `freeze rule "${rule}": ${problem}`, { rule }, "A rule is a glob over parameter names; a leading ! makes trainable.");

export const ruleMatchesNothing = (rule: string, near: readonly string[]) =>
  make(
    "recipe/no-match",
    `freeze rule "${rule}" matches no parameter`,
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

export const trainableQuantised = (name: string, dtype: string) =>
  make(
    "recipe/quantised",
    `"${name}" is quantised (${dtype}), and an optimizer cannot move it`,
    { name, dtype },
    `Freeze it (add the rule "${name}"), or start from the model before quantisation.`,
  );

// ── data and recipe values that the data layer checks ───────────────────────────────────────────────────────────────

export const badSeed = (seed: number) =>
  make("recipe/seed", `seed: expected a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, got ${seed}`, { seed });

export const badOptimizer = (setting: string, expected: string, got: number) =>
  make("recipe/optimizer", `optimizer.${setting}: expected ${expected}, got ${got}`, { setting, expected, got });

export const noDataFile = (path: string, near: readonly string[]) =>
  make("data/no-file", `data file "${path}" does not exist`, { path, near }, didYouMean(near));

export const unreadableData = (path: string, reason: string) =>
  make("data/unreadable", `data file "${path}" cannot be read: ${reason}`, { path, reason });

export const malformedTable = (path: string, line: number, problem: string) =>
  make("data/table", `${path}:${line}: ${problem}`, { path, line, problem });

export const emptyTable = (path: string, what: string) =>
  make("data/empty", `${path}: expected a header and at least one row, got ${what}`, { path });

/** Rows that cannot be used, the first few in words (`digits.csv:12: column "p3": …`). */
export const badRows = (path: string, count: number, problems: readonly string[]) =>
  make(
    "data/rows",
    [
      `${path}: ${count} ${count === 1 ? "row" : "rows"} cannot be used`,
      ...problems.map((problem) => `  ${problem}`),
      ...(count > problems.length ? [`  and ${count - problems.length} more`] : []),
    ].join("\n"),
    { path, count, problems },
    "Mend or remove these rows: none is skipped on its own.",
  );

export const tooManyClasses = (path: string, column: string, classes: number, outputs: number) =>
  make(
    "data/classes",
    `${path}: column "${column}" holds ${classes} classes, the model's output has ${outputs}`,
    { path, column, classes, outputs },
    `Give the last layer of the head ${classes} units, or another label column.`,
  );

export const unknownColumn = (path: string, role: string, name: string, near: readonly string[]) =>
  make("recipe/unknown-column", `${role}: "${name}" matches no column of ${path}`, { path, name, near }, didYouMean(near));

export const labelIsFeature = (column: string) =>
  make(
    "recipe/label-feature",
    `data.features names "${column}", which is the label`,
    { column },
    "A model that is given the answer learns nothing: leave the label out of the features.",
  );

export const noFeatures = (path: string, globs: readonly string[]) =>
  make(
    "recipe/no-features",
    `data.features ${JSON.stringify(globs)}: leaves no column of ${path}`,
    { path, globs },
    "A glob adds the columns that it matches, one with ! takes them out; the last one that matches a column decides.",
  );

export const badTransform = (step: number, kind: string, expected: string, got: string) =>
  make("recipe/transform", `data.transform, step ${step} (${kind}): expected ${expected}, got ${got}`, { step, kind, expected, got });

export const badSplit = (problem: string) => make("recipe/split", `data.split: ${problem}`, { problem });

export const inputType = (name: string, expected: string, got: string) =>
  make("model/input-type", `input "${name}": expected ${expected}, got ${got}`, { name, expected, got });

// ── recipe ──────────────────────────────────────────────────────────────────────────────────────────────────────────

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

export const outputIsInput = (path: string, key: string) =>
  make("recipe/output", `"output" would overwrite "${path}", which is ${key}`, { path, key }, "Name another file.");

// ── files that a run writes and reads ───────────────────────────────────────────────────────────────────────────────

const fileReasons: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is a file",
  EEXIST: "a part of the path is a file",
  EFBIG: "the file would be larger than the system allows",
  EMFILE: "too many files are open",
};

const fileHints: Readonly<Record<string, string>> = {
  EACCES: "Make the folder writable, or put the recipe in one that is.",
  EPERM: "Make the folder writable, or put the recipe in one that is.",
  EROFS: "Put the recipe and its output on a file system that can be written to.",
  ENOSPC: "Free some space and go on with --resume; files written before are intact.",
  EDQUOT: "Free some space and go on with --resume; files written before are intact.",
};

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}

/** What the file system's error means, in words. */
export function fileReason(cause: unknown): string {
  return fileReasons[codeOf(cause)] ?? (cause instanceof Error ? cause.message : String(cause));
}

export const cannotWrite = (path: string, cause: unknown) =>
  make("run/write", `cannot write "${path}": ${fileReason(cause)}`, { path, reason: fileReason(cause) }, fileHints[codeOf(cause)]);

export const badSafetensors = (file: string, problem: string) =>
  make("data/safetensors", `"${file}" is not a sound safetensors file: ${problem}`, { file, problem });

export const unknownRun = (run: string, folder: string, near: readonly string[]) =>
  make("usage/run", `there is no run "${run}" in "${folder}"`, { run, folder, near }, didYouMean(near));

// ── proof and verification ──────────────────────────────────────────────────────────────────────────────────────────

export const verifyFailed = (violations: readonly string[], checked: number) =>
  make("check/verify", `${violations.length} of ${checked} tensors that had to stay the same did not: ${firstOf(violations)}`, {
    violations,
    checked,
  });

export const nothingToVerify = (after: string) =>
  make(
    "usage/verify",
    `"${after}" does not say which of its tensors were trained`,
    { after },
    'Name what must be unchanged: --frozen "GLOB". Models that `frostline train` exports say it themselves.',
  );

export const badMetadata = (key: string, problem: string) =>
  make("model/metadata", `model metadata "${key}": ${problem}`, { key, problem }, "It was not written by `frostline train`, or was changed since.");

function firstOf(names: readonly string[]): string {
  return names.length <= 5 ? names.join(", ") : `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`;
}

// ── command line ────────────────────────────────────────────────────────────────────────────────────────────────────

export const badUsage = (problem: string, hint: string) => make("usage/arguments", problem, {}, hint);

// ── worker ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export const workerEnded = (role: string, reason: string) =>
  make(
    "run/worker-ended",
    `the ${role} worker ended before it had answered: ${reason}`,
    { role, reason },
    "A run that was going on can be taken up again from its last checkpoint: --resume RUN.",
  );

export const unforeseen = (cause: unknown) =>
  make("run/unforeseen", `something failed that should not: ${cause instanceof Error ? cause.message : String(cause)}`, {
    stack: cause instanceof Error ? cause.stack : undefined,
  });

export const batchMixes = (output: string, difference: number) =>
  make(
    "model/batch-mixes",
    `samples of a batch are not independent: "${output}" differs by ${difference.toPrecision(2)} from the result for each sample alone`,
    { output, difference },
    "Set batchSize to 1, or cut the model earlier with head.after.",
  );

export const diverged = (step: number, epoch: number, loss: number) =>
  make(
    "run/diverged",
    `training diverged: the loss is ${loss} at step ${step} (epoch ${epoch})`,
    { step, epoch },
    "Lower optimizer.learningRate, or check the data's scale. The last checkpoint is kept.",
  );

export const badCheckpoint = (path: string) =>
  make("run/checkpoint", `"${path}" is no checkpoint that this version can read`, { path }, "Start the run again from its recipe.");

export const resumeMismatch = (path: string) =>
  make(
    "recipe/resume-mismatch",
    `the checkpoint "${path}" belongs to another recipe, model or data file`,
    { path },
    "Resume with the recipe, model and data as they were, or start a new run.",
  );

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

export const targetColumns = (output: string, expected: readonly number[], got: number) =>
  make(
    "recipe/target-columns",
    `meanSquaredError compares data.label with "${output}", which has [${expected.join(", ")}] a sample: got ${got} label column${got === 1 ? "" : "s"}`,
    { output, expected, got },
    "List one label column for each element of the output, in its order.",
  );

export const cacheUnusable = (folder: string, cause: unknown) =>
  make(
    "run/cache",
    `features cannot be kept in "${folder}": ${fileReason(cause)}`,
    { folder },
    "The run goes on without; later runs compute the frozen part again.",
  );

export const proofFailed = (phase: string, changed: readonly string[]) =>
  make(
    "check/proof",
    `${changed.length} frozen tensor${changed.length === 1 ? "" : "s"} changed in phase "${phase}": ${changed
      .slice(0, 5)
      .map((n) => `"${n}"`)
      .join(", ")}${changed.length > 5 ? ", …" : ""}`,
    { phase, changed },
    "Nothing was exported. Frozen tensors never change by design: please report this with the run's folder.",
  );

export const stoppedEarly = () => make("run/stopped", "the run was stopped before its weights were tested");
