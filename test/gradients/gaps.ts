// Gradient cases that a provider cannot run or computes more coarsely, with the reason: they are skipped there, by name. What users are
// told of them stands in media/docs/operators.md.

import type { Provider } from "../../core/runtime/providers.js";

const doesNotCompile = "onnxruntime's kernel does not compile";
const coarse = "the device's own function is coarser";

/** Reason by the case's title. */
export const gaps: Readonly<Partial<Record<Provider, Readonly<Record<string, string>>>>> = {
  webgpu: {
    "Sin [2, 3] opset 7 (old form)": coarse,
    "Cos [2, 3] opset 7 (old form)": coarse,
    "MatMul [2, 5, 3] [3]": doesNotCompile,
    "MatMul [3] [2, 3, 4]": doesNotCompile,
    "Einsum [2, 2, 5, 3] [3, 4] equation=...ij,jk->...ik": doesNotCompile,
    "LayerNormalization [2, 3, 4] [1] [1] epsilon=0.125 (broadcast scale)": "onnxruntime's kernel takes no scale of another size",
    "Softmax [2, 3, 2] axis=0 opset 11 (first axis)": "onnxruntime's kernel refuses the shape",
  },
};
