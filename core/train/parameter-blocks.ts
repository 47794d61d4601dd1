// A model's parameters by blocks, as its names have them: what a person thinks of as "the last two blocks".

import type { Named } from "./plan.js";

/** Parameters that belong together, under one rule. */
export interface ParameterBlock<P> {
  readonly name: string;
  /** Rule that matches them. */
  readonly rule: string;
  readonly members: readonly P[];
}

/**
 * Blocks in the order of first use: what is numbered is a block by its number (`blocks.3.5` of `blocks.3.5.conv.weight`), everything else
 * a layer by its name. Stored names count where they spell a place in the model, else derived paths.
 */
export function blocksOf<P extends Named>(parameters: readonly P[]): readonly ParameterBlock<P>[] {
  const blocks = new Map<string, { readonly rule: string; readonly members: P[] }>();
  for (const parameter of parameters) {
    const text = /[./].*[./]|^[a-z]\w*\.(weight|bias)$/i.test(parameter.name) && !/^\W|::/.test(parameter.name) ? parameter.name : parameter.path;
    const [, numbered] = /^((?:[^./]+[./])*?\d+(?:[./]\d+)*)[./]/.exec(text) ?? [];
    const end = numbered?.length ?? Math.max(text.lastIndexOf("."), text.lastIndexOf("/"));
    const name = end > 0 ? text.slice(0, end) : text;
    const rule = end > 0 ? `${escapeGlob(text.slice(0, end + 1))}*` : escapeGlob(text);
    const known = blocks.get(name);
    if (known === undefined) blocks.set(name, { rule, members: [parameter] });
    else known.members.push(parameter);
  }
  return [...blocks].map(([name, block]) => ({ name, ...block }));
}

/** The name as a rule that means only itself. */
function escapeGlob(name: string): string {
  return name.replace(/[\\*?[\]{}]/g, "\\$&").replace(/^!/, "\\!");
}
