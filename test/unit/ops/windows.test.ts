// Shapes of convolutions and pools against what onnxruntime makes of the same attributes, and what stays known of symbolic sizes.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Node, Tensor } from "../../../core/graph/types.js";
import { inferGraph } from "../../../core/ops/infer.js";
import { graphOf, node, ramp } from "../../support/graphs.js";
import { batchOf, of, refuses, shapeOf, shapesOf } from "../../support/op-facts.js";
import { runGraph } from "../../support/run-graph.js";

const small = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
const pair = (values: fc.Arbitrary<number>): fc.Arbitrary<number[]> => fc.array(values, { minLength: 2, maxLength: 2 });
const geometry = fc.record({
  sizes: pair(small(6, 11)),
  kernel: pair(small(1, 3)),
  strides: pair(small(1, 4)),
  dilations: pair(small(1, 2)),
  pads: fc.array(small(0, 2), { minLength: 4, maxLength: 4 }),
  auto: fc.constantFrom("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"),
  group: small(1, 3),
  ceil: small(0, 1),
});
type Geometry = typeof geometry extends fc.Arbitrary<infer T> ? T : never;

/** Attributes that the runtime takes together: automatic padding excludes dilation and explicit pads. */
function windowSettings({ strides, dilations, pads, auto }: Geometry, wide = true) {
  if (auto === "NOTSET") return { strides, dilations, pads: wide ? pads : pads.map(() => 0) };
  return { strides, auto_pad: auto };
}

async function agrees(own: Node, tensors: Readonly<Record<string, Tensor>>, outputs = 1): Promise<void> {
  const graph = graphOf({ inputs: [], outputs: own.outputs.map((name) => ({ name, type: undefined })), nodes: [own], tensors, opset: 22 });
  const facts = inferGraph(graph);
  const results = await runGraph(graph);
  for (const name of own.outputs.slice(0, outputs)) assert.deepEqual(facts.get(name)?.type?.shape, results[name].shape, name);
}

