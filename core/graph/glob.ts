// Globs over names: of parameters, of columns. How lists of globs combine, and what a leading `!` means there, is up to the lists.

import picomatch from "picomatch";

/** Picomatch refuses patterns of 64 KiB; ranges are written out, so globs end well before. */
export const longestGlob = 1000;
const longestRange = 200;

/**
 * Picomatch knows more than the language below (path separators, leading dots, groups, quotes, POSIX classes), so literal punctuation
 * is moved out of its sight: on both sides, every character that is not a letter, digit or underscore becomes a private-use one.
 */
function literal(text: string): string {
  return text.replace(/[^\w\u{80}-\u{10ffff}]/gu, (c) => String.fromCharCode(0xe000 + c.charCodeAt(0)));
}

/**
 * Reads one glob, at most `longestGlob` characters. `*` matches any characters, `.` and `/` included, `?` one of them, `[…]` one of a
 * set, `{a,b}` and `{3..5}` alternatives; a backslash takes the next character as it is. Everything else, `!` included, stands for itself.
 */
export function compileGlob(glob: string): (name: string) => boolean {
  const match = picomatch(translate(glob), { dot: true, nonegate: true, noextglob: true, windows: false });
  return (name) => match(literal(name));
}

/** The glob with everything that stands for itself made literal. */
function translate(glob: string): string {
  const closing = new Set<number>();
  let out = "";
  for (let i = 0; i < glob.length; i++) {
    const rest = glob.slice(i);
    const set = /^\[([!^]?)([^\]]+)\]/.exec(rest);
    const range = /^\{(\d+)\.\.(\d+)\}/.exec(rest);
    if (glob[i] === "\\") {
      i += 1;
      out += literal(glob[i] ?? "\\");
    } else if (set !== null) {
      out += `[${set[1] === "" ? "" : "^"}${[...set[2]].map((c) => (c === "-" ? c : literal(c))).join("")}]`;
      i += set[0].length - 1;
    } else if (range !== null) {
      out += expandRange(Number(range[1]), Number(range[2]));
      i += range[0].length - 1;
    } else if (glob[i] === "{" && closeOf(glob, i) !== undefined) {
      closing.add(closeOf(glob, i) as number);
      out += "{";
    } else if (closing.delete(i)) out += "}";
    else out += glob[i] === "*" || glob[i] === "?" || (glob[i] === "," && closing.size > 0) ? glob[i] : literal(glob[i]);
  }
  return out;
}

/** Where the alternatives that open at `open` close; undefined where they do not, or are fewer than two. */
function closeOf(glob: string, open: number): number | undefined {
  let depth = 0;
  let commas = 0;
  for (let i = open; i < glob.length; i++) {
    if (glob[i] === "\\") i += 1;
    else if (glob[i] === "{") depth += 1;
    else if (glob[i] === "," && depth === 1) commas += 1;
    else if (glob[i] === "}" && --depth === 0) return commas === 0 ? undefined : i;
  }
  return undefined;
}

/** `{3..11}` as alternatives; a longer range than any model has blocks stands for itself. */
function expandRange(from: number, to: number): string {
  const [low, high] = [Math.min(from, to), Math.max(from, to)];
  if (high - low >= longestRange) return literal(`{${from}..${to}}`);
  const numbers = Array.from({ length: high - low + 1 }, (_, i) => low + i);
  return numbers.length === 1 ? String(low) : `{${numbers.join(",")}}`;
}
