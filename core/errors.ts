// Every error the engine can report: its code, its data and its text, one factory each. The exit status of the command
// line follows from the code's first segment (see `exitCodeOf`); nothing outside this file builds an `EngineError`.

import { didYouMean } from "./graph/nearest.js";

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
