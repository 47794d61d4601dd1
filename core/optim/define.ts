// What an optimizer is and the settings it takes. The update rules stand in a file each, the checks in index.ts.

/** Stochastic gradient descent. `nesterov` needs a momentum and no dampening. */
export interface SgdSettings {
  readonly type: "sgd";
  readonly learningRate: number;
  readonly momentum: number;
  readonly dampening: number;
  readonly nesterov: boolean;
  /** L2 penalty: joins the gradient. */
  readonly weightDecay: number;
}

export interface AdamSettings {
  /** `adam`: weight decay joins the gradient. `adamw`: it shrinks the weight itself. */
  readonly type: "adam" | "adamw";
  readonly learningRate: number;
  /** Decay of the running means of the gradient and of its square. */
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  readonly weightDecay: number;
}

export interface RmspropSettings {
  readonly type: "rmsprop";
  readonly learningRate: number;
  /** Decay of the running mean of squares. */
  readonly alpha: number;
  readonly epsilon: number;
  readonly momentum: number;
  /** Divides by the standard deviation of gradients in place of their root mean square. */
  readonly centered: boolean;
  /** L2 penalty: joins the gradient. */
  readonly weightDecay: number;
}

export interface AdagradSettings {
  readonly type: "adagrad";
  readonly learningRate: number;
  readonly learningRateDecay: number;
  /** What the sums of squares start from. */
  readonly initialAccumulator: number;
  readonly epsilon: number;
  /** L2 penalty: joins the gradient. */
  readonly weightDecay: number;
}

export interface LionSettings {
  readonly type: "lion";
  readonly learningRate: number;
  /** Weight of the running mean in the direction of a step, and its decay. */
  readonly betas: readonly [number, number];
  /** Shrinks the weight itself. */
  readonly weightDecay: number;
}

export interface LambSettings {
  readonly type: "lamb";
  readonly learningRate: number;
  /** Decay of the running means of the gradient and of its square. */
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  /** Joins the direction before its length is set. */
  readonly weightDecay: number;
}

export type OptimizerSettings = SgdSettings | AdamSettings | RmspropSettings | AdagradSettings | LionSettings | LambSettings;

type DefaultsAllowed<S> = S extends OptimizerSettings ? Pick<S, "type"> & { readonly [K in Exclude<keyof S, "type">]?: S[K] | undefined } : never;

/** Settings as a recipe gives them: `type`, and what differs from the defaults. */
export type OptimizerInput = DefaultsAllowed<OptimizerSettings>;

/** Running values of one tensor by slot, each as long as the tensor. */
export type Slots = Readonly<Record<string, Float32Array>>;

/** What an update depends on besides the tensors. */
export interface StepSettings {
  readonly learningRate: number;
  /** Updates that this tensor has had, this one included: the first is 1. */
  readonly step: number;
}

/**
 * An update rule for one tensor at a time. Arithmetic on elements is float32, rounded after every operation; what is the same for
 * all elements is computed in float64 and rounded once. So a vectorised kernel of the same operations gives the same bits.
 */
export interface Optimizer {
  readonly settings: OptimizerSettings;
  /** Names of the running values that it keeps. */
  readonly slots: readonly string[];
  /** The state before the first update. `allocate` says where they lie. */
  initialState(length: number, allocate?: (length: number) => Float32Array): Slots;
  /** Updates `parameter` and `state` in place; the gradient stays as it is. All are equally long. */
  step(parameter: Float32Array, gradient: Float32Array, state: Slots, settings: StepSettings): void;
}

/** Zeros by slot, in memory from `allocate` where it is given. */
export function zeroState(slots: readonly string[], length: number, allocate = (n: number): Float32Array => new Float32Array(n)): Slots {
  return Object.fromEntries(slots.map((slot) => [slot, allocate(length)]));
}
