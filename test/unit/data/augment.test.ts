// Augmentation: what each step makes of small samples, computed by hand, and that every draw follows from seed, epoch and sample alone.

import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { compileAugmentation, type AugmentStep, type Draw } from "../../../core/data/augment.js";
import { flipImages, resampleBox, rotateImages, shiftImages } from "../../../core/data/augment-geometry.js";
import { jitterColors } from "../../../core/data/augment-color.js";
import { compileTransform, type TransformStep } from "../../../core/data/transforms.js";
import { EngineError } from "../../../core/errors.js";
import { fillUniform, stream } from "../../../core/nn/random.js";

const draw = (index: number, epoch = 0, seed = 0): Draw => ({ seed, epoch, index });

function augmented(
  steps: readonly AugmentStep[],
  shape: readonly number[],
  values: Float32Array,
  at: Draw,
  transform: readonly TransformStep[] = [],
) {
  const output = new Float32Array(compileTransform(transform, shape).outputShape.reduce((a, b) => a * b, 1)).fill(Number.NaN);
  compileAugmentation(steps, transform, shape).apply(values, output, at);
  return output;
}

function noiseOf(length: number, seed = 1): Float32Array {
  const values = new Float32Array(length);
  fillUniform(stream(seed, "test"), values);
  return values;
}

function near(actual: Float32Array, expected: readonly number[], tolerance = 1e-6): void {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, i) => assert.ok(Math.abs(actual[i] - value) <= tolerance, `${i}: expected ${value}, got ${actual[i]}`));
}

const grid = { channels: 1, height: 3, width: 3 };
const digits = Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]);

describe("augmentation, by hand", () => {
  it("flips left and right, and top and bottom, channel by channel", () => {
    const image = { channels: 2, height: 2, width: 3 };
    const sample = (): Float32Array => Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    const [across, down] = [sample(), sample()];
    flipImages(across, image, "horizontal");
    flipImages(down, image, "vertical");
    assert.deepEqual([...across], [3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10]);
    assert.deepEqual([...down], [4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9]);
  });

  it("shifts by whole pixels in every direction and fills what becomes free", () => {
    const shifted = (down: number, right: number): readonly number[] => {
      const to = new Float32Array(9);
      shiftImages(digits, to, grid, { down, right, fill: -1 });
      return [...to];
    };
    assert.deepEqual(shifted(1, 0), [-1, -1, -1, 1, 2, 3, 4, 5, 6]);
    assert.deepEqual(shifted(-1, 1), [-1, 4, 5, -1, 7, 8, -1, -1, -1]);
    assert.deepEqual(shifted(0, -2), [3, -1, -1, 6, -1, -1, 9, -1, -1]);
    assert.deepEqual(shifted(3, 0), Array<number>(9).fill(-1));
    assert.deepEqual(shifted(0, -3), Array<number>(9).fill(-1));
    assert.deepEqual(shifted(0, 0), [...digits]);
  });

  it("turns counter-clockwise about the centre, bilinear, with the fill outside", () => {
    const turned = (degrees: number): Float32Array => {
      const to = new Float32Array(9);
      rotateImages(digits, to, grid, { degrees, fill: 0 });
      return to;
    };
    near(turned(90), [3, 6, 9, 2, 5, 8, 1, 4, 7], 1e-5);
    near(turned(-90), [7, 4, 1, 8, 5, 2, 9, 6, 3], 1e-5);
    near(turned(180), [9, 8, 7, 6, 5, 4, 3, 2, 1], 1e-5);
    assert.deepEqual([...turned(0)], [...digits]);
    // At 45° the pixel above the centre comes from √½ up and right of it: 5 and its neighbours 2, 6 and 3 in shares of √½ and 1 − √½.
    const s = Math.SQRT1_2;
    near(turned(45).subarray(1, 2), [(1 - s) * ((1 - s) * 5 + s * 6) + s * ((1 - s) * 2 + s * 3)], 1e-5);
    // The corner comes from √2 to the right of the centre: 2 − √2 of pixel 6, the rest is fill.
    near(turned(45).subarray(2, 3), [0 + (2 - Math.SQRT2) * 6], 1e-5);
  });

  it("resizes a box to the whole with half-pixel centres", () => {
    const cut = (top: number, left: number, height: number, width: number): Float32Array => {
      const to = new Float32Array(4);
      resampleBox(Float32Array.from([0, 4, 8, 12]), to, { channels: 1, height: 2, width: 2 }, { top, left, height, width });
      return to;
    };
    assert.deepEqual([...cut(0, 0, 1, 1)], [0, 4, 8, 12]);
    // The lower half, both columns: its rows lie at 2·½ + ½·½ − ½ = ¾ and 1¼, the latter kept within the sample.
    assert.deepEqual([...cut(0.5, 0, 0.5, 1)], [6, 10, 8, 12]);
    // The middle: rows and columns at ¼ and ¾.
    assert.deepEqual([...cut(0.25, 0.25, 0.5, 0.5)], [3, 5, 7, 9]);
  });

  it("changes brightness, contrast and saturation as their definitions say, within the range", () => {
    const image = { channels: 3, height: 1, width: 2 };
    const jittered = (factors: object): Float32Array => {
      const sample = Float32Array.from([0.2, 0.4, 0.6, 0.8, 0.5, 0.5]);
      jitterColors(sample, image, { brightness: undefined, contrast: undefined, saturation: undefined, turn: undefined, ...factors }, [0, 1]);
      return sample;
    };
    near(jittered({ brightness: 1.5 }), [0.3, 0.6, 0.9, 1, 0.75, 0.75]);
    const greys = [0.299 * 0.2 + 0.587 * 0.6 + 0.114 * 0.5, 0.299 * 0.4 + 0.587 * 0.8 + 0.114 * 0.5];
    const mean = (greys[0] + greys[1]) / 2;
    near(jittered({ contrast: 0.5 }), [0.2, 0.4, 0.6, 0.8, 0.5, 0.5].map((v) => mean + (v - mean) / 2)); // prettier-ignore
    near(jittered({ contrast: 0 }), Array<number>(6).fill(mean));
    near(jittered({ saturation: 0 }), [...greys, ...greys, ...greys]);
    near(jittered({ saturation: 2 }), [0.2, 0.4, 0.6, 0.8, 0.5, 0.5].map((v, i) => Math.min(1, Math.max(0, 2 * v - greys[i % 2])))); // prettier-ignore
  });

  it("stretches contrast of a grey sample about its mean, in the range that it is told", () => {
    const sample = Float32Array.from([0, 4, 8, 16]);
    jitterColors(sample, { channels: 1, height: 2, width: 2 }, { brightness: 2, contrast: 2, saturation: undefined, turn: undefined }, [0, 16]);
    // 0, 8, 16, 16 (of 32); mean 10.
    assert.deepEqual([...sample], [0, 6, 16, 16]);
  });

  it("turns hues round the colour wheel and leaves greys and the extremes of each pixel alone", () => {
    const turned = (color: readonly number[], turn: number): readonly number[] => {
      const sample = Float32Array.from(color);
      jitterColors(sample, { channels: 3, height: 1, width: 1 }, { brightness: undefined, contrast: undefined, saturation: undefined, turn }, [0, 1]);
      return [...sample].map((v) => Math.round(v * 1e5) / 1e5);
    };
    assert.deepEqual(turned([1, 0, 0], 1 / 3), [0, 1, 0]);
    assert.deepEqual(turned([1, 0, 0], -1 / 3), [0, 0, 1]);
    assert.deepEqual(turned([1, 0, 0], 1 / 6), [1, 1, 0]);
    assert.deepEqual(turned([0, 1, 0], 0.5), [1, 0, 1]);
    assert.deepEqual(turned([0.2, 0.3, 0.7], 1), [0.2, 0.3, 0.7]);
    assert.deepEqual(turned([0.4, 0.4, 0.4], 0.3), [0.4, 0.4, 0.4]);
    // From 228° by 60° to 288°: blue stays the largest, green is the smallest now, and red is 4 ⁄ 5 of the way between.
    assert.deepEqual(turned([0.2, 0.3, 0.7], 1 / 6), [0.6, 0.2, 0.7]);
  });
});

