// What can be wrong with a model: its graph, its file, and what has no gradient.

import { describeNode, make, type NodeLike } from "./define.js";
import { didYouMean } from "../graph/nearest.js";

// ── graph ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

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

// ── model files ───────────────────────────────────────────────────────────────────────────────────────────────────────

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

// ── autodiff ──────────────────────────────────────────────────────────────────────────────────────────────────────────

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

// ── batch ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const batchMixes = (output: string, difference: number) =>
  make(
    "model/batch-mixes",
    `samples of a batch are not independent: "${output}" differs by ${difference.toPrecision(2)} from the result for each sample alone`,
    { output, difference },
    "Set batchSize to 1, or cut the model earlier with head.after.",
  );
