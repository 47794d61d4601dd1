// Bundles our side of the bench as the product's worker is bundled: a TypeScript loader in the process would count in its memory.

import { join } from "node:path";
import webpack, { type Configuration } from "webpack";

const root = join(__dirname, "../..");

/** Writes `dist/<name>.js` beside this file from `<name>.ts`, and answers its path. @throws with what webpack says */
export async function bundleSide(name: string): Promise<string> {
  const { default: configurations } = (await import("../../webpack.config.js")) as { readonly default: () => Promise<readonly Configuration[]> };
  const worker = (await configurations()).find((configuration) => configuration.name === "worker");
  const path = join(__dirname, "dist");
  const compiler = webpack({
    ...worker,
    name: "bench",
    entry: { [name]: join(__dirname, `${name}.ts`) },
    output: { ...worker?.output, path },
    context: root,
  });
  const stats = await new Promise<webpack.Stats | undefined>((resolve, reject) => {
    compiler?.run((error, result) => (error === null ? resolve(result) : reject(error)));
  });
  if (stats?.hasErrors() === true) throw new Error(stats.toString("errors-only"));
  return join(path, `${name}.js`);
}
