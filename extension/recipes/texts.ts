// What recipes say in the editor, in words: the lenses of freeze rules and of the model.

import type { RecipeAnalysis, RuleEffect } from "../../core/worker/contract.js";

/** `❄ 96 tensors · 1.01 M parameters`, `trainable: 4 tensors · 3.4 k`, `matches nothing`. */
export function ruleText({ decides, matches, tensors, parameters, blocked }: RuleEffect): string {
  if (matches === 0) return "matches nothing";
  const unreached = blocked === 0 ? "" : `${blocked} out of the loss's reach`;
  if (tensors === 0) return unreached === "" ? "decides nothing: later rules match the same" : unreached;
  const counted =
    decides === "frozen"
      ? `❄ ${tensorsText(tensors)} · ${countText(parameters)} parameters`
      : `trainable: ${tensorsText(tensors)} · ${countText(parameters)}`;
  return unreached === "" ? counted : `${counted} · ${unreached}`;
}

/** `Model: 96 tensors · 193 k parameters` */
export function modelText({ tensors, parameters }: NonNullable<RecipeAnalysis["model"]>): string {
  return `Model: ${tensorsText(tensors)} · ${countText(parameters)} parameters`;
}

function tensorsText(count: number): string {
  return count === 1 ? "1 tensor" : `${count} tensors`;
}

const units = [
  ["G", 1e9],
  ["M", 1e6],
  ["k", 1e3],
] as const;

/** Three digits at most: `845`, `3.4 k`, `1.01 M`. */
export function countText(count: number): string {
  const [unit, size] = units.find(([, least]) => Number((count / least).toPrecision(3)) >= 1) ?? ["", 1];
  return unit === "" ? String(count) : `${Number((count / size).toPrecision(3))} ${unit}`;
}
