// @ts-check
// `npm run package`: one .vsix for each platform with its own native files only, and a universal one on WebAssembly, into `out/`.
// Arguments pick platforms (`npm run package -- linux-x64 universal`). Native files of other platforms than this one come from npm, as the
// lockfile has them; this platform's are taken from node_modules, so that its package can be made offline.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { npm, prepare, root } from "../test/support/prepare.mjs";

/** Where the packages go; ignored by git. */
const out = join(root, "out");

/** What a platform's package may weigh, in megabytes, and the folders of its native files. */
const targets = {
  "linux-x64": { limit: 45, binary: "linux/x64", sharp: ["@img/sharp-linux-x64", "@img/sharp-libvips-linux-x64"] },
  "linux-arm64": { limit: 45, binary: "linux/arm64", sharp: ["@img/sharp-linux-arm64", "@img/sharp-libvips-linux-arm64"] },
  "darwin-arm64": { limit: 45, binary: "darwin/arm64", sharp: ["@img/sharp-darwin-arm64", "@img/sharp-libvips-darwin-arm64"] },
  "win32-x64": { limit: 50, binary: "win32/x64", sharp: ["@img/sharp-win32-x64"] },
  "win32-arm64": { limit: 50, binary: "win32/arm64", sharp: ["@img/sharp-win32-arm64"] },
  universal: { limit: 45, binary: undefined, sharp: ["@img/sharp-wasm32", "@img/sharp-wasm32/node_modules/@emnapi/runtime", "tslib"] },
};
/** @typedef {keyof typeof targets} Target */

/** Of the runtime's two copies of its macOS library, the one that nothing asks for. */
const duplicate = /^libonnxruntime\.\d+\.\d+\.\d+\.dylib$/;

/** Scripts of sharp and of the packages that it loads; sources and what only its installation needs stay away. */
const sharpPackages = ["sharp", "@img/colour", "detect-libc", "semver"];
const leftOut = /(^|\/)(src|install|script|esm)(\/|$)|\.(map|d\.[cm]?ts|gyp)$/;

/** What of the manifest only concerns a checkout. */
const ofCheckout = ["scripts", "dependencies", "devDependencies", "bin", "files", "private"];

const { packages: locked } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));

/**
 * Copies an installed package without what nothing loads at run time.
 * @param {string} name
 * @param {string} into a folder `node_modules`
 * @param {(path: string) => boolean} [wanted] of paths inside the package, with slashes
 */
function copyPackage(name, into, wanted = () => true) {
  const from = join(root, "node_modules", name);
  cpSync(from, join(into, name), {
    recursive: true,
    filter: (file) => {
      const path = relative(from, file).split(sep).join("/");
      return path === "" || (!leftOut.test(path) && wanted(path));
    },
  });
}

/**
 * Puts a package of the lockfile in place: from node_modules where it is there, else from npm, and only if it is what the lockfile says.
 * @param {string} key its path below `node_modules`
 * @param {string} into
 */
function placePackage(key, into) {
  if (existsSync(join(root, "node_modules", key, "package.json"))) return copyPackage(key, into);
  const { version, integrity } = locked[`node_modules/${key}`];
  const name = key.slice(key.lastIndexOf("node_modules/") + 1).replace(/^ode_modules\//, "");
  const folder = mkdtempSync(join(out, "download-"));
  try {
    npm(["pack", `${name}@${version}`, "--pack-destination", folder, "--prefer-offline", "--silent"]);
    const [file] = readdirSync(folder);
    const [algorithm, wanted] = integrity.split("-");
    const found = createHash(algorithm).update(readFileSync(join(folder, file))).digest("base64"); // prettier-ignore
    if (found !== wanted) throw new Error(`${name}@${version}: expected ${integrity} as in package-lock.json, got ${algorithm}-${found}`);
    mkdirSync(join(into, key), { recursive: true });
    execFileSync("tar", ["-xzf", join(folder, file), "-C", join(into, key), "--strip-components=1"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Lays out what a package holds.
 * @param {Target} target
 * @param {string} stage
 */
function layOut(target, stage) {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const key of ofCheckout) delete manifest[key];
  writeFileSync(join(stage, "package.json"), JSON.stringify(manifest, null, 2));
  for (const file of ["README.md", "CHANGELOG.md", "LICENSE"]) cpSync(join(root, file), join(stage, file));
  const media = execFileSync("git", ["ls-files", "-z", "media"], { cwd: root, encoding: "utf8" }).split("\0").filter(Boolean);
  for (const file of media) cpSync(join(root, file), join(stage, file));
  const dist = join(root, "dist");
  cpSync(dist, join(stage, "dist"), { recursive: true, filter: (file) => !/(\.map|\.inputs|[\\/]cli\..*)$/.test(file) });
  // Beside the bundle: what lies in a folder `node_modules` at the top is never packed.
  const modules = join(stage, "dist", "node_modules");
  for (const name of sharpPackages) copyPackage(name, modules);
  const { binary, sharp } = targets[target];
  for (const key of sharp) placePackage(key, modules);
  if (binary === undefined) return;
  const native = `bin/napi-v6/${binary}`;
  const isOurs = (/** @type {string} */ path) => native.startsWith(path) || path.startsWith(`${native}/`);
  copyPackage("onnxruntime-node", modules, (path) => (path.startsWith("bin") ? isOurs(path) : true) && !duplicate.test(path.split("/").at(-1) ?? ""));
  copyPackage("onnxruntime-common", modules);
}

/**
 * Makes the package of a platform.
 * @param {Target} target
 * @returns {Promise<string>} its path
 */
export async function makePackage(target) {
  const { createVSIX } = await import("@vscode/vsce");
  mkdirSync(out, { recursive: true });
  const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const file = join(out, `${name}-${version}-${target}.vsix`);
  const stage = mkdtempSync(join(out, "stage-"));
  try {
    layOut(target, stage);
    const platform = target === "universal" ? {} : { target };
    await createVSIX({ cwd: stage, packagePath: file, dependencies: false, allowMissingRepository: true, rewriteRelativeLinks: false, ...platform });
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
  const megabytes = statSync(file).size / 1e6;
  if (megabytes > targets[target].limit)
    throw new Error(`${relative(root, file)}: ${megabytes.toFixed(1)} MB, expected ${targets[target].limit} at most`);
  console.log(`${target.padEnd(13)} ${megabytes.toFixed(1).padStart(5)} MB  ${relative(root, file)}`);
  return file;
}

/** @param {string} name @returns {name is Target} */
const isTarget = (name) => Object.hasOwn(targets, name);

if (process.argv[1] !== undefined && dirname(process.argv[1]) === import.meta.dirname) {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !isTarget(name));
  if (unknown.length > 0) throw new Error(`no such platform: ${unknown.join(", ")}; there are ${Object.keys(targets).join(", ")}`);
  await prepare();
  for (const target of Object.keys(targets)
    .filter(isTarget)
    .filter((name) => wanted.length === 0 || wanted.includes(name)))
    await makePackage(target);
}
