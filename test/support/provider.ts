// What the tests compute with: the native CPU kernels, or the provider that the environment names, so that a whole suite can run on another.

import { providers, type Provider } from "../../core/runtime/providers.js";

const named = process.env.FROSTLINE_TEST_PROVIDER ?? "cpu";

/** The provider that graphs and runs of the tests use unless they name one. */
export const testProvider = known(named);

/** What computes float64, which is compared against and never what is tested: no device does. */
export const referenceProvider: Provider = testProvider === "wasm" ? "wasm" : "cpu";

function known(name: string): Provider {
  const provider = providers.find((p) => p === name);
  if (provider === undefined) throw new Error(`FROSTLINE_TEST_PROVIDER is "${name}": expected one of ${providers.join(", ")}`);
  return provider;
}
