// Einsum: sums over products whose axes are named by letters.

import { stringAttribute } from "../graph/attributes.js";
import type { Dim, Node, Shape } from "../graph/types.js";
import { agree, differentAxes, range } from "./axes.js";
import { defineOp, parameter, sameBatch, type BatchRule, type GradientRule, type InferRule, type Site } from "./define.js";
import { tensorType } from "./rules.js";

interface Equation {
  /** Letters of each operand's axes, and of the result's. */
  readonly operands: readonly string[];
  readonly result: string;
}

const alphabet = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"];

/**
 * The equation with letters in place of `...`, and its result written out: without `->` that is what `...` stands for, then the letters
 * that occur once, in alphabetical order. Undefined where ranks are not known, or do not fit.
 */
function equationOf(node: Node, ranks: readonly (number | undefined)[]): Equation | undefined {
  const text = stringAttribute(node, "equation").replaceAll(" ", "");
  const [terms, written] = text.split("->");
  const operands = terms.split(",");
  const named = operands.map((term) => term.replace("...", "").length);
  const extra = operands.map((term, i) => (term.includes("...") ? (ranks[i] ?? NaN) - named[i] : 0));
  if (operands.length !== ranks.length || extra.some((n, i) => !(n >= 0) || named[i] + n !== ranks[i])) return undefined;
  const hidden = alphabet.filter((letter) => !text.includes(letter)).slice(0, Math.max(0, ...extra)).join(""); // prettier-ignore
  const full = operands.map((term, i) => term.replace("...", hidden.slice(hidden.length - extra[i])));
  const all = [...operands.join("").replaceAll(".", "")];
  const once = all.filter((letter) => all.indexOf(letter) === all.lastIndexOf(letter)).sort();
  return { operands: full, result: written === undefined ? hidden + once.join("") : written.replace("...", hidden) };
}

function siteEquation({ node, inputs }: Pick<Site, "node" | "inputs">): Equation | undefined {
  return equationOf(node, inputs.map((f) => f.type?.shape?.length)); // prettier-ignore
}

const inferEinsum: InferRule = (types, site) => {
  const dtype = types.find((t) => t !== undefined)?.dtype;
  const equation = siteEquation(site);
  if (dtype === undefined || equation === undefined) return [dtype && tensorType(dtype, undefined)];
  const sizes = new Map<string, Dim>();
  for (const [i, letters] of equation.operands.entries()) {
    const shape = types[i]?.shape as Shape;
    [...letters].forEach((letter, axis) => {
      const known = sizes.get(letter);
      sizes.set(letter, known === undefined || known === 1 ? shape[axis] : (agree(known, shape[axis]) ?? known));
    });
  }
  return [tensorType(dtype, [...equation.result].map((letter) => sizes.get(letter) as Dim))]; // prettier-ignore
};

function unsupportedForm(site: Site): string | undefined {
  const equation = siteEquation(site);
  if (equation === undefined) return "the ranks of its operands are not known";
  return equation.operands.some((letters) => new Set(letters).size < letters.length) ? "it takes a diagonal" : undefined;
}

/** Each operand's gradient is again such a sum: of dy and the other operands, over the letters that the operand does not have. */
const gradEinsum: GradientRule = ({ b, node, inputs, dOutputs }) =>
  inputs.map((x, i) => () => {
    const { operands, result } = equationOf(node, inputs.map((v) => b.rank(v))) as Equation; // prettier-ignore
    const others = range(inputs.length).filter((k) => k !== i);
    const terms = [result, ...others.map((k) => operands[k])];
    // A letter that nothing else has was summed over alone: its gradient is the same along the whole axis.
    const alone = range(operands[i].length).filter((axis) => !terms.some((term) => term.includes(operands[i][axis])));
    const shared = [...operands[i]].filter((_, axis) => !alone.includes(axis)).join("");
    const values = [dOutputs[0], ...others.map((k) => inputs[k])];
    const sum = b.op("Einsum", values, { attributes: { equation: `${terms.join(",")}->${shared}` } });
    const whole = b.unsqueeze(sum, alone);
    const narrow = whole.type.shape?.some((d, axis) => d === 1 && x.type.shape?.[axis] !== 1) === true;
    return narrow ? b.expandLike(whole, x) : whole;
  });

const batchEinsum: BatchRule = (axes, site) => {
  const equation = siteEquation(site);
  if (equation === undefined) return "the ranks of its operands are not known";
  const found = axes.flatMap((axis, i) => (axis === undefined ? [] : [{ axis, letter: equation.operands[i][axis.axis] }]));
  const [{ axis, letter }] = found;
  if (found.some((other) => other.letter !== letter || !sameBatch({ ...other.axis, axis: axis.axis }, axis))) return differentAxes;
  const at = equation.result.indexOf(letter);
  return at < 0 ? "sums over the axis of the batch" : [{ ...axis, axis: at }];
};

export const einsum = defineOp({
  type: "Einsum",
  since: 12,
  attributes: { equation: "string" },
  slot: () => parameter("weight"),
  infer: inferEinsum,
  unsupportedForm,
  grad: gradEinsum,
  batch: batchEinsum,
  docs: "Sums over products with named axes. https://onnx.ai/onnx/operators/onnx__Einsum.html",
});
