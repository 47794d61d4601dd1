// The table of all operators the engine knows, and the look-up that the rest of the engine uses.

import type { Node } from "../graph/types.js";
import type { OpDefinition } from "./define.js";
import { activations } from "./activations.js";
import { arithmetic } from "./arithmetic.js";
import { attentions } from "./attention.js";
import { batchNormalizations } from "./batch-normalization.js";
import { constants } from "./constants.js";
import { contribs } from "./contrib.js";
import { control } from "./control.js";
import { convolutions } from "./conv.js";
import { indexing } from "./indexing.js";
import { logic } from "./logic.js";
import { math } from "./math.js";
import { matrixProducts } from "./matmul.js";
import { movement } from "./movement.js";
import { normalizations } from "./normalization.js";
import { passing } from "./passing.js";
import { pools } from "./pooling.js";
import { quantisations } from "./quantised.js";
import { random } from "./random.js";
import { rareFunctions } from "./rare-functions.js";
import { recurrences } from "./recurrent.js";
import { reductions } from "./reductions.js";
import { selections } from "./selection.js";
import { shape } from "./shape.js";
import { signals, texts } from "./signal-and-text.js";
import { slicing } from "./slice.js";
import { softmaxes } from "./softmax.js";
import { resizing } from "./resize.js";
import { vision } from "./vision.js";

/** The opset that rules speak and that trainable parts of a model are upgraded to. */
export const internalOpset = 23;

const families: readonly (readonly OpDefinition[])[] = [
  arithmetic,
  math,
  activations,
  reductions,
  logic,
  passing,
  random,
  constants,
  shape,
  movement,
  slicing,
  indexing,
  matrixProducts,
  softmaxes,
  normalizations,
  batchNormalizations,
  convolutions,
  pools,
  rareFunctions,
  selections,
  attentions,
  recurrences,
  resizing,
  vision,
  signals,
  texts,
  control,
  quantisations,
  contribs,
];

const table: ReadonlyMap<string, OpDefinition> = new Map(families.flat().map((op) => [`${op.domain}::${op.type}`, op]));

/** What is known of a node's operator; undefined for one that Frostline does not know (fine where everything is frozen). */
export function definitionOf(node: Pick<Node, "opType" | "domain">): OpDefinition | undefined {
  return table.get(`${node.domain === "ai.onnx" ? "" : node.domain}::${node.opType}`);
}

/** A Constant node: its output is a tensor of the model, like an initializer. */
export function isConstantNode(node: Pick<Node, "opType" | "domain">): boolean {
  return node.opType === "Constant" && (node.domain === "" || node.domain === "ai.onnx");
}

export function allDefinitions(): readonly OpDefinition[] {
  return [...table.values()];
}
