// Softmax and LogSoftmax along one axis.

import { attribute, intAttribute } from "../graph/attributes.js";
import type { Node } from "../graph/types.js";
import { batchOutside, resolveAxis } from "./axes.js";
import { defineOp, type Site, type Upgrade } from "./define.js";

function alongAxis({ node, inputs }: Site): readonly number[] | string {
  const rank = inputs[0].type?.shape?.length;
  return rank === undefined ? "the rank of its operand is not known" : [resolveAxis(node, intAttribute(node, "axis", -1), rank)];
}

/**
 * Before opset 13 all axes from `axis` (default 1) on were taken together. That is a softmax along the last axis where `axis` is the
 * last one, and otherwise a softmax over rows of a matrix, with the shape put back.
 */
export const fromMatrixForm: Upgrade = {
  to: 13,
  rewrite: (node, { facts, fresh }) => {
    const axis = intAttribute(node, "axis", 1);
    const rank = facts(node.inputs[0]).type?.shape?.length;
    const along = (of: Node, last: number): Node => ({ ...of, attributes: new Map([["axis", attribute(last)]]) });
    if (axis === -1 || axis + 1 === rank) return [along(node, -1)];
    const [matrix, softened, shape] = ["matrix", "softened", "shape"].map((part) => fresh(`${node.outputs[0]}_${part}`));
    const [input] = node.inputs;
    const helper = (opType: string, inputs: readonly string[], output: string): Node => ({
      name: output,
      opType,
      domain: "",
      inputs,
      outputs: [output],
      attributes: new Map(),
    });
    return [
      { ...helper("Flatten", [input], matrix), attributes: new Map([["axis", attribute(axis)]]) },
      along({ ...node, inputs: [matrix], outputs: [softened] }, -1),
      helper("Shape", [input], shape),
      helper("Reshape", [softened, shape], node.outputs[0]),
    ];
  },
};

const softmax = defineOp({
  type: "Softmax",
  since: 13,
  attributes: { axis: "int" },
  infer: ([x]) => [x],
  grad: ({ b, node, inputs: [x], outputs: [y], dOutputs }) => [
    () => {
      const axis = resolveAxis(node, intAttribute(node, "axis", -1), b.rank(x));
      const weighted = b.mul(dOutputs[0], y);
      return b.sub(weighted, b.mul(y, b.reduceSum(weighted, [axis])));
    },
  ],
  batch: batchOutside(alongAxis, "normalises"),
  upgrades: [fromMatrixForm],
  activation: "probabilities",
  docs: "Exponentials along an axis, scaled to sum to 1. https://onnx.ai/onnx/operators/onnx__Softmax.html",
});

const logSoftmax = defineOp({
  type: "LogSoftmax",
  since: 13,
  attributes: { axis: "int" },
  infer: ([x]) => [x],
  grad: ({ b, node, inputs: [x], outputs: [y], dOutputs }) => [
    () => {
      const axis = resolveAxis(node, intAttribute(node, "axis", -1), b.rank(x));
      const [dy] = dOutputs;
      return b.sub(dy, b.mul(b.exp(y), b.reduceSum(dy, [axis])));
    },
  ],
  batch: batchOutside(alongAxis, "normalises"),
  upgrades: [fromMatrixForm],
  activation: "logProbabilities",
  docs: "Logarithm of Softmax. https://onnx.ai/onnx/operators/onnx__LogSoftmax.html",
});

export const softmaxes = [softmax, logSoftmax];
