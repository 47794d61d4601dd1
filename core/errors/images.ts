// What can be wrong with folders of images, and with augmentation.

import { fileReason, relativePaths } from "./files.js";
import { make } from "./define.js";
import { didYouMean } from "../graph/nearest.js";

export const badAugment = (step: number, kind: string, expected: string, got: string) =>
  make("recipe/augment", `data.augment, step ${step} (${kind}): expected ${expected}, got ${got}`, { step, kind, expected, got });

export const augmentedIntegers = (input: string, dtype: string) =>
  make(
    "recipe/augment",
    `data.augment: input "${input}" takes ${dtype}, and an augmented sample no longer holds whole numbers`,
    { input, dtype },
    "Leave data.augment out.",
  );

export const noImageFolder = (path: string, near: readonly string[]) =>
  make("data/no-file", `image folder "${path}" does not exist`, { path, near }, didYouMean(near) ?? relativePaths);

export const unreadableFolder = (path: string, cause: unknown) =>
  make("data/unreadable", `image folder "${path}" cannot be read: ${fileReason(cause)}`, { path, reason: fileReason(cause) });

export const noClassFolders = (path: string, what: string) =>
  make("data/empty", `${path}: expected a folder of images for each class, got ${what}`, { path });

export const noImages = (path: string) => make("data/empty", `${path}: none of its files is an image that can be used`, { path });

export const imageColumn = (role: string, name: string, known: string) =>
  make(
    "recipe/unknown-column",
    `${role}: an image folder has no column "${name}", only "${known}"`,
    { role, name },
    "Leave it out, or name that one.",
  );

export const imageChanged = (path: string, reason: string) =>
  make(
    "data/unreadable",
    `image "${path}" can no longer be read: ${reason}`,
    { path, reason },
    "It could when the run began: leave the files alone.",
  );

export const noImageReader = (reason: string) =>
  make(
    "data/images",
    `images cannot be read here: ${reason}`,
    { reason },
    "Install the packages again, so that sharp's part for this platform is among them.",
  );
