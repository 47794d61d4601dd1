// Decodes image files into samples: PNG, JPEG, WebP, TIFF and GIF, told by what they hold and not by their names; and writes PNG. Which files there are is
// told in images.ts.

import type { Metadata, Sharp } from "sharp";
import * as errors from "../errors.js";
import { luma } from "./augment-color.js";

/** The form that images are brought into. */
export interface ImageForm {
  readonly color: "grey" | "rgb";
  /** Height and width; left out, images stay as they are. */
  readonly size?: readonly [number, number];
  /** cover: fills the size and cuts what is beyond it; contain: all of the image with a border; stretch: neither, the proportions change. */
  readonly fit: "cover" | "contain" | "stretch";
  /** Red, green and blue from 0 to 1: what shows through transparent pixels, and the border. */
  readonly background: readonly [number, number, number];
}

/** A decoded image: rows of pixels of 3 channels, or of 4 with opacity; 8 or 16 bits each. */
export interface Pixels {
  readonly height: number;
  readonly width: number;
  readonly data: Uint8Array | Uint16Array;
}

/** An image, or why there is none. */
export type Decoded = Pixels | { readonly problem: string };

const formats: readonly string[] = ["png", "jpeg", "webp", "tiff", "gif"];

/**
 * Decodes the first page or frame, turned as its EXIF orientation says, in sRGB: embedded profiles and CMYK are converted. 16 bits stay 16.
 * With a size it is resized, triangle-filtered (bilinear, antialiased when it shrinks).
 * @throws data/images where this machine has no decoder; what is wrong with the image is an answer
 */
export async function decodeImage(bytes: Uint8Array, form: Pick<ImageForm, "size" | "fit">): Promise<Decoded> {
  const sharp = await loadSharp();
  if (bytes.byteLength === 0) return { problem: "it is empty" };
  try {
    const image = sharp(bytes, { failOn: "error", autoOrient: true });
    const metadata = await image.metadata();
    const problem = refusal(metadata);
    return problem === undefined ? await toPixels(image, metadata, form) : { problem };
  } catch (error) {
    return { problem: error instanceof Error ? reasonOf(error.message) : String(error) };
  }
}

/** Rows of red, green and blue pixels as a PNG file. @throws data/images where this machine has no encoder */
export async function encodePng(pixels: Uint8Array, { width, height }: { readonly width: number; readonly height: number }): Promise<Uint8Array> {
  const sharp = await loadSharp();
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** Writes an image as a sample, [channels, height, width] with values from 0 to 1. Grey is 0.299 R + 0.587 G + 0.114 B. */
export function writeSample({ height, width, data }: Pixels, { color, background }: ImageForm, into: Float32Array, offset: number): void {
  const size = height * width;
  const channels = data.length / size;
  const full = data instanceof Uint16Array ? 65535 : 255;
  for (let i = 0; i < size; i += 1) {
    const at = i * channels;
    const opacity = channels === 4 ? data[at + 3] / full : 1;
    const channel = (c: number): number => (opacity === 1 ? data[at + c] / full : background[c] + (data[at + c] / full - background[c]) * opacity);
    const [red, green, blue] = [channel(0), channel(1), channel(2)];
    if (color === "grey") {
      into[offset + i] = red === green && green === blue ? red : luma[0] * red + luma[1] * green + luma[2] * blue;
    } else {
      into[offset + i] = red;
      into[offset + size + i] = green;
      into[offset + 2 * size + i] = blue;
    }
  }
}

/** Puts an image that lies within a size into its centre; what is left is transparent, so that the background shows there. */
function centred({ height, width, data }: Pixels, [toHeight, toWidth]: readonly [number, number]): Pixels {
  if (height === toHeight && width === toWidth) return { height, width, data };
  const channels = data.length / (height * width);
  const deep = data instanceof Uint16Array;
  const into = deep ? new Uint16Array(toHeight * toWidth * 4) : new Uint8Array(toHeight * toWidth * 4);
  const [top, left] = [Math.floor((toHeight - height) / 2), Math.floor((toWidth - width) / 2)];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [from, to] = [(y * width + x) * channels, ((y + top) * toWidth + x + left) * 4];
      for (let c = 0; c < 3; c += 1) into[to + c] = data[from + c];
      into[to + 3] = channels === 4 ? data[from + 3] : deep ? 65535 : 255;
    }
  }
  return { height: toHeight, width: toWidth, data: into };
}

async function toPixels(image: Sharp, { depth }: Metadata, { size, fit }: Pick<ImageForm, "size" | "fit">): Promise<Pixels> {
  const deep = depth === "ushort";
  const sized =
    size === undefined
      ? image
      : image.resize({ height: size[0], width: size[1], fit: fit === "stretch" ? "fill" : fit === "contain" ? "inside" : "cover", kernel: "linear" });
  const { data, info } = await sized
    .toColourspace(deep ? "rgb16" : "srgb")
    .raw({ depth: deep ? "ushort" : "uchar" })
    .toBuffer({ resolveWithObject: true });
  const pixels = { height: info.height, width: info.width, data: deep ? wordsOf(data) : new Uint8Array(data) };
  return size !== undefined && fit === "contain" ? centred(pixels, size) : pixels;
}

/** 16-bit numbers in the machine's byte order, wherever the bytes begin. */
function wordsOf(bytes: Uint8Array): Uint16Array {
  const words = new Uint16Array(bytes.byteLength / 2);
  new Uint8Array(words.buffer).set(bytes);
  return words;
}

function refusal({ format, depth }: Metadata): string | undefined {
  if (!formats.includes(format)) return `expected PNG, JPEG, WebP, TIFF or GIF, got ${format.toUpperCase()}`;
  if (depth !== "uchar" && depth !== "ushort") return `expected 8 or 16 bits for each value, got values of type ${depth}`;
  return undefined;
}

/** The decoder's message in a line. Its own message for a file that ends too early is lost where several images are decoded at once. */
function reasonOf(message: string): string {
  if (/unsupported image format/i.test(message)) return "it is no image";
  const [line = ""] = message.trim().split("\n");
  return `it cannot be decoded: ${line === "" || /^unknown error$|read error$/i.test(line) ? "it is damaged or cut short" : line}`;
}

let loading: Promise<typeof import("sharp")> | undefined;

/** Loads the decoder when the first image is read. @throws data/images */
function loadSharp(): Promise<typeof import("sharp")> {
  loading ??= import("sharp").then(
    ({ default: sharp }) => {
      // Images are decoded several at a time, each on one thread; none is read twice, so nothing need be kept.
      sharp.concurrency(1);
      sharp.cache(false);
      return sharp;
    },
    (cause: unknown) => {
      throw errors.noImageReader(cause instanceof Error ? cause.message.split("\n")[0] : String(cause));
    },
  );
  return loading;
}

/** What decides the decoder's bits besides the files. */
export async function decoderVersion(): Promise<string> {
  const { versions } = await loadSharp();
  return `sharp ${versions.sharp} libvips ${versions.vips}`;
}