describe("shapes of windows", () => {
  it("are onnxruntime's for any convolution", async () => {
    await fc.assert(
      fc.asyncProperty(geometry, async (g) => {
        const tensors = { x: ramp(2, 2 * g.group, ...g.sizes), w: ramp(3 * g.group, 2, ...g.kernel) };
        await agrees(node("Conv", ["x", "w"], ["y"], { ...windowSettings(g), group: g.group }), tensors);
      }),
      { numRuns: 80 },
    );
  });

  it("are onnxruntime's for any transposed convolution", async () => {
    await fc.assert(
      fc.asyncProperty(geometry, fc.boolean(), async (g, extra) => {
        const tensors = { x: ramp(1, 2 * g.group, ...g.sizes), w: ramp(2 * g.group, 3, ...g.kernel) };
        const output_padding = extra ? g.strides.map((s) => s - 1) : undefined;
        const settings = g.auto === "NOTSET" ? { ...windowSettings(g), output_padding } : windowSettings(g);
        await agrees(node("ConvTranspose", ["x", "w"], ["y"], { ...settings, group: g.group }), tensors);
      }),
      { numRuns: 80 },
    );
  });

  for (const opType of ["MaxPool", "AveragePool", "LpPool"]) {
    it(`are onnxruntime's for any ${opType}`, async () => {
      await fc.assert(
        fc.asyncProperty(geometry, async (g) => {
          // The runtime wants padding smaller than the kernel.
          const fits = g.pads.every((p, i) => p < g.kernel[i % 2]);
          const settings = { ...windowSettings(g, fits), kernel_shape: g.kernel, ceil_mode: g.ceil };
          await agrees(node(opType, ["x"], opType === "MaxPool" ? ["y", "indices"] : ["y"], settings), { x: ramp(1, 2, ...g.sizes) }, 2);
        }),
        { numRuns: 80 },
      );
    });
  }

  it("keep a symbolic size that the windows do not change", () => {
    const x = of(["N", 3, "H", "W"]);
    assert.deepEqual(shapeOf("Conv", [x, of([4, 3, 3, 3])], { pads: [1, 1, 1, 1] }), ["N", 4, "H", "W"]);
    assert.deepEqual(shapeOf("Conv", [x, of([4, 3, 5, 2])], { auto_pad: "SAME_LOWER" }), ["N", 4, "H", "W"]);
    assert.deepEqual(shapeOf("Conv", [of(["N", 3, "2*H", 8]), of([4, 3, 2, 2])], { strides: [2, 2] }), ["N", 4, "H", 4]);
    assert.deepEqual(shapeOf("MaxPool", [x], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }), ["N", 3, "H", "W"]);
  });

  it("give equal symbols where two ways lead to equal sizes", () => {
    const x = of(["N", 3, "H", "W"]);
    const main = shapeOf("Conv", [x, of([4, 3, 3, 3])], { pads: [1, 1, 1, 1], strides: [2, 2] });
    assert.deepEqual(shapeOf("Conv", [x, of([4, 3, 1, 1])], { strides: [2, 2] }), main);
    assert.notDeepEqual(shapeOf("Conv", [x, of([4, 3, 3, 3])], { strides: [2, 2] }), main);
  });

  it("do not take windows that round up for windows that round down", () => {
    const x = of(["N", 3, "H", "W"]);
    const settings = { kernel_shape: [2, 2], strides: [2, 2] };
    assert.notDeepEqual(shapeOf("MaxPool", [x], settings), shapeOf("MaxPool", [x], { ...settings, ceil_mode: 1 }));
  });

  it("know the channels even where the input's shape is not known", () => {
    assert.deepEqual(shapeOf("Conv", [of(undefined), of([4, 3, 3, 3])]), ["?", 4, "?", "?"]);
  });

  it("put the second output of MaxPool in int64 of the same shape", () => {
    assert.deepEqual(shapesOf("MaxPool", [of([1, 2, 4, 4])], { kernel_shape: [2, 2] }, 2), [[1, 2, 3, 3], [1, 2, 3, 3]]); // prettier-ignore
  });

  it("refuse channels, ranks and windows that do not fit, by name", () => {
    refuses(() => shapeOf("Conv", [of([1, 3, 8, 8]), of([4, 2, 3, 3])]), /"node": expected input channels 2, got 3/);
    refuses(() => shapeOf("Conv", [of([1, 3, 8, 8]), of([4, 3, 3])]), /rank/);
    refuses(() => shapeOf("Conv", [of([1, 3, 8, 8]), of([4, 3, 9, 3])]), /at least one window/);
    refuses(() => shapeOf("Conv", [of([1, 3, 8, 8]), of([4, 3, 3, 3])], { strides: [1] }), /"strides" of length 2, got 1/);
    refuses(() => shapeOf("ConvTranspose", [of([1, 3, 8, 8]), of([4, 2, 3, 3])]), /input channels 4, got 3/);
  });
});

describe("the batch under windows", () => {
  const x = of(["N", 3, 8, 8]);
  const w = of([4, 3, 3, 3]);

  it("stays at the first axis", () => {
    assert.deepEqual(batchOf("Conv", [x, w], [0, undefined]), [0, 1]);
    assert.deepEqual(batchOf("MaxPool", [x], [0], { kernel_shape: [2, 2] }), [0, 1]);
    assert.deepEqual(batchOf("GlobalAveragePool", [x], [0]), [0, 1]);
  });

  it("mixes along any other axis, and where the kernel depends on the samples", () => {
    assert.match(String(batchOf("Conv", [of([1, "N", 8, 8]), w], [1, undefined])), /mixes it as channels/);
    assert.match(String(batchOf("Conv", [x, w], [0, 0])), /kernel depends/);
    assert.match(String(batchOf("AveragePool", [of([1, 3, "N", 8])], [2], { kernel_shape: [2, 2] })), /axis of the batch/);
  });
});

describe("shapes of pools over all positions", () => {
  it("are onnxruntime's", async () => {
    await agrees(node("GlobalAveragePool", ["x"], ["y"]), { x: ramp(2, 3, 4, 5) });
    await agrees(node("GlobalMaxPool", ["x"], ["y"]), { x: ramp(2, 3, 4) });
  });
});
