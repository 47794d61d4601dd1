// The layers of a model as a list with scopes above what lies in them: what a person freezes or unfreezes at once.

import { plural } from "../../core/text/tables.js";
import type { InspectedParameter } from "../../core/worker/contract.js";
import { literalGlob } from "./freeze-plan.js";

export interface LayerEntry {
  readonly name: string;
  readonly kind: "layer" | "scope";
  /** How deep it lies among those that are listed. */
  readonly depth: number;
  readonly tensors: number;
  readonly elements: number;
  /** Elements that are frozen. */
  readonly frozen: number;
  /** Freeze rules that match its parameters and no others. */
  readonly globs: readonly string[];
}

/** Scopes that hold more than one layer, and the layers, in the order of first use. Buffers follow their layers and are not counted. */
export function layerEntries(parameters: readonly InspectedParameter[]): readonly LayerEntry[] {
  const layers = new Map<string, InspectedParameter[]>();
  for (const parameter of parameters.filter(({ kind }) => kind === "parameter")) {
    const layer = layers.get(parameter.layer);
    if (layer === undefined) layers.set(parameter.layer, [parameter]);
    else layer.push(parameter);
  }
  const within = new Map<string, number>();
  for (const layer of layers.keys()) for (const scope of scopesOf(layer)) within.set(scope, (within.get(scope) ?? 0) + 1);
  const counted = (inside: readonly InspectedParameter[]): Pick<LayerEntry, "tensors" | "elements" | "frozen"> => ({
    tensors: inside.length,
    elements: inside.reduce((sum, { elements }) => sum + elements, 0),
    frozen: inside.reduce((sum, { elements, mark }) => sum + (mark === "frozen" ? elements : 0), 0),
  });
  const told = new Set<string>();
  return [...layers].flatMap(([layer, own]): readonly LayerEntry[] => {
    const scopes = scopesOf(layer).filter((scope, i, all) => (within.get(scope) ?? 0) > 1 && within.get(scope) !== within.get(all[i + 1]));
    const opened = scopes.flatMap((scope, depth): readonly LayerEntry[] => {
      if (told.has(scope)) return [];
      told.add(scope);
      const inside = parameters.filter((p) => p.kind === "parameter" && p.layer.startsWith(`${scope}.`));
      return [{ name: scope, kind: "scope", depth, ...counted(inside), globs: globsFor(scope, inside, parameters) }];
    });
    return [...opened, { name: layer, kind: "layer", depth: scopes.length, ...counted(own), globs: globsFor(layer, own, parameters) }];
  });
}

/** One glob where the parameters have a common beginning that no others have, in their names or in their paths; else their names. */
function globsFor(name: string, inside: readonly InspectedParameter[], all: readonly InspectedParameter[]): readonly string[] {
  const beginnings = [`${name}.`, `${name}/`].filter((beginning) => {
    const matched = all.filter((p) => p.kind === "parameter" && (p.name.startsWith(beginning) || p.path.startsWith(beginning)));
    return matched.length === inside.length && matched.every((parameter) => inside.includes(parameter));
  });
  return beginnings.length > 0 ? [`${literalGlob(beginnings[0])}*`] : inside.map((parameter) => literalGlob(parameter.name));
}

/** `a.b.c` lies in `a` and `a.b`. */
function scopesOf(layer: string): readonly string[] {
  const parts = layer.split(".");
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("."));
}

const thousands = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 2 });

/** `2 tensors · 1.15M parameters · frozen` */
export function entryText({ tensors, elements, frozen }: LayerEntry): string {
  const mark = frozen === 0 ? "trainable" : frozen === elements ? "frozen" : "partly frozen";
  return `${plural(tensors, "tensor")} · ${thousands.format(elements)} parameters · ${mark}`;
}
