// Comparing two model files: which tensors are the same, which changed, and whether one changed that must not have.

import { collectParameters } from "../autodiff/parameters.js";
import * as errors from "../errors.js";
import { subgraphs, tensorAttribute } from "../graph/attributes.js";
import { isFloat, isQuantised } from "../graph/tensor.js";
import type { Graph, Model, Tensor } from "../graph/types.js";
import { readModel } from "../onnx/file.js";
import { isConstantNode } from "../ops/index.js";
import { hashFile } from "./files.js";
import { readTrainingMetadata } from "./metadata.js";
import { applyPlan } from "./plan.js";
import { hashTensor } from "./proof.js";

/** Names of tensors, in the order of the earlier model (`added`: of the later one). */
export interface VerifyReport {
  readonly same: readonly string[];
  readonly changed: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Those that had to stay the same and did not: changed, or gone without the recorded cut having removed them. */
  readonly violations: readonly string[];
  /** How many had to stay the same, without those that the recorded cut removed. */
  readonly checked: number;
  /** Whether the earlier file is the one that the later model's run started from; absent where the later model does not say. */
  readonly baseModel?: BaseModelCheck;
}

/** SHA-256 (hex) of the file that the run started from, and of the one that was given in its place. */
export interface BaseModelCheck {
  readonly expected: string;
  readonly got: string;
  readonly same: boolean;
}

export interface VerifyOptions {
  /** Plan of what must be unchanged, in place of what the later model says about itself. */
  readonly frozen?: readonly string[] | undefined;
}

/** Reads and compares two files. @throws as `readModel` and `verifyModels` */
export async function verifyFiles(before: string, after: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  const [earlier, later] = [await readModel(before), await readModel(after)];
  const report = verifyModels(earlier, later, { ...options, afterName: after });
  const { baseModel: expected } = readTrainingMetadata(later.metadata);
  if (expected === undefined) return report;
  const got = await hashFile(before);
  return { ...report, baseModel: { expected, got, same: got === expected } };
}

/**
 * Compares all floating and quantised tensors (initializers and Constant nodes, those of subgraphs included) by stored name. What must
 * be the same is what `frozen` matches, or else every tensor that the later model's metadata does not list as trained.
 * @throws usage/verify where neither says what must be the same; model/metadata; recipe/freeze-rule, recipe/no-match
 */
export function verifyModels(
  before: Model,
  after: Model,
  { frozen, afterName = "AFTER" }: VerifyOptions & { afterName?: string } = {},
): VerifyReport {
  const { trained, cut } = readTrainingMetadata(after.metadata);
  const earlier = tensorsOf(before.graph);
  const later = tensorsOf(after.graph);
  const mustStay = selection(earlier, frozen, trained) ?? fail(errors.nothingToVerify(afterName));
  const names = [...earlier.keys()];
  const removed = names.filter((name) => !later.has(name));
  const changed = names.filter((name) => later.has(name) && later.get(name)?.hash !== earlier.get(name)?.hash);
  const cutAway = new Set(removed.filter((name) => cut?.removed.includes(name)));
  return {
    same: names.filter((name) => later.get(name)?.hash === earlier.get(name)?.hash),
    changed,
    added: [...later.keys()].filter((name) => !earlier.has(name)),
    removed,
    violations: [...changed, ...removed.filter((name) => !cutAway.has(name))].filter((name) => mustStay.has(name)),
    checked: [...mustStay].filter((name) => !cutAway.has(name)).length,
  };
}

function fail(error: errors.EngineError): never {
  throw error;
}

function selection(
  earlier: ReadonlyMap<string, Entry>,
  frozen: readonly string[] | undefined,
  trained: readonly string[] | undefined,
): ReadonlySet<string> | undefined {
  if (frozen !== undefined && frozen.length > 0) {
    const { isFrozen } = applyPlan(frozen, [...earlier.values()]);
    return new Set([...earlier].filter(([, entry]) => isFrozen(entry)).map(([name]) => name));
  }
  const moved = new Set(trained);
  return trained === undefined ? undefined : new Set([...earlier.keys()].filter((name) => !moved.has(name)));
}

interface Entry {
  readonly name: string;
  /** The parameter's path; its name for a tensor that is no parameter. */
  readonly path: string;
  readonly kind: "parameter" | "buffer";
  readonly hash: string;
}

function tensorsOf(graph: Graph): ReadonlyMap<string, Entry> {
  const known = new Map(collectParameters(graph).map((p) => [p.tensor, p]));
  const entries = new Map<string, Entry>();
  for (const { name, tensors } of walk(graph, "")) {
    const [first] = tensors;
    if (!isFloat(first.dtype) && !isQuantised(first.dtype)) continue;
    const parameter = known.get(first);
    const hash = tensors.map(hashTensor).join(" ");
    entries.set(name, { name, path: parameter?.path ?? name, kind: parameter?.kind ?? "parameter", hash });
  }
  return entries;
}

/** Every tensor by name, sparse ones as values and indices; names of a subgraph start with the node that holds it. */
function* walk(graph: Graph, scope: string): Generator<{ readonly name: string; readonly tensors: readonly Tensor[] }> {
  for (const [name, tensor] of graph.initializers) yield { name: scope + name, tensors: [tensor] };
  for (const [name, { values, indices }] of graph.sparseInitializers) yield { name: scope + name, tensors: [values, indices] };
  for (const node of graph.nodes) {
    const constant = isConstantNode(node) ? tensorAttribute(node, "value") : undefined;
    if (constant !== undefined) yield { name: scope + node.outputs[0], tensors: [constant] };
    for (const inner of subgraphs(node)) yield* walk(inner.graph, `${scope}${node.name === "" ? node.outputs[0] : node.name}/${inner.name}/`);
  }
}
