// What the bench and its child processes say to each other: one JSON object a line, a reply for each request. A child that is not asked
// anything waits on its standard input and uses no processor.

/** One training job, the same for every side. */
export interface Task {
  readonly kind: "mlp" | "cnn" | "transformer" | "backbone";
  /** ONNX file that ours trains, and that peers without a model of their own for `kind` are built from. */
  readonly model: string;
  /** Safetensors file: every initializer of the model by name, `samples` [count, …] and `labels` int64 [count]. */
  readonly tensors: string;
  readonly sizes: Readonly<Record<string, number>>;
  /** Rules over parameter names; the last one that matches decides, `!` makes trainable. */
  readonly freeze: readonly string[];
  readonly optimizer: TaskOptimizer;
  /** Step i takes the samples from (i · batchSize) mod count on. */
  readonly batchSize: number;
  readonly threads: number;
  /** Whole runs will be asked for, not steps: nothing is loaded before. */
  readonly onlyWhole: boolean;
}

export interface TaskOptimizer {
  readonly type: "adam" | "adamw";
  readonly learningRate: number;
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** A training run from its start to its end. */
export interface WholeRun {
  /** A recipe of the same training; nothing of it is cached yet. */
  readonly recipe: string;
  readonly epochs: number;
  /** Peers compute the features of the frozen part once and keep them; otherwise in each epoch. */
  readonly cached: boolean;
  /** Epochs that a peer trains if it does not keep features; their time stands for that of all. */
  readonly peerEpochs: number;
}

export interface Requests {
  /** Loads the task and makes everything ready for the first step. */
  readonly prepare: Task;
  /** Trains on; the reply comes when all steps are done. */
  readonly run: { readonly steps: number };
  /** Trains from the start through all epochs, in file order: ours by a recipe, from reading its files to its end. */
  readonly whole: WholeRun;
}

export interface Replies {
  readonly prepare: { readonly description: string; readonly milliseconds: number };
  readonly run: { readonly losses: readonly number[]; readonly milliseconds: number };
  /** Losses of the first ten steps, and milliseconds for all epochs. */
  readonly whole: { readonly losses: readonly number[]; readonly milliseconds: number };
}

export type Verb = keyof Requests;

/** A request as it goes over the line. */
export type Request = { readonly [V in Verb]: { readonly verb: V; readonly body: Requests[V] } }[Verb];

/** A reply as it comes back: the body, or why there is none. */
export type Reply = { readonly body: Replies[Verb] } | { readonly error: string };
