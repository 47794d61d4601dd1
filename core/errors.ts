// Every error the engine can report, one factory each, by who has to act: `import * as errors` from here. The exit status of the command
// line follows from a code's first segment.

export * from "./errors/data.js";
export { describeNode, EngineError, exitCodeOf, revive, type ErrorArea, type ErrorCode, type ErrorData } from "./errors/define.js";
export { fileReason } from "./errors/files.js";
export * from "./errors/images.js";
export * from "./errors/model.js";
export * from "./errors/recipe.js";
export * from "./errors/run.js";
