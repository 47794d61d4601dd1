import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { compileTransform, type TransformStep } from "../../../core/data/transforms.js";
import { EngineError } from "../../../core/errors.js";
import { tensorOf } from "../../../core/graph/tensor.js";
import { fillUniform, stream } from "../../../core/nn/random.js";
import { graphOf, info, node } from "../../support/graphs.js";
import { numbers, runGraph } from "../../support/run-graph.js";

function apply(
  steps: readonly TransformStep[],
  shape: readonly number[],
  values: readonly number[],
): { shape: readonly number[]; values: readonly number[] } {
  const transform = compileTransform(steps, shape);
  const input = Float32Array.from(values);
  const kept = input.slice();
  const outputs = [0, 1].map(() => {
    const output = new Float32Array(transform.outputShape.reduce((a, b) => a * b, 1)).fill(Number.NaN);
    transform.apply(input, output);
    return [...output];
  });
  assert.deepEqual(input, kept, "the input changed");
  assert.deepEqual(outputs[0], outputs[1], "a second use gives something else");
  return { shape: transform.outputShape, values: outputs[0] };
}

function message(steps: readonly TransformStep[], shape: readonly number[]): string {
  try {
    compileTransform(steps, shape);
  } catch (error) {
    assert.ok(error instanceof EngineError && error.code === "recipe/transform");
    return error.message;
  }
  return assert.fail("expected an error");
}

/** What onnxruntime's Resize makes of the sample. */
async function resizeReference(
  shape: readonly number[],
  to: readonly number[],
  mode: "linear" | "nearest",
  values: Float32Array,
): Promise<readonly number[]> {
  const sizes = [...shape.slice(0, -2), ...to];
  const settings = { mode, coordinate_transformation_mode: "half_pixel" };
  const graph = graphOf({
    inputs: [info("x", shape)],
    outputs: [info("y", sizes)],
    nodes: [node("Resize", ["x", "", "", "sizes"], ["y"], settings)],
    tensors: { sizes: tensorOf("int64", sizes) },
    opset: 19,
  });
  return numbers((await runGraph(graph, { x: { dtype: "float32", shape, data: values } })).y);
}