describe("augmentation, drawn", () => {
  const all: readonly AugmentStep[] = [
    { flip: "horizontal" },
    { flip: "vertical" },
    { shift: [0.3, 0.3] },
    { rotate: 30 },
    { resizedCrop: { area: [0.3, 1] } },
    { colorJitter: { brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.1 } },
  ];
  const none: readonly AugmentStep[] = [
    { flip: "horizontal", probability: 0 },
    { shift: [0, 0] },
    { rotate: 0 },
    { resizedCrop: { area: [1, 1], ratio: [1, 1] } },
    { colorJitter: { brightness: 0, contrast: 0, saturation: 0, hue: 0 } },
  ];

  it("gives the same values for the same seed, epoch and sample, whatever came before", () => {
    const values = noiseOf(3 * 5 * 7);
    const warm = compileAugmentation(all, [], [3, 5, 7]);
    const output = new Float32Array(105);
    for (const [index, epoch, seed] of [
      [4, 2, 9],
      [0, 0, 0],
      [4, 2, 10],
      [5, 2, 9],
      [4, 3, 9],
      [4, 2, 9],
    ]) {
      // prettier-ignore
      warm.apply(values, output, draw(index, epoch, seed));
      assert.deepEqual(output, augmented(all, [3, 5, 7], values, draw(index, epoch, seed)));
    }
    const [base, ...others] = [[4, 2, 9], [4, 2, 10], [5, 2, 9], [4, 3, 9]].map(([i, e, s]) => augmented(all, [3, 5, 7], values, draw(i, e, s))); // prettier-ignore
    for (const other of others) assert.notDeepEqual(other, base);
  });

  it("is the transform itself, to the bit, where no step has any strength", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.nat(), fc.nat(1000), (height, width, index, epoch) => {
        const shape = [3 * height * width];
        const transform: readonly TransformStep[] = [
          { reshape: [3, height, width] },
          { scale: { from: [0, 1], to: [-3, 7] } },
          { normalize: { mean: [0.3, 0.1, 0.2], std: [2, 3, 4] } },
          { resize: [4, 5] },
        ];
        const values = noiseOf(shape[0], index);
        const plain = new Float32Array(60);
        compileTransform(transform, shape).apply(values, plain);
        assert.deepEqual(augmented(none, shape, values, draw(index, epoch), transform), plain);
      }),
    );
  });

  it("keeps values within those of the sample and the fill, and the input as it is", () => {
    const geometry: readonly AugmentStep[] = [{ shift: [0.5, 1], fill: 0.5 }, { rotate: 180, fill: 0.5 }, { resizedCrop: { area: [0.05, 1], ratio: [0.1, 10] } }]; // prettier-ignore
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 8 }), fc.nat(), (height, width, index) => {
        const values = noiseOf(height * width, index);
        const kept = values.slice();
        for (const value of augmented(geometry, [height, width], values, draw(index))) assert.ok(value >= 0 && value <= 1);
        assert.deepEqual(values, kept);
      }),
    );
  });

  it("flips about half of the samples, and shifts by every amount up to the limit", () => {
    const row = Float32Array.from([1, 2, 3, 4]);
    const outcomes = Array.from({ length: 400 }, (_, i) => [...augmented([{ flip: "horizontal" }], [1, 1, 4], row, draw(i))]);
    const flipped = outcomes.filter(([first]) => first === 4).length;
    assert.ok(flipped > 160 && flipped < 240, String(flipped));
    const places = outcomes.map((_, i) => augmented([{ shift: [0, 0.5] }], [1, 1, 4], Float32Array.from([0, 0, 1, 0]), draw(i)).indexOf(1));
    assert.deepEqual([...new Set(places)].sort(), [-1, 0, 1, 2, 3]);
  });

  it("changes samples before they are normalised", () => {
    const transform: readonly TransformStep[] = [{ normalize: { mean: [10], std: [2] } }];
    const output = augmented([{ shift: [1, 0], fill: 10 }], [1, 1, 1], Float32Array.from([14]), draw(1), transform);
    assert.ok(output[0] === 2 || output[0] === 0, String(output[0]));
  });

  it("changes samples where they still have axes, also when the model takes them in a row", () => {
    const values = noiseOf(12);
    const rows: readonly TransformStep[] = [{ reshape: [3, 4] }, { scale: { from: [0, 1], to: [0, 2] } }, { reshape: [12] }];
    const flipped = augmented([{ flip: "vertical", probability: 1 }], [12], values, draw(0), rows);
    assert.deepEqual(
      flipped,
      Float32Array.from([...values.slice(8), ...values.slice(4, 8), ...values.slice(0, 4)], (v) => 2 * v),
    );
  });

  it("mixes with one of the given rows, the sample itself keeping the larger share", () => {
    const rows = Uint32Array.from([3, 5, 8]);
    for (const alpha of [0.01, 0.2, 1, 5]) {
      const { mix } = compileAugmentation([{ mixup: alpha }], [], [4]);
      assert.ok(mix !== undefined);
      const mixes = Array.from({ length: 600 }, (_, i) => mix(draw(i), rows));
      assert.deepEqual(mixes[7], compileAugmentation([{ mixup: alpha }], [], [4]).mix?.(draw(7), rows));
      assert.deepEqual([...new Set(mixes.map((m) => m.partner))].sort(), [3, 5, 8]);
      for (const { share } of mixes) assert.ok(share >= 0.5 && share <= 1);
      // Of Beta(α, α) folded at one half, E[(share − ½)²] is the variance 1 ⁄ (4·(2α + 1)).
      const spread = mixes.reduce((sum, { share }) => sum + (share - 0.5) ** 2, 0) / mixes.length;
      const variance = 1 / (4 * (2 * alpha + 1));
      assert.ok(Math.abs(spread / variance - 1) < 0.15, `α ${alpha}: ${spread}, expected ${variance}`);
    }
  });

  it("refuses what a step cannot do, naming it", () => {
    const refusal = (steps: readonly AugmentStep[], shape: readonly number[]): string => {
      try {
        compileAugmentation(steps, [], shape);
      } catch (error) {
        assert.ok(error instanceof EngineError && error.code === "recipe/augment");
        return error.message;
      }
      return assert.fail("expected an error");
    };
    assert.equal(
      refusal([{ mixup: 1 }, { rotate: 5 }], [64]),
      "data.augment, step 2 (rotate): expected samples with at least two axes, [height, width] (reshape before), got [64]",
    );
    assert.equal(
      refusal([{ colorJitter: { hue: 0.1 } }], [1, 4, 4]),
      "data.augment, step 1 (colorJitter): expected 3 channels for saturation and hue, got 1",
    );
    assert.equal(refusal([{ mixup: 1 }, { mixup: 2 }], [4]), "data.augment, step 2 (mixup): expected one such step, got another, step 1");
  });
});
