// The execution providers that a recipe or the command line may name, and the order in which `auto` tries them. What they are made of is
// in native.ts and web.ts.

/**
 * cpu: the native kernels; wasm: the same kernels as WebAssembly; the others reach devices through the native runtime, where this platform's
 * build has them.
 */
export const providers = ["cpu", "wasm", "webgpu", "cuda", "dml", "coreml"] as const;
export type Provider = (typeof providers)[number];

/**
 * What `auto` tries, first to last. Devices are not among them: whether one is faster depends on the model, its results differ in the last
 * digits from machine to machine, and a fault of a driver ends the whole process. Whoever wants one names it.
 */
export const automaticOrder = ["cpu", "wasm"] as const satisfies readonly Provider[];
