// What the records of operators without a gradient share. They can stand in a frozen part of a model, where their shapes, weights and
// batch rules count; a trainable part refuses them with the reason given here.

import type { TensorType } from "../graph/types.js";
import { commonAxis } from "./axes.js";
import { defineOp, type BatchRule, type BatchSite, type GradientStance, type InferRule, type OpDefinition, type OpSpecification } from "./define.js";

interface Family {
  /** Why no gradient passes; or `zero` for results that do not vary with the inputs. */
  readonly grad: Exclude<GradientStance, (...args: never) => unknown>;
  readonly domain?: string;
  /** Page of an operator's definition. */
  readonly page: (type: string) => string;
}

export const onnxPage = (type: string): string => `https://onnx.ai/onnx/operators/onnx__${type}.html`;

/** A maker of records for operators that share a stance and a domain. */
export function family({ grad, domain = "", page }: Family) {
  return (type: string, docs: string, rest: Omit<OpSpecification, "type" | "since" | "grad" | "docs"> & Partial<OpSpecification>): OpDefinition =>
    defineOp({ type, since: 1, domain, grad, ...rest, docs: `${docs} ${page(type)}` });
}

/** Nothing is known of the outputs but what the file declares. */
export const inferNothing: InferRule = (_, { node }) => node.outputs.map((): TensorType | undefined => undefined);

export const inferSame: InferRule = ([x]) => [x];

/** The samples lie along the first axis of whatever varies with them, and stay there in every output. */
export const batchFirst: BatchRule = (axes, { node }) => {
  const found = commonAxis(axes);
  if (typeof found === "string") return found;
  return found.axis === 0 ? node.outputs.map(() => found) : "expects the batch at the first axis of its operands";
};

/** Samples pass through unchanged, wherever they lie; no other operand may vary with them. */
export const batchOfFirstInput: BatchRule = ([x, ...others], { node }) => {
  if (others.some((axis) => axis !== undefined)) return "its settings depend on the samples";
  return node.outputs.map(() => x);
};

/** The rule of an operator with the operands `at` alone, for one that has settings between them. */
export function picking(rule: BatchRule, at: readonly number[]): BatchRule {
  return (axes, site) => {
    if (axes.some((axis, i) => axis !== undefined && !at.includes(i))) return "its settings depend on the samples";
    const inner: BatchSite = { ...site, inputs: at.map((i) => site.inputs[i]) };
    return rule(at.map((i) => axes[i]), inner); // prettier-ignore
  };
}