describe("transforms", () => {
  it("give the sample back when there is nothing to do", () => {
    assert.deepEqual(apply([], [2], [1, 2]), { shape: [2], values: [1, 2] });
    assert.deepEqual(apply([{ reshape: [2, 1] }], [2], [1, 2]), { shape: [2, 1], values: [1, 2] });
  });

  it("scale linearly, without clamping", () => {
    const step = { scale: { from: [0, 16], to: [1, -1] } } as const;
    assert.deepEqual(apply([step], [4], [0, 8, 16, 32]).values, [1, 0, -1, -3]);
  });

  it("normalize by channel of the first axis, or all alike", () => {
    const two = { normalize: { mean: [1, 10], std: [2, 5] } };
    assert.deepEqual(apply([two], [2, 1, 2], [1, 3, 10, 20]).values, [0, 1, 0, 2]);
    assert.deepEqual(apply([{ normalize: { mean: [1], std: [2] } }], [2, 2], [1, 3, 5, 7]).values, [0, 1, 2, 3]);
    assert.deepEqual(apply([{ normalize: { mean: [1], std: [1, 2] } }], [2, 1], [2, 5]).values, [1, 2]);
  });

  it("pad around the centre, the larger half below and to the right", () => {
    const padded = apply([{ pad: [4, 3], value: 9 }], [1, 1, 2], [1, 2]);
    assert.deepEqual(padded, { shape: [1, 4, 3], values: [9, 9, 9, 1, 2, 9, 9, 9, 9, 9, 9, 9] });
    assert.deepEqual(apply([{ pad: [3, 3] }], [1, 1], [5]).values, [0, 0, 0, 0, 5, 0, 0, 0, 0]);
  });

  it("repeat the one channel", () => {
    assert.deepEqual(apply([{ repeat: 3 }], [1, 1, 2], [1, 2]), { shape: [3, 1, 2], values: [1, 2, 1, 2, 1, 2] });
  });

  it("resize with half-pixel centres", () => {
    assert.deepEqual(apply([{ resize: [1, 4] }], [1, 2], [0, 4]).values, [0, 1, 3, 4]);
    assert.deepEqual(apply([{ resize: [1, 4], method: "nearest" }], [1, 2], [0, 4]).values, [0, 0, 4, 4]);
    assert.deepEqual(apply([{ resize: [1, 2] }], [1, 4], [0, 2, 4, 6]).values, [1, 5]);
  });

  for (const [method, mode] of [
    ["bilinear", "linear"],
    ["nearest", "nearest"],
  ] as const) {
    it(`resize (${method}) as onnxruntime does`, async () => {
      const sizes: readonly (readonly [readonly number[], readonly [number, number]])[] = [
        [[1, 8, 8], [176, 176]],
        [[3, 5, 7], [11, 3]],
        [[2, 9, 4], [3, 8]],
        [[1, 6, 6], [3, 2]],
        [[1, 1, 5], [4, 1]],
        [[1, 7, 3], [7, 3]],
        [[1, 10, 10], [7, 13]],
      ]; // prettier-ignore
      for (const [shape, to] of sizes) {
        const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
        fillUniform(stream(0, "resize", ...shape), values, -1, 1);
        const expected = await resizeReference([1, ...shape], to, mode, values);
        const actual = apply([{ resize: to, method }], shape, [...values]).values;
        for (const [i, value] of actual.entries()) {
          assert.ok(
            Math.abs(value - expected[i]) <= 1e-5,
            `[${shape.join()}] to [${to.join()}], value ${i}: ${value}, onnxruntime has ${expected[i]}`,
          );
        }
      }
    });
  }

  it("act in order, as each alone would", () => {
    const step = fc.oneof(
      fc.constant<TransformStep>({ scale: { from: [0, 1], to: [-1, 3] } }),
      fc.constant<TransformStep>({ normalize: { mean: [0.5], std: [0.25] } }),
      fc.constant<TransformStep>({ resize: [5, 4] }),
      fc.constant<TransformStep>({ resize: [3, 6], method: "nearest" }),
      fc.constant<TransformStep>({ pad: [8, 8], value: 2 }),
      fc.constant<TransformStep>({ reshape: [1, 1, 24] }),
      fc.constant<TransformStep>({ repeat: 1 }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
        const start = {
          shape: [1, 4, 6] as readonly number[],
          values: Array.from({ length: 24 }, (_, i) => Math.fround(Math.sin(i))) as readonly number[],
        };
        const fits = (list: readonly TransformStep[]): boolean => {
          try {
            compileTransform(list, start.shape);
            return true;
          } catch {
            return false;
          }
        };
        fc.pre(fits(steps));
        const oneByOne = steps.reduce((sample, one) => apply([one], sample.shape, sample.values), start);
        assert.deepEqual(apply(steps, start.shape, start.values), oneByOne);
      }),
    );
  });

  it("name the step, what it needs and what it got", () => {
    const refused: readonly (readonly [readonly TransformStep[], string])[] = [
      [[{ reshape: [1, 8, 9] }], "step 1 (reshape): expected a shape of 64 values, as [64] has, got [1, 8, 9], which has 72"],
      [[{ reshape: [-8, -8] }], "step 1 (reshape): expected sizes from 1, and at most 268435456 values, got [-8, -8]"],
      [[{ resize: [2, 2] }], "step 1 (resize): expected at least two axes, [height, width] (reshape before), got [64]"],
      [[{ reshape: [8, 8] }, { pad: [8, 7] }], "step 2 (pad): expected a size of at least [8, 8], the sample's own, got [8, 7]"],
      [[{ reshape: [8, 8] }, { repeat: 3 }], "step 2 (repeat): expected a first axis of size 1 (reshape to [1, …] before), got [8, 8]"],
      [
        [{ reshape: [8, 8] }, { resize: [100000, 100000] }],
        "step 2 (resize): expected sizes from 1, and at most 268435456 values, got [100000, 100000]",
      ],
      [
        [{ reshape: [4, 16] }, { normalize: { mean: [1, 2, 3], std: [1] } }],
        "step 2 (normalize): expected 1 or 4 entries in mean, as [4, 16] has channels, got 3 entries",
      ],
      [[{ normalize: { mean: [1], std: [0] } }], "step 1 (normalize): expected entries above 0 in std, got [0]"],
      [[{ scale: { from: [1, 1], to: [0, 1] } }], "step 1 (scale): expected two different values in `from`, got 1 twice"],
    ];
    for (const [steps, expected] of refused) assert.equal(message(steps, [64]), `data.transform, ${expected}`);
  });

  it("describe themselves alike however they were written", () => {
    const short = compileTransform([{ reshape: [1, 2, 2] }, { resize: [4, 4] }, { pad: [6, 6] }], [4]);
    const long = compileTransform([{ reshape: [1, 2, 2] }, { method: "bilinear", resize: [4, 4] }, { value: 0, pad: [6, 6] }], [4]);
    assert.equal(short.description, long.description);
    assert.deepEqual(JSON.parse(short.description), {
      input: [4],
      steps: [{ reshape: [1, 2, 2] }, { resize: [4, 4], method: "bilinear" }, { pad: [6, 6], value: 0 }],
      output: [1, 6, 6],
    });
    assert.notEqual(compileTransform([], [4]).description, compileTransform([], [2, 2]).description);
  });
});
