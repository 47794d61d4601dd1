// The shape of a recipe's `data.augment`: the random changes to training samples. What each does is in core/data/augment.ts.

import { z } from "zod";

const fill = z.number().default(0).describe("What becomes free is filled with this");
const fraction = z.number().min(0).max(1);
const strength = z.number().min(0).exactOptional();

const ascending = (entry: z.ZodType<number>) =>
  z.tuple([entry, entry]).refine(([low, high]) => low <= high, { error: "expected the lower bound first" });

/** One step; the key says which. */
const augmentStepSchema = z.union([
  z.strictObject({
    flip: z.enum(["horizontal", "vertical"]).describe("horizontal swaps left and right"),
    probability: fraction.default(0.5).describe("How often"),
  }),
  z.strictObject({
    shift: z.tuple([fraction, fraction]).describe("Moves by whole pixels, up to these fractions of height and width, in either direction"),
    fill,
  }),
  z.strictObject({ rotate: z.number().min(0).max(180).describe("Turns about the centre by up to so many degrees, in either direction"), fill }),
  z.strictObject({
    resizedCrop: z
      .strictObject({
        area: ascending(z.number().positive().max(1)).describe("Share of the sample's area that the box has: least and most"),
        ratio: ascending(z.number().positive())
          .default([3 / 4, 4 / 3])
          .describe("How many times wider than the sample's own shape the box is: least and most"),
      })
      .describe("Cuts out a box and resizes it to the sample's own size"),
  }),
  z.strictObject({
    colorJitter: z
      .strictObject({
        brightness: strength.describe("Values are multiplied by a number from 1 − this to 1 + this"),
        contrast: strength.describe("Differences from the mean grey level are multiplied likewise"),
        saturation: strength.describe("Differences from each pixel's own grey level are multiplied likewise; 3 channels"),
        hue: z.number().min(0).max(0.5).exactOptional().describe("Colours turn by up to this share of the colour wheel, either way; 3 channels"),
        range: z
          .tuple([z.number(), z.number()])
          .refine(([low, high]) => low < high, { error: "expected the lower value first" })
          .default([0, 1])
          .describe("The values of black and of full brightness; results are kept between them"),
      })
      .describe("Changes colours"),
  }),
  z.strictObject({
    mixup: z.number().positive().describe("Each sample and its target are mixed with another's, in shares from Beta(this, this)"),
  }),
]);

export const augmentSchema = z
  .array(augmentStepSchema)
  .min(1)
  .describe("Random changes to the training samples, new in every epoch and drawn by `seed`; held-out rows are never changed");
