// What an engine error is: a code, a message, a hint and data. The factories stand beside this file, by who has to act; nothing outside
// this folder builds an `EngineError`.

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

/** For the factories only. */
export function make(code: ErrorCode, message: string, data: Readonly<Record<string, unknown>> = {}, hint?: string): EngineError {
  return new EngineError({ code, message, data, ...(hint === undefined ? {} : { hint }) });
}

/** `Conv "conv1"`, or `unnamed Conv that makes "y"` where the file gives no name. */
export function describeNode(node: { readonly opType: string; readonly name: string; readonly outputs: readonly string[] }): string {
  return node.name === "" ? `unnamed ${node.opType} that makes "${node.outputs.find((o) => o !== "") ?? ""}"` : `${node.opType} "${node.name}"`;
}

export type NodeLike = Parameters<typeof describeNode>[0];

/** An error that was sent as data, as an error again. */
export function revive(data: ErrorData): EngineError {
  return new EngineError(data);
}
