// Elementwise arithmetic with broadcasting: Add, Sub, Mul, Div and their kin. Gradients come back in the broadcast shape.

import { defineOp, operand, slots } from "./define.js";
import { batchElementwise, inferBroadcast } from "./rules.js";

const add = defineOp({
  type: "Add",
  since: 14,
  infer: inferBroadcast(),
  slot: slots([operand("bias"), operand("bias")]),
  batch: batchElementwise,
  grad: ({ dOutputs: [dy] }) => [dy, dy],
  docs: "Sum of two tensors, with broadcasting. https://onnx.ai/onnx/operators/onnx__Add.html",
});

export const arithmetic = [add];
