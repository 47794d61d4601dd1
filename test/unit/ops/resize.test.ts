import assert from "node:assert/strict";
import type { attributes } from "../../../core/graph/attributes.js";
import { tensorOf } from "../../../core/graph/tensor.js";
import { gradients } from "../../../core/autodiff/gradients.js";
import { flowTo } from "../../../core/autodiff/flow.js";
import type { Facts } from "../../../core/ops/define.js";
import { factsOfTensor } from "../../../core/ops/facts.js";
import type { Graph } from "../../../core/graph/types.js";
import { absent, elementsOf, factsOf, nodeOf, of } from "../../support/op-facts.js";
import { graphOf, info, node } from "../../support/graphs.js";

/** x [N, 2, H, W] resized by scales that a Concat makes. */
function upsampled(settings: Parameters<typeof attributes>[0], scale: number): Graph {
  return graphOf({
    inputs: [info("x", ["N", 2, "H", "W"])],
    outputs: ["y"],
    tensors: { same: tensorOf("float32", [1, 1]), more: tensorOf("float32", [scale, scale]) },
    nodes: [node("Concat", ["same", "more"], ["scales"], { axis: 0 }), node("Resize", ["x", "", "scales"], ["y"], settings)],
  });
}

function opsOf(graph: Graph): ReadonlySet<string> {
  return new Set(gradients(graph, ["y"], ["x"]).graph.nodes.map((n) => n.opType));
}

describe("the gradient of Resize", () => {
  it("adds up the copies of a nearest neighbour, also of open sizes", () => {
    const ops = opsOf(upsampled({ mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" }, 2));
    assert.ok(ops.has("ReduceSum"));
    assert.ok(!ops.has("MatMul"));
  });

  it("multiplies with the matrix that interpolates in all other cases", () => {
    assert.ok(opsOf(upsampled({ mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "ceil" }, 2)).has("MatMul"));
    assert.ok(opsOf(upsampled({ mode: "nearest" }, 1.5)).has("MatMul"));
    assert.ok(opsOf(upsampled({ mode: "linear" }, 2)).has("MatMul"));
  });

  it("is refused where it would be another than the runtime's", () => {
    const scales = factsOfTensor(tensorOf("float32", [1, 1, 2, 2]));
    const reason = (settings: Parameters<typeof attributes>[0]): string => {
      const operands = [of(["N", 2, 4, 4]), absent, scales];
      const facts = new Map<string, Facts>(operands.map((f, i) => [`x${i}`, f]));
      const flow = flowTo(nodeOf("Resize", operands, settings), 0, (name) => facts.get(name) ?? absent);
      return flow.kind === "unsupported" ? flow.reason : flow.kind;
    };
    assert.equal(reason({ mode: "linear" }), "flows");
    assert.match(reason({ mode: "cubic" }), /cubic/);
    assert.match(reason({ mode: "linear", antialias: 1 }), /antialiasing/);
    assert.match(reason({ mode: "linear", coordinate_transformation_mode: "tf_crop_and_resize" }), /tf_crop_and_resize/);
    assert.match(reason({ mode: "nearest", keep_aspect_ratio_policy: "not_larger" }), /aspect/);
  });
});

describe("scales for an image", () => {
  it("are known where they are joined from known ones", () => {
    const part = (...values: readonly number[]) => factsOfTensor(tensorOf("float32", values));
    assert.deepEqual(factsOf("Concat", [part(1, 1), part(2, 1.5)], { axis: 0 })[0].floats, [1, 1, 2, 1.5]);
    assert.equal(factsOf("Concat", [part(1, 1), of([2])], { axis: 0 })[0].floats, undefined);
    assert.equal(elementsOf("Concat", [part(1, 1), part(2, 2)], { axis: 0 }), undefined);
  });
});
