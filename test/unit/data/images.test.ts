// Folders of images as data: classes and parts from their names, what cannot be used and what is said of it, and samples that are the same
// however they are read.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import sharp from "sharp";
import { BadSamples } from "../../../core/data/bad-samples.js";
import type { ReadRequest, Rows } from "../../../core/data/dataset.js";
import { openImages, type ImageFolderSettings } from "../../../core/data/images.js";
import { EngineError } from "../../../core/errors.js";

let folder: string;
/** Where what was found in the folder is remembered. */
let records: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "frostline-images-"));
  records = await mkdtemp(join(tmpdir(), "frostline-records-"));
});
afterEach(async () => {
  for (const made of [folder, records]) await rm(made, { recursive: true });
});

/** A grey image of one level. */
const image = (level: number, [height, width]: readonly [number, number] = [2, 3]): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: { r: level, g: level, b: level } } })
    .png()
    .toBuffer();

async function put(name: string, content: Uint8Array | string): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), content);
}

interface Opening extends Omit<ImageFolderSettings, "folder"> {
  readonly skip?: boolean;
  readonly channels?: number;
  readonly memory?: number;
  readonly request?: Partial<ReadRequest>;
}

async function open({ skip = false, channels, memory, request, ...settings }: Opening = {}): Promise<{ rows: Rows; bad: BadSamples }> {
  const bad = new BadSamples(skip ? "skip" : "stop");
  const context = { bad, folder: records, ...(channels === undefined ? {} : { channels }) };
  const rows = await openImages({ folder, ...settings }, { features: [], labels: [], ...request }, context, memory);
  return { rows, bad };
}

async function failure(work: Promise<unknown>): Promise<EngineError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  return assert.fail("expected an error");
}

/** The first value of each sample, in 255ths. */
async function levels({ source }: Rows): Promise<readonly number[]> {
  const size = source.sampleShape.reduce((a, b) => a * b, 1);
  const all = new Float32Array(source.count * size);
  await Promise.all(Array.from({ length: source.count }, async (_, i) => source.read(i, all, i * size)));
  return Array.from({ length: source.count }, (_, i) => Math.round(all[i * size] * 255));
}

