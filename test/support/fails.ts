// Expecting the engine's own errors from code that answers at once.

import assert from "node:assert/strict";
import { EngineError } from "../../core/errors.js";

/** `action` fails with this code, and with a message that matches where a pattern is given. */
export function fails(action: () => unknown, code: string, message?: RegExp): void {
  assert.throws(action, (error) => {
    if (!(error instanceof EngineError)) return false;
    assert.equal(error.code, code, error.message);
    if (message !== undefined) assert.match(error.message, message);
    return true;
  });
}
