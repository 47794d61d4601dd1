// The public library: reading and writing models, differentiating them, inspecting and comparing them, and training by a recipe.

export { EngineError, exitCodeOf, type ErrorArea, type ErrorCode, type ErrorData } from "./errors.js";
export { gradients, type GradientOptions, type Gradients } from "./autodiff/gradients.js";
export { analyseFreeze, type BlockedReason, type Mark, type MarkedParameter } from "./autodiff/freeze.js";
export { collectParameters, type Parameter } from "./autodiff/parameters.js";
export { insertStops as stopGradient } from "./passes/stop-gradient.js";
export { analyseBatch, freeBatch, type BatchAnalysis } from "./passes/batch.js";
export { readModel, writeModel } from "./onnx/file.js";
export { decodeModel } from "./onnx/decode.js";
export { encodeModel } from "./onnx/encode.js";
export type { DType, Graph, Model, Node, Tensor } from "./graph/types.js";
export { numbersOf, tensorOf } from "./graph/tensor.js";
export { loadRecipe, parseRecipe, phasesOf, recipeJsonSchema, resolveRecipe, type Phase, type Recipe, type ResolvedRecipe } from "./train/recipe.js";
export { train } from "./train/train.js";
export type { DoneEvent, TrainEvent, TrainHooks, TrainRequest, TrainResult } from "./train/events.js";
export { inspectFile, inspectModel, type InspectReport } from "./train/inspect.js";
export { verifyFiles, verifyModels, type VerifyReport } from "./train/verify.js";
export { hashTensor } from "./train/proof.js";
export { readTrainingMetadata, type TrainingMetadata } from "./train/metadata.js";
export { decodeSafetensors, encodeSafetensors, readSafetensors, writeSafetensors, type Safetensors } from "./train/safetensors.js";
export { startWorker, type WorkerClient } from "./worker/client.js";
export type { WorkerOptions } from "./worker/link.js";
export { version } from "./version.js";
