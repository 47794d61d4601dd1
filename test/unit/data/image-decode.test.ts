// Decoding images of every format and kind that is taken, made here from known pixels.

import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import sharp, { type Sharp } from "sharp";
import { decodeImage, writeSample, type ImageForm } from "../../../core/data/image-decode.js";

const plain: ImageForm = { color: "rgb", fit: "cover", background: [0, 0, 0] };

/** The sample of an image's bytes, and its size; fails where there is none. */
async function sampleOf(bytes: Uint8Array, settings: Partial<ImageForm> = {}) {
  const form = { ...plain, ...settings };
  const decoded = await decodeImage(bytes, form);
  if ("problem" in decoded) return assert.fail(decoded.problem);
  const channels = form.color === "grey" ? 1 : 3;
  const sample = new Float32Array(channels * decoded.height * decoded.width);
  writeSample(decoded, form, sample, 0);
  return { size: [decoded.height, decoded.width], values: [...sample] };
}

async function problemOf(bytes: Uint8Array): Promise<string> {
  const decoded = await decodeImage(bytes, plain);
  return "problem" in decoded ? decoded.problem : assert.fail("it was decoded");
}

const raw = (values: readonly number[], width: number, height: number, channels: 1 | 2 | 3 | 4): Sharp =>
  sharp(Uint8Array.from(values), { raw: { width, height, channels } });
const deep = (values: readonly number[], width: number, height: number, channels: 1 | 3 | 4): Sharp =>
  sharp(Uint16Array.from(values), { raw: { width, height, channels } }).toColourspace(channels === 1 ? "grey16" : "rgb16");

function near(actual: readonly number[], expected: readonly number[], tolerance = 1e-6): void {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, i) => assert.ok(Math.abs(actual[i] - value) <= tolerance, `${i}: expected ${value}, got ${actual[i]}`));
}

/** Six pixels in two rows. */
const pixels = [255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 40, 50, 60, 70, 80, 90];
/** The same by channel, from 0 to 1. */
const planes = [0, 1, 2].flatMap((channel) => [0, 1, 2, 3, 4, 5].map((i) => pixels[3 * i + channel] / 255));

