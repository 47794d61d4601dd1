// When packages count as installed, and what a bundle's digest depends on.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { inputsDigest, isInstalled, root } from "../../support/prepare.mjs";

describe("prepare", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "frostline-prepare-"));
    await mkdir(path.join(folder, "node_modules"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function installed(wanted: object, found?: object): Promise<boolean> {
    await writeFile(path.join(folder, "package-lock.json"), JSON.stringify({ packages: { "": {}, ...wanted } }));
    if (found !== undefined) await writeFile(path.join(folder, "node_modules", ".package-lock.json"), JSON.stringify({ packages: found }));
    return isInstalled(folder);
  }
  const one = { "node_modules/one": { version: "1.0.0", integrity: "sha512-a" } };

  it("asks for an installation where nothing is installed", async () => assert.equal(await installed(one), false));
  it("takes packages that equal the lockfile's as installed", async () => assert.equal(await installed(one, one), true));
  it("asks for an installation where a version differs", async () =>
    assert.equal(await installed(one, { "node_modules/one": { version: "1.0.1", integrity: "sha512-a" } }), false));
  it("asks for an installation where only the content differs", async () =>
    assert.equal(await installed(one, { "node_modules/one": { version: "1.0.0", integrity: "sha512-b" } }), false));
  it("asks for an installation where a package is missing or no longer wanted", async () => {
    assert.equal(await installed(one, {}), false);
    assert.equal(await installed({}, one), false);
  });
  it("does without packages for other platforms", async () =>
    assert.equal(await installed({ ...one, "node_modules/mac": { version: "1.0.0", optional: true } }, one), true));

  it("names the sources by one digest that stays while they do", async () => {
    const digest = await inputsDigest();
    assert.match(digest, /^[0-9a-f]{64}$/);
    assert.equal(await inputsDigest(), digest);
  });
});

describe("lockfile", () => {
  interface Package {
    readonly version?: string;
    readonly integrity?: string;
    readonly optionalDependencies?: Readonly<Record<string, string>>;
  }
  let packages: Readonly<Record<string, Package>>;
  before(async () => {
    packages = (JSON.parse(await readFile(path.join(root, "package-lock.json"), "utf8")) as { packages: Record<string, Package> }).packages;
  });

  it("pins every package by version and content, and names no address", async () => {
    const loose = Object.entries(packages).filter(([name, p]) => name !== "" && (p.version === undefined || p.integrity === undefined));
    assert.deepEqual(loose, []);
    assert.doesNotMatch(await readFile(path.join(root, "package-lock.json"), "utf8"), /"resolved": "http/);
  });

  // npm leaves out what it could not find when the lockfile was written, and then refuses the lockfile on a fresh machine.
  it("holds every optional package that another asks for", () => {
    const missing = Object.entries(packages).flatMap(([name, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (wanted) => !(`node_modules/${wanted}` in packages) && !(`${name}/node_modules/${wanted}` in packages),
      ),
    );
    assert.deepEqual(missing, []);
  });
});
