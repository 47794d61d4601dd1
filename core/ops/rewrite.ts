// What a rewrite of nodes is: a pattern that ends in one operator, and nodes that compute the same in its place. The pass that applies them
// is in `passes/rewrite.ts`; the patterns stand in `recognise.ts` (before differentiation) and `kernels.ts` (after it).

import type { GraphBuilder, Value } from "../graph/builder.js";
import type { Node } from "../graph/types.js";

/** A node with its operands as they are now. An absent optional operand is undefined. */
export interface Made {
  readonly node: Node;
  readonly inputs: readonly (Value | undefined)[];
}

export interface RewriteContext extends Made {
  /** New nodes go in before the readers of the node's output. */
  readonly b: GraphBuilder;
  /** The node's own output. */
  readonly output: Value;
  /** Version of ai.onnx in which the graph is written. */
  readonly opset: number;
  /** A value that comes before the node, by its name. */
  readonly value: (name: string) => Value | undefined;
  /** The node that makes a value, where it is one of these operators (of ai.onnx). */
  readonly maker: (value: Value | undefined, ...opTypes: readonly string[]) => Made | undefined;
}

export interface Rewrite {
  /** The operator (of ai.onnx) whose output is replaced: the last node of the pattern. */
  readonly opType: string;
  /** A value that it made, to take in place of the node's only output; undefined where the pattern is not there. */
  readonly apply: (context: RewriteContext) => Value | undefined;
}

/** The element of a constant with one element. */
export function scalarOf(value: Value | undefined): number | undefined {
  return value?.floats?.length === 1 ? value.floats[0] : undefined;
}

/** Whether a constant with one element is `expected`, as float32 knows it. */
export function isScalar(value: Value | undefined, expected: number): boolean {
  const found = scalarOf(value);
  return found !== undefined && Math.abs(found - expected) <= 1e-6 * Math.max(1, Math.abs(expected));
}

/** The operands of a node with two, in both orders. */
export function eitherOrder({ inputs: [a, c] }: Made): readonly (readonly [Value | undefined, Value | undefined])[] {
  return [
    [a, c],
    [c, a],
  ];
}