describe("decoding images", () => {
  const lossless: readonly [string, (image: Sharp) => Sharp][] = [
    ["PNG", (image) => image.png()],
    ["PNG with a palette", (image) => image.png({ palette: true })],
    ["WebP", (image) => image.webp({ lossless: true })],
    ["TIFF", (image) => image.tiff({ compression: "lzw" })],
    ["GIF", (image) => image.gif()],
  ];
  for (const [name, encode] of lossless) {
    it(`gives the pixels of a ${name} as channels from 0 to 1`, async () => {
      const { size, values } = await sampleOf(await encode(raw(pixels, 3, 2, 3)).toBuffer());
      assert.deepEqual(size, [2, 3]);
      near(values, planes);
    });
  }

  it("gives the pixels of a JPEG up to its losses", async () => {
    const { values } = await sampleOf(await raw(pixels, 3, 2, 3).jpeg({ quality: 100, chromaSubsampling: "4:4:4" }).toBuffer());
    near(values, planes, 3 / 255);
  });

  it("converts a CMYK JPEG to red, green and blue", async () => {
    const cmyk = await raw(Array.from({ length: 64 }, () => [200, 40, 40]).flat(), 8, 8, 3).toColourspace("cmyk").jpeg({ quality: 100 }).toBuffer(); // prettier-ignore
    assert.equal((await sharp(cmyk).metadata()).space, "cmyk");
    const { size, values } = await sampleOf(cmyk);
    assert.deepEqual(size, [8, 8]);
    near([values[0], values[64], values[128]], [200 / 255, 40 / 255, 40 / 255], 0.1);
  });

  it("keeps 16 bits", async () => {
    const levels = [0, 1, 256, 257, 65534, 65535];
    const grey = await deep(levels, 3, 2, 1).png().toBuffer();
    assert.deepEqual((await sampleOf(grey, { color: "grey" })).values, levels.map((v) => Math.fround(v / 65535))); // prettier-ignore
    const color = await deep([0, 1, 256, 257, 65534, 65535], 2, 1, 3).png().toBuffer();
    assert.deepEqual((await sampleOf(color)).values, [0, 257, 1, 65534, 256, 65535].map((v) => Math.fround(v / 65535))); // prettier-ignore
  });

  it("makes three equal channels of grey, and grey of three by their luma", async () => {
    const grey = await raw([0, 51, 102, 153, 204, 255], 3, 2, 1).toColourspace("b-w").png().toBuffer();
    near((await sampleOf(grey)).values, [0, 1, 2].flatMap(() => [0, 0.2, 0.4, 0.6, 0.8, 1])); // prettier-ignore
    near((await sampleOf(grey, { color: "grey" })).values, [0, 0.2, 0.4, 0.6, 0.8, 1]);
    const color = await raw(pixels, 3, 2, 3).png().toBuffer();
    near((await sampleOf(color, { color: "grey" })).values, [0.299, 0.587, 0.114, (2.99 + 11.74 + 3.42) / 255, (11.96 + 29.35 + 6.84) / 255, (20.93 + 46.96 + 10.26) / 255]); // prettier-ignore
  });

  it("lays what is transparent over the background, in 8 bits and in 16", async () => {
    const half = await raw([100, 110, 120, 255, 100, 110, 120, 0, 200, 0, 50, 51], 3, 1, 4).png().toBuffer();
    const [r, g, b] = [1, 0.5, 0];
    const over = (color: number, background: number): number => background + (color / 255 - background) * 0.2;
    const expected = [100 / 255, r, over(200, r), 110 / 255, g, over(0, g), 120 / 255, b, over(50, b)];
    near((await sampleOf(half, { background: [r, g, b] })).values, expected);
    const wide = await deep([65535, 0, 0, 65535, 65535, 0, 0, 0, 65535, 65535, 65535, 16384], 3, 1, 4).png().toBuffer();
    near((await sampleOf(wide, { background: [0, 1, 0] })).values, [1, 0, 16384 / 65535, 0, 1, 1, 0, 0, 16384 / 65535]);
    const grey = await raw([100, 255, 100, 0], 2, 1, 2).toColourspace("b-w").png().toBuffer();
    near((await sampleOf(grey, { color: "grey", background: [1, 1, 1] })).values, [100 / 255, 1]);
  });

  it("takes the first frame of an animated GIF and the first page of a TIFF", async () => {
    const frames = Buffer.concat([Buffer.alloc(12, 10), Buffer.alloc(12, 200)]);
    const options = { raw: { width: 2, height: 4, channels: 3, pageHeight: 2 } } as const;
    const gif = await sharp(frames, options)
      .gif({ delay: [100, 100], loop: 0 })
      .toBuffer();
    assert.equal((await sharp(gif).metadata()).pages, 2);
    const { size, values } = await sampleOf(gif);
    assert.deepEqual(size, [2, 2]);
    near(values, Array<number>(12).fill(10 / 255));
  });

  it("turns images as their EXIF orientation says", async () => {
    // What is stored is 1 2 3 over 4 5 6.
    const shown = [
      [[2, 3], [1, 2, 3, 4, 5, 6]],
      [[2, 3], [3, 2, 1, 6, 5, 4]],
      [[2, 3], [6, 5, 4, 3, 2, 1]],
      [[2, 3], [4, 5, 6, 1, 2, 3]],
      [[3, 2], [1, 4, 2, 5, 3, 6]],
      [[3, 2], [4, 1, 5, 2, 6, 3]],
      [[3, 2], [6, 3, 5, 2, 4, 1]],
      [[3, 2], [3, 6, 2, 5, 1, 4]],
    ]; // prettier-ignore
    for (const [i, [size, values]] of shown.entries()) {
      for (const encode of [(image: Sharp) => image.png(), (image: Sharp) => image.jpeg({ quality: 100 })]) {
        const bytes = await encode(raw([1, 2, 3, 4, 5, 6].map((v) => v * 30), 3, 2, 1).toColourspace("b-w").withMetadata({ orientation: i + 1 })).toBuffer(); // prettier-ignore
        const sample = await sampleOf(bytes, { color: "grey" });
        assert.deepEqual(sample.size, size, `orientation ${i + 1}`);
        near(sample.values, values.map((v) => (v * 30) / 255), 2 / 255); // prettier-ignore
      }
    }
  });

  it("covers, contains or stretches to a size", async () => {
    // Left half 0, right half 1; twice as wide as high.
    const wide = await raw(Array.from({ length: 32 }, (_, i) => (i % 8 < 4 ? 0 : 255)), 8, 4, 1).toColourspace("b-w").png().toBuffer(); // prettier-ignore
    const grey = { color: "grey", size: [4, 4] } as const;
    const row = [0, 0, 1, 1];
    near((await sampleOf(wide, { ...grey, fit: "cover" })).values, [...row, ...row, ...row, ...row]);
    const contained = (await sampleOf(wide, { ...grey, fit: "contain", background: [0.5, 0.5, 0.5] })).values;
    near(contained.slice(0, 4), Array<number>(4).fill(0.5));
    near(contained.slice(12), Array<number>(4).fill(0.5));
    near([contained[4], contained[7], contained[8], contained[11]], [0, 1, 0, 1]);
    const stretched = (await sampleOf(wide, { ...grey, size: [2, 4], fit: "stretch" })).values;
    near([stretched[0], stretched[3], stretched[4], stretched[7]], [0, 1, 0, 1]);
    const enlarged = (await sampleOf(wide, { ...grey, size: [8, 16], fit: "stretch" })).values;
    assert.equal(enlarged.length, 128);
    near([enlarged[0], enlarged[15]], [0, 1]);
  });

  it("averages over areas when it makes an image smaller", async () => {
    const stripes = await raw(Array.from({ length: 64 * 64 }, (_, i) => (i % 2 === 0 ? 0 : 255)), 64, 64, 1).toColourspace("b-w").png().toBuffer(); // prettier-ignore
    for (const value of (await sampleOf(stripes, { color: "grey", size: [4, 4] })).values) assert.ok(Math.abs(value - 0.5) < 0.02, String(value));
  });

  it("tells a format by what the file holds, and what it does not take by name", async () => {
    assert.equal(await problemOf(new TextEncoder().encode("hello")), "it is no image");
    assert.equal(await problemOf(new Uint8Array(0)), "it is empty");
    assert.match(await problemOf(new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" width="2" height="2"/>')), /expected PNG, JPEG, WebP, TIFF or GIF, got SVG/); // prettier-ignore
    const floats = await raw(pixels, 3, 2, 3).toColourspace("scrgb").tiff({ compression: "none" }).toBuffer();
    assert.equal(await problemOf(floats), "expected 8 or 16 bits for each value, got values of type float");
  });

  it("answers what is wrong with any bytes at all", async () => {
    const valid = await Promise.all([(image: Sharp) => image.png(), (image: Sharp) => image.jpeg(), (image: Sharp) => image.gif(), (image: Sharp) => image.webp(), (image: Sharp) => image.tiff()].map((encode) => encode(raw(pixels, 3, 2, 3)).toBuffer())); // prettier-ignore
    const changed = fc.tuple(fc.constantFrom(...valid), fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 })).map(([bytes, changes]) => {
      const copy = Uint8Array.from(bytes);
      for (const [at, value] of changes) copy[at % copy.length] = value;
      return copy;
    }); // prettier-ignore
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 200 }), changed), async (bytes) => {
        const decoded = await decodeImage(bytes, { size: [4, 4], fit: "contain" });
        if ("problem" in decoded) assert.match(decoded.problem, /^(it |expected )/);
        else assert.deepEqual([decoded.height, decoded.width], [4, 4]);
      }),
      { numRuns: 300 },
    );
  });

  it("refuses images that are cut short", async () => {
    const noise = Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 251);
    for (const encode of [
      (image: Sharp) => image.png(),
      (image: Sharp) => image.jpeg(),
      (image: Sharp) => image.webp(),
      (image: Sharp) => image.tiff(),
      (image: Sharp) => image.gif(),
    ]) {
      // prettier-ignore
      const bytes = await encode(raw(noise, 64, 64, 3)).toBuffer();
      assert.match(await problemOf(bytes.subarray(0, bytes.length >> 1)), /^it (cannot be decoded: |is no image)/);
    }
  });

  it("says in words that an image is cut short where the decoder's reason says nothing", async () => {
    const bytes = await raw(new Array<number>(64 * 64 * 3).fill(200), 64, 64, 3)
      .png()
      .toBuffer();
    assert.equal(await problemOf(bytes.subarray(0, bytes.length >> 1)), "it cannot be decoded: it is damaged or cut short");
  });
});
