// Expecting the engine's own errors by code.

import assert from "node:assert/strict";
import { EngineError } from "../../core/errors.js";

/** The error that `action` fails with, which has to carry this code. */
export async function failure(code: string, action: () => unknown): Promise<EngineError> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail(`expected ${code}, but nothing failed`);
}
