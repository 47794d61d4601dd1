// Arithmetic on dimension sizes that may be symbolic. A canonical symbolic size is a monomial: an integer coefficient and
// sorted factors, written "6*N*T". Whatever is not a monomial (a strided convolution's output, say) becomes one opaque factor.

import type { Dim, Shape } from "./types.js";

interface Monomial {
  readonly coefficient: number;
  readonly factors: readonly string[];
}

let unknownCount = 0;

/** A size about which nothing is known; equal to no other size. */
export function unknownDim(): Dim {
  unknownCount += 1;
  return `?${unknownCount}`;
}

/** The symbol for a name of a model file, which may hold any characters; `""` is an unknown size. */
export function symbol(name: string): Dim {
  return name === "" ? unknownDim() : name.replaceAll(/[*·]/g, "×").replace(/^(\d)/, "_$1");
}

function parse(dim: Dim): Monomial {
  if (typeof dim === "number") return { coefficient: dim, factors: [] };
  const parts = dim.split("*");
  const first = Number(parts[0]);
  return Number.isInteger(first) ? { coefficient: first, factors: parts.slice(1) } : { coefficient: 1, factors: parts };
}

function format({ coefficient, factors }: Monomial): Dim {
  if (coefficient === 0 || factors.length === 0) return coefficient;
  const text = [...factors].sort().join("*");
  return coefficient === 1 ? text : `${coefficient}*${text}`;
}

/** a · b */
export function multiply(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a * b;
  const [x, y] = [parse(a), parse(b)];
  return format({ coefficient: x.coefficient * y.coefficient, factors: [...x.factors, ...y.factors] });
}

/** a / b where it is certain to be whole, else undefined. */
export function divideExactly(a: Dim, b: Dim): Dim | undefined {
  const [x, y] = [parse(a), parse(b)];
  if (y.coefficient === 0) return undefined;
  if (!Number.isInteger(x.coefficient / y.coefficient)) return undefined;
  const factors = [...x.factors];
  for (const factor of y.factors) {
    const at = factors.indexOf(factor);
    if (at < 0) return undefined;
    factors.splice(at, 1);
  }
  return format({ coefficient: x.coefficient / y.coefficient, factors });
}

/** Product of the sizes; 1 for none. */
export function product(dims: Shape): Dim {
  return dims.reduce<Dim>(multiply, 1);
}

/** A size given by an arbitrary expression over others: one opaque factor, equal where the text is equal. */
export function expression(text: string): Dim {
  return `(${text.replaceAll("*", "·")})`;
}

/** The size a of a sum "(a+3)": products that `expression` hid outside of inner parentheses are products again. */
function unwrapped(text: string): Dim {
  let depth = 0;
  return Array.from(text, (character) => {
    if (character === "(") depth += 1;
    else if (character === ")") depth -= 1;
    return character === "·" && depth === 0 ? "*" : character;
  }).join("");
}

/** a + b, with numbers folded. */
export function add(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a + b;
  if (a === 0) return b;
  if (b === 0) return a;
  const [x, y] = [parse(a), parse(b)];
  if (x.factors.join("*") === y.factors.join("*")) return format({ coefficient: x.coefficient + y.coefficient, factors: x.factors });
  // (n + 2) − 2 is n again: padded convolutions keep the size that a residual connection compares.
  if (typeof b === "number" && x.coefficient === 1 && x.factors.length === 1) {
    const sum = /^\((.+)\+(-?\d+)\)$/.exec(x.factors[0]);
    if (sum !== null) return add(unwrapped(sum[1]), Number(sum[2]) + b);
  }
  return expression(`${a}+${b}`);
}

export function isStatic(shape: Shape | undefined): shape is readonly number[] {
  return shape !== undefined && shape.every((d) => typeof d === "number");
}

/** Number of elements of a static shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((n, d) => n * d, 1);
}

/** Substitutes symbols by sizes, e.g. the batch by a number. Opaque expressions over a bound symbol become unknown. */
export function substitute(dim: Dim, bindings: ReadonlyMap<string, Dim>): Dim {
  if (typeof dim === "number") return dim;
  const { coefficient, factors } = parse(dim);
  return factors.map((f) => bindings.get(f) ?? f).reduce<Dim>(multiply, coefficient);
}

/**
 * NumPy-style broadcast of two sizes; undefined where they certainly do not fit. Of two different symbols nothing is known
 * but that they must agree at run time, or that one is 1.
 */
export function broadcastDim(a: Dim, b: Dim): Dim | undefined {
  if (a === b || b === 1) return a;
  if (a === 1) return b;
  if (typeof a === "number" && typeof b === "number") return undefined;
  if (typeof a === "number") return a;
  if (typeof b === "number") return b;
  return unknownDim();
}

/** Broadcast of several shapes, aligned at the right; undefined where they certainly do not fit. */
export function broadcastShapes(shapes: readonly Shape[]): Shape | undefined {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const out: Dim[] = [];
  for (let axis = 0; axis < rank; axis++) {
    let size: Dim = 1;
    for (const shape of shapes) {
      const at = axis - (rank - shape.length);
      const next = broadcastDim(size, at < 0 ? 1 : shape[at]);
      if (next === undefined) return undefined;
      size = next;
    }
    out.push(size);
  }
  return out;
}

/** `[N, 3, ?, 8]` for messages and printed graphs. */
export function formatShape(shape: Shape | undefined): string {
  if (shape === undefined) return "[…]";
  return `[${shape.map((d) => (typeof d === "string" && d.startsWith("?") ? "?" : String(d))).join(", ")}]`;
}
