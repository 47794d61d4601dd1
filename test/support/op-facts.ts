// Asks one operator's record, in few words: what it infers, where it puts the batch, what it rewrites to free one.

import assert from "node:assert/strict";
import { EngineError } from "../../core/errors.js";
import { attributes } from "../../core/graph/attributes.js";
import { numbersOf } from "../../core/graph/tensor.js";
import type { Dim, DType, Node, Shape, Tensor } from "../../core/graph/types.js";
import { batchAlone, type BatchAxis, type BatchSite, type Facts, type UpgradeContext } from "../../core/ops/define.js";
import { definitionOf } from "../../core/ops/index.js";
import { inferOutputs, siteOf } from "../../core/ops/infer.js";

/** A float32 operand of a shape. */
export function of(shape: Shape | undefined, dtype: DType = "float32"): Facts {
  return { type: { kind: "tensor", dtype, ...(shape === undefined ? {} : { shape }) } };
}

/** An int64 vector with known elements. */
export function known(...ints: readonly Dim[]): Facts {
  return { type: { kind: "tensor", dtype: "int64", shape: [ints.length] }, ints };
}

/** An int64 scalar with a known value. */
export function scalar(value: Dim): Facts {
  return { type: { kind: "tensor", dtype: "int64", shape: [] }, ints: [value] };
}

/** An operand that is left out. */
export const absent: Facts = { type: undefined };

/** Expects that an operator cannot have these operands, with a message like `pattern`. */
export function refuses(action: () => unknown, pattern = /"node"/): void {
  assert.throws(action, (error) => error instanceof EngineError && error.code === "model/shape" && pattern.test(error.message));
}

type Settings = Parameters<typeof attributes>[0];

export function nodeOf(opType: string, inputs: readonly Facts[], settings: Settings = {}, outputs = 1): Node {
  return {
    name: "node",
    opType,
    domain: "",
    inputs: inputs.map((f, i) => (f === absent ? "" : `x${i}`)),
    outputs: Array.from({ length: outputs }, (_, i) => `y${i}`),
    attributes: attributes(settings),
  };
}

export function factsOf(opType: string, inputs: readonly Facts[], settings: Settings = {}, outputs = 1): readonly Facts[] {
  return inferOutputs(nodeOf(opType, inputs, settings, outputs), inputs);
}

/** Shape of the first output, with unknown sizes written `?`. */
export function shapeOf(opType: string, inputs: readonly Facts[], settings: Settings = {}): Shape | undefined {
  return shapesOf(opType, inputs, settings)[0];
}

export function shapesOf(opType: string, inputs: readonly Facts[], settings: Settings = {}, outputs = 1): readonly (Shape | undefined)[] {
  return factsOf(opType, inputs, settings, outputs).map((f) => f.type?.shape?.map((d) => (typeof d === "string" && d.startsWith("?") ? "?" : d)));
}

/** Known elements of the first output. */
export function elementsOf(opType: string, inputs: readonly Facts[], settings: Settings = {}): readonly Dim[] | undefined {
  return factsOf(opType, inputs, settings)[0].ints;
}

export function batchSite(opType: string, inputs: readonly Facts[], settings: Settings = {}, outputs = 1): BatchSite {
  const node = nodeOf(opType, inputs, settings, outputs);
  return { ...siteOf(node, inputs), outputs: inferOutputs(node, inputs), batch: "N" };
}

/**
 * Axis of the batch `N` in the first output, with what is merged inside and outside of it (`[axis, inner]`, `[axis, inner, outer]` where
 * there is an outer), or the reason why there is none. `axes` are those of the inputs; a number is an axis that holds the batch alone.
 */
export function batchOf(
  opType: string,
  inputs: readonly Facts[],
  axes: readonly (number | BatchAxis | undefined)[],
  settings: Settings = {},
): readonly [number, Dim] | readonly [number, Dim, Dim] | string | undefined {
  const site = batchSite(opType, inputs, settings);
  const full = axes.map((axis) => (typeof axis === "number" ? batchAlone(axis) : axis));
  const found = definitionOf(site.node)?.batch?.(full, site);
  if (found === undefined || typeof found === "string") return found ?? "no batch rule";
  const [first] = found;
  return first && (first.outer === 1 ? [first.axis, first.inner] : [first.axis, first.inner, first.outer]);
}

/** Elements of the constant that takes the place of input 1 where a node's batch is freed; undefined where nothing is rewritten. */
export function freedConstant(
  opType: string,
  inputs: readonly Facts[],
  axis: BatchAxis | number,
  settings: Settings = {},
): readonly number[] | undefined {
  const site = batchSite(opType, inputs, settings);
  const constants = new Map<string, Tensor>();
  const context: UpgradeContext = {
    constant: (tensor) => {
      constants.set("constant", tensor);
      return "constant";
    },
    fresh: (hint) => hint,
    facts: () => absent,
  };
  const freed = definitionOf(site.node)?.freeBatch?.([typeof axis === "number" ? batchAlone(axis) : axis], site, context);
  const tensor = freed === undefined ? undefined : constants.get(freed[0].inputs[1]);
  return tensor && Array.from(numbersOf(tensor));
}