describe("a folder of images", () => {
  it("has a class for each folder and samples in the order of their names", async () => {
    await put("cat/b.png", await image(20));
    await put("cat/a.png", await image(10));
    await put("cat/more/c.png", await image(30));
    await put("dog/x.png", await image(40));
    await put("cat/.DS_Store", "hidden");
    await put("README.txt", "about these images");
    const { rows } = await open();
    assert.deepEqual([...(rows.labels.get("class") ?? [])], ["cat", "cat", "cat", "dog"]);
    assert.deepEqual(await levels(rows), [10, 20, 30, 40]);
    assert.deepEqual(rows.source.sampleShape, [3, 2, 3]);
    assert.deepEqual([...rows.numbers], [1, 2, 3, 4]);
    assert.equal(rows.source.describe(2), join(folder, "cat/more/c.png"));
  });

  it("has the channels that the model takes, unless the recipe says otherwise", async () => {
    await put("a/1.png", await image(10));
    const shape = async (opening: Opening): Promise<readonly number[]> => (await open(opening)).rows.source.sampleShape;
    assert.deepEqual(await shape({ channels: 1 }), [1, 2, 3]);
    assert.deepEqual(await shape({ channels: 3 }), [3, 2, 3]);
    assert.deepEqual(await shape({ channels: 1, color: "rgb" }), [3, 2, 3]);
    assert.deepEqual(await shape({ color: "grey", size: [4, 5] }), [1, 4, 5]);
  });

  it("tells the parts from the folders around the classes where it is asked to", async () => {
    for (const [i, part] of ["test", "train", "val"].entries()) await put(`${part}/a/1.png`, await image(10 * (i + 1)));
    const { rows } = await open({ request: { part: "part" } });
    assert.deepEqual(rows.part, ["test", "train", "val"]);
    assert.deepEqual([...(rows.labels.get("class") ?? [])], ["a", "a", "a"]);
    assert.match(
      (await failure(open({ request: { part: "fold" } }))).message,
      /data\.split\.column: an image folder has no column "fold", only "part"/,
    );
    assert.match(
      (await failure(open({ request: { labels: ["digit"] } }))).message,
      /data\.label: an image folder has no column "digit", only "class"/,
    );
  });

  it("stops at what is no image, naming the first files and their number", async () => {
    await put("a/1.png", await image(10));
    await put("a/2.png", "not an image");
    await put("a/3.jpg", new Uint8Array(0));
    const { code, message } = await failure(open());
    assert.equal(code, "data/rows");
    assert.match(message, /2 .* cannot be used/);
    assert.ok(message.includes(`${join(folder, "a/2.png")}: it is no image`), message);
    assert.ok(message.includes(`${join(folder, "a/3.jpg")}: it is empty`), message);
  });

  it("goes on without what cannot be used where the recipe says so, and counts it", async () => {
    await put("a/1.png", await image(10));
    await put("a/2.txt", "notes");
    await put("b/1.png", await image(20));
    await put("stray.png", await image(30));
    await mkdir(join(folder, "empty"));
    await symlink(join(folder, "nowhere.png"), join(folder, "b/gone.png"));
    const { rows, bad } = await open({ skip: true });
    assert.deepEqual(await levels(rows), [10, 20]);
    assert.deepEqual([...rows.numbers], [1, 3]);
    assert.equal(bad.count, 4);
    assert.deepEqual([...bad.examples].sort(), [
      `${join(folder, "a/2.txt")}: it is no image`,
      `${join(folder, "b/gone.png")}: it does not exist`,
      `${join(folder, "empty")}: class "empty" has no images`,
      `${join(folder, "stray.png")}: it lies in no class's folder`,
    ]); // prettier-ignore
  });

  it("wants one size of all images or a size in the recipe", async () => {
    for (const name of ["1", "2"]) await put(`a/${name}.png`, await image(10));
    await put("a/0.png", await image(50, [7, 5]));
    const { message, hint } = await failure(open());
    assert.ok(message.includes(`${join(folder, "a/0.png")}: expected 2 × 3 pixels (height × width), as most images have, got 7 × 5`), message);
    assert.match(hint ?? "", /"size": \[224, 224\]/);
    const { rows } = await open({ size: [4, 4] });
    assert.deepEqual(rows.source.sampleShape, [3, 4, 4]);
    assert.deepEqual(await levels(rows), [50, 10, 10]);
    assert.deepEqual(await levels((await open({ skip: true })).rows), [10, 10]);
  });

  it("says what is wrong with the folder itself", async () => {
    await put("file.txt", "x");
    assert.match((await failure(open())).message, /expected a folder of images for each class, got none/);
    const missing = openImages(join(folder, "fil"), { features: [], labels: [] }, { bad: new BadSamples(), folder });
    assert.match((await failure(missing)).message, /image folder ".*fil" does not exist/);
    const far = openImages(join(folder, "elsewhere"), { features: [], labels: [] }, { bad: new BadSamples(), folder });
    assert.match((await failure(far)).hint ?? "", /relative to the recipe's folder/);
    const file = openImages(join(folder, "file.txt"), { features: [], labels: [] }, { bad: new BadSamples(), folder });
    assert.match((await failure(file)).message, /got a file/);
    await put("a/x.txt", "x");
    assert.match((await failure(open({ skip: true }))).message, /none of its files is an image/);
  });

  it("changes its identity with any byte or name of a file, and the hash of its samples with what they are made of", async () => {
    await put("a/1.png", await image(10));
    await put("b/2.png", await image(20));
    const { rows: first } = await open();
    const { rows: again } = await open();
    assert.deepEqual([again.sha256, again.source.contentHash], [first.sha256, first.source.contentHash]);
    await rename(join(folder, "b/2.png"), join(folder, "b/3.png"));
    const { rows: renamed } = await open();
    assert.notEqual(renamed.sha256, first.sha256);
    assert.equal(renamed.source.contentHash, first.source.contentHash);
    const { rows: grey } = await open({ color: "grey" });
    assert.notEqual(grey.source.contentHash, renamed.source.contentHash);
    await put("b/3.png", await image(21));
    const { rows: changed } = await open();
    assert.notEqual(changed.sha256, renamed.sha256);
    assert.notEqual(changed.source.contentHash, renamed.source.contentHash);
  });

  it("gives the same samples whether there is memory for their pixels or not, in any order", async () => {
    for (let i = 0; i < 20; i += 1) await put(`a/${String(i).padStart(2, "0")}.png`, await image(10 * i));
    const expected = await levels((await open()).rows);
    assert.deepEqual(expected, Array.from({ length: 20 }, (_, i) => 10 * i)); // prettier-ignore
    for (const memory of [0, 100]) assert.deepEqual(await levels((await open({ memory })).rows), expected);
    for (const memory of [0, 40, 1e6]) {
      const { rows } = await open({ memory });
      const sample = new Float32Array(18);
      for (const index of [19, 3, 11, 3, 3, 19, 3, 19]) {
        await rows.source.read(index, sample, 0);
        assert.equal(Math.round(sample[17] * 255), 10 * index);
      }
    }
  });

  it("remembers what it found, and looks again at files that changed", async () => {
    await put("a/1.png", await image(10));
    await put("a/2.png", "no image");
    const record = async (): Promise<Record<string, { sha256: string; problem?: string }>> => {
      const [name] = (await readdir(records)).filter((file) => /^images-[0-9a-f]{16}\.json$/.test(file));
      return JSON.parse(await readFile(join(records, name), "utf8")) as Record<string, { sha256: string; problem?: string }>;
    };
    // Files that were written this very moment are not remembered yet.
    while (Object.keys(await open({ skip: true }).then(record)).length < 2) await new Promise(setImmediate);
    const first = await open({ skip: true });
    const found = await record();
    assert.equal(found["a/2.png"].problem, "it is no image");
    const [name] = await readdir(records);
    await writeFile(join(records, name), JSON.stringify({ ...found, "a/1.png": { ...found["a/1.png"], sha256: "another" } }));
    const believed = await open({ skip: true });
    assert.notEqual(believed.rows.source.contentHash, first.rows.source.contentHash);
    assert.equal(believed.bad.count, 1);
    await put("a/2.png", await image(20));
    await put("a/1.png", await image(30));
    const { rows, bad } = await open({ skip: true });
    assert.equal(bad.count, 0);
    assert.deepEqual(await levels(rows), [30, 20]);
    await writeFile(join(records, name), "nonsense");
    assert.equal((await open()).rows.sha256, rows.sha256);
  });

  it("names a file that changed after the run began", async () => {
    await put("a/1.png", await image(10));
    const { rows } = await open({ memory: 0 });
    const read = async (): Promise<void> => rows.source.read(0, new Float32Array(18), 0);
    await put("a/1.png", await image(10, [9, 9]));
    assert.match((await failure(read())).message, /image ".*1\.png" can no longer be read: its size is another now/);
    await put("a/1.png", "no image");
    assert.match((await failure(read())).message, /it is no image/);
    await rm(join(folder, "a/1.png"));
    const { message, code } = await failure(read());
    assert.match(message, /it does not exist/);
    assert.equal(code, "data/unreadable");
  });

  it("reads a link to a folder above once, and files of one name in two classes apart", async () => {
    await put("a/1.png", await image(10));
    await put("b/1.png", await image(20));
    await symlink(join(folder, "a"), join(folder, "a/loop"));
    assert.deepEqual(await levels((await open()).rows), [10, 20]);
  });
});
