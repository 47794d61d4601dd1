// @ts-check
// Assembles kernels.wat into kernels.generated.ts, which holds the module's bytes as text so that every bundler and test takes it as it is.
// Run by `npm run generate:kernels` after a change of kernels.wat; a test compares the two.

import { readFile, writeFile } from "node:fs/promises";
import initWabt from "wabt";

const source = new URL("kernels.wat", import.meta.url);
const target = new URL("kernels.generated.ts", import.meta.url);

/** The module's bytes in base64. */
export async function assemble() {
  const wabt = await initWabt();
  const module = wabt.parseWat("kernels.wat", await readFile(source, "utf8"), { simd: true });
  module.validate();
  const { buffer } = module.toBinary({});
  module.destroy();
  return Buffer.from(buffer).toString("base64");
}

if (process.argv[1] === import.meta.filename) {
  const text = await assemble();
  await writeFile(target, `// Assembled from kernels.wat by assemble.mjs.\n\nexport const kernelBytes =\n  "${text}";\n`);
}
