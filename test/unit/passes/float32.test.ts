import assert from "node:assert/strict";
import { tensorOf, numbersOf } from "../../../core/graph/tensor.js";
import type { Graph } from "../../../core/graph/types.js";
import { inferGraph } from "../../../core/ops/infer.js";
import { inFloat32 } from "../../../core/passes/float32.js";
import { graphOf, info, node } from "../../support/graphs.js";
import { fed, numbers, runGraph } from "../../support/run-graph.js";

/** y = cast(x) · w + c in another precision, and cast back. */
function half(dtype: "float16" | "bfloat16" | "float64", code: number): Graph {
  return graphOf({
    inputs: [info("x", ["N", 2])],
    outputs: [info("y", ["N", 2]), info("h", ["N", 2], dtype)],
    nodes: [
      node("Cast", ["x"], ["xh"], { to: code }),
      node("Constant", [], ["c"], { value: tensorOf(dtype, [0.5, -0.25]) }),
      node("MatMul", ["xh", "w"], ["xw"]),
      node("Add", ["xw", "c"], ["h"]),
      node("Cast", ["h"], ["y"], { to: 1 }),
    ],
    tensors: { w: tensorOf(dtype, [1, 2, 3, 4], [2, 2]) },
    valueTypes: [info("xw", ["N", 2], dtype)],
  });
}

describe("computing in float32", () => {
  for (const [dtype, code] of [
    ["float16", 10],
    ["bfloat16", 16],
    ["float64", 11],
  ] as const) {
    // prettier-ignore
    it(`leaves no ${dtype} anywhere, and computes the same`, async () => {
      const graph = inFloat32(half(dtype, code));
      const types = [...inferGraph(graph).values()].map((f) => f.type?.dtype);
      assert.deepEqual([...new Set(types)], ["float32"]);
      assert.deepEqual([...numbersOf(graph.initializers.get("w") ?? tensorOf(dtype, []))], [1, 2, 3, 4]);
      const values = await runGraph(graph, { x: fed(tensorOf("float32", [1, -1, 0.5, 2], [2, 2])) });
      assert.deepEqual(numbers(values.y), [-1.5, -2.25, 7, 8.75]);
      assert.deepEqual([values.h.dtype, numbers(values.h)], ["float32", [-1.5, -2.25, 7, 8.75]]);
    });
  }

  it("reaches into subgraphs", () => {
    const branch = { ...half("float16", 10), inputs: [], nodes: [node("Identity", ["w"], ["h"])], outputs: [info("h", [2, 2], "float16")] };
    const graph = graphOf({
      inputs: [info("p", [], "bool")],
      outputs: [info("y", [2, 2], "float16")],
      nodes: [node("If", ["p"], ["y"], { then_branch: { type: "graph", value: branch }, else_branch: { type: "graph", value: branch } })],
    });
    const then = inFloat32(graph).nodes[0].attributes.get("then_branch");
    assert.equal(then?.type === "graph" && then.value.initializers.get("w")?.dtype, "float32");
    assert.equal(then?.type === "graph" && then.value.outputs[0].type?.kind === "tensor" && then.value.outputs[0].type.dtype, "float32");
  });

  it("answers a graph that does so already as it is", () => {
    const graph = graphOf({ inputs: [info("x", [2])], outputs: ["y"], nodes: [node("Cast", ["x"], ["y"], { to: 7 })] });
    assert.equal(inFloat32(graph), graph);
  });
});
