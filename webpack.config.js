// Bundles the programs into dist/: each entry compiles by itself, with its own list of what may be left outside.
// Type checking is a step of its own (`npm run typecheck`).

const { existsSync, readFileSync } = require("node:fs");
const path = require("node:path");
const { BannerPlugin, sources } = require("webpack");

/** Where the WebAssembly runtime lies. Its loader and its kernels go beside the bundle (see core/runtime/web.ts). */
const webRuntime = path.join(__dirname, "node_modules/onnxruntime-web/dist");
const webRuntimeFiles = ["ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"];

/** What each bundle starts from, the packages that it loads at run time instead of carrying them, and whether it carries the WebAssembly runtime. */
const entries = {
  worker: { file: "core/worker/entry.ts", external: ["onnxruntime-node", "sharp"], carriesWebRuntime: true },
  "self-test": { file: "core/worker/self-test.ts", external: [] },
  extension: { file: "extension/extension.ts", external: [], carriesRecipeSchema: true },
  cli: { file: "core/cli/main.ts", external: [], executable: true },
};

/** Leaves the named packages outside; refuses the runtimes where they do not belong, so that they only ever load in the worker. */
function externals(name, external, carriesWebRuntime) {
  return ({ request }, done) => {
    if (external.includes(request)) return done(null, `commonjs ${request}`);
    if (carriesWebRuntime && (request === "onnxruntime-web" || request === "onnxruntime-common")) return done();
    if (/^onnxruntime-/.test(request)) return done(new Error(`${name}: must not load "${request}"; only the worker does`));
    return done();
  };
}

/** Writes `<name>.inputs` beside a bundle that compiled: the digest of what it was made from, by which a stale build is known. */
class InputsDigest {
  constructor(name, digest) {
    this.asset = `${name}.inputs`;
    this.digest = digest;
  }

  apply(compiler) {
    compiler.hooks.thisCompilation.tap("InputsDigest", (compilation) => {
      compilation.hooks.processAssets.tap("InputsDigest", () => compilation.emitAsset(this.asset, new sources.RawSource(`${this.digest}\n`)));
    });
  }
}

/** Copies the files that the WebAssembly runtime loads by itself. */
class WebRuntimeFiles {
  apply(compiler) {
    compiler.hooks.thisCompilation.tap("WebRuntimeFiles", (compilation) => {
      compilation.hooks.processAssets.tap("WebRuntimeFiles", () => {
        for (const file of webRuntimeFiles) compilation.emitAsset(file, new sources.RawSource(readFileSync(path.join(webRuntime, file))));
      });
    });
  }
}

/** Writes the JSON schema of recipes, as the engine checks them, for the editor's JSON server. */
class RecipeSchema {
  apply(compiler) {
    compiler.hooks.thisCompilation.tap("RecipeSchema", (compilation) => {
      compilation.hooks.processAssets.tap("RecipeSchema", () => {
        const { recipeEditorSchema } = require("tsx/cjs/api").require("./core/train/recipe-editor-schema.ts", __filename);
        compilation.emitAsset("recipe.schema.json", new sources.RawSource(`${JSON.stringify(recipeEditorSchema(), undefined, 2)}\n`));
      });
    });
  }
}

/** Sets the executable bit of a bundle that starts with a shebang. */
class Executable {
  apply(compiler) {
    compiler.hooks.afterEmit.tapPromise("Executable", async (compilation) => {
      const { chmod } = require("node:fs/promises");
      for (const name of compilation.entrypoints.keys()) await chmod(path.join(compiler.outputPath, `${name}.js`), 0o755);
    });
  }
}

function bundle(name, { file, external, executable = false, carriesWebRuntime = false, carriesRecipeSchema = false }, digest) {
  return {
    name,
    mode: "production",
    target: "node20",
    entry: { [name]: `./${file}` },
    context: __dirname,
    output: {
      path: path.join(__dirname, "dist"),
      filename: "[name].js",
      chunkFilename: `${name}.[id].js`,
      // The folder is shared: each bundle clears away only what was its own.
      clean: { keep: (asset) => !asset.startsWith(`${name}.`) },
      library: { type: "commonjs2" },
      devtoolNamespace: "frostline",
    },
    devtool: "source-map",
    node: { __dirname: false, __filename: false },
    externals: [{ vscode: "commonjs vscode" }, externals(name, external, carriesWebRuntime)],
    resolve: {
      extensions: [".ts", ".js"],
      extensionAlias: { ".js": [".ts", ".js"] },
      alias: { "onnxruntime-web$": path.join(webRuntime, "ort.node.min.js") },
    },
    module: {
      rules: [
        {
          test: /\.ts$/,
          exclude: /node_modules/,
          loader: "ts-loader",
          options: { transpileOnly: true, onlyCompileBundledFiles: true, compilerOptions: { module: "esnext", moduleResolution: "bundler" } },
        },
      ],
    },
    // Readable stack traces are worth more here than the size of the files.
    optimization: { minimize: false, moduleIds: "deterministic", chunkIds: "deterministic" },
    performance: { hints: false },
    stats: { preset: "errors-warnings", builtAt: false },
    plugins: [
      ...(executable ? [new BannerPlugin({ banner: "#!/usr/bin/env node", raw: true, entryOnly: true }), new Executable()] : []),
      ...(carriesWebRuntime ? [new WebRuntimeFiles()] : []),
      ...(carriesRecipeSchema ? [new RecipeSchema()] : []),
      new InputsDigest(name, digest),
    ],
  };
}

module.exports = async () => {
  const { inputsDigest } = await import("./test/support/prepare.mjs");
  const digest = await inputsDigest();
  return Object.entries(entries)
    .filter(([, { file }]) => existsSync(path.join(__dirname, file)))
    .map(([name, entry]) => bundle(name, entry, digest));
};

/** Names of the bundles, for those who need to know whether all of them are there and fresh. */
module.exports.entries = entries;
