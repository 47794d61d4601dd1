// The store of features with every mix of memory and disk, and what it does when the disk lets it down in the middle.

import assert from "node:assert/strict";
import { mkdtemp, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CachedFeatures } from "../../../core/train/feature-cache.js";
import { FeatureStore, type FeatureMaker, type FeatureOptions, type FeatureProgress } from "../../../core/train/features.js";

const samples = 40;
const values = [
  { name: "a", dtype: "float32", shape: [1, 2] },
  { name: "b", dtype: "int64", shape: [1] },
] as const;
/** Bytes of all samples. */
const total = samples * (2 * 4 + 8);

describe("the store of features", () => {
  let folder: string;
  let made: number[][];
  let progress: FeatureProgress[];
  let complaints: unknown[];
  let released: number;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "frostline-features-"));
    [made, progress, complaints, released] = [[], [], [], 0];
  });
  afterEach(() => rm(folder, { recursive: true }));

  const maker: FeatureMaker = {
    values,
    batchSize: 16,
    executions: () => made.length,
    make: (indices) => {
      made.push([...indices]);
      // A prefix runs on whole batches: what is beyond the samples asked for is padding.
      const padded = [...indices, ...Array.from({ length: 16 - indices.length }, () => 99)];
      return Promise.resolve([
        { dtype: "float32", shape: [16, 2], data: Float32Array.from(padded.flatMap((i) => [i, -i])) },
        { dtype: "int64", shape: [16], data: BigInt64Array.from(padded, (i) => BigInt(i * 10)) },
      ]);
    },
    release: () => Promise.resolve(void (released += 1)),
  };

  const openCache = (limit = 1e6) => CachedFeatures.open(folder, "key", { values, count: samples, limit });
  const store = (options: Partial<FeatureOptions>): FeatureStore =>
    new FeatureStore(maker, {
      samples,
      cache: undefined,
      memoryLimit: total,
      onProgress: (p) => progress.push(p),
      stopRequested: () => false,
      onCacheError: (cause) => complaints.push(cause),
      ...options,
    });

  async function assertGathers(features: FeatureStore): Promise<void> {
    const rows = [39, 0, 17, 17, 5];
    const [a, b] = await features.gather(rows);
    assert.deepEqual([a.dtype, a.shape, b.dtype, b.shape], ["float32", [5, 2], "int64", [5]]);
    assert.deepEqual([...a.data], rows.flatMap((i) => [i, -i])); // prettier-ignore
    assert.deepEqual([...b.data], rows.map((i) => BigInt(i * 10))); // prettier-ignore
  }

  const inFileOrder = [0, 16, 32].map((start) => Array.from({ length: Math.min(16, samples - start) }, (_, i) => start + i));

  it("keeps them in memory where they fit, computed once in batches in file order", async () => {
    const features = store({});
    assert.equal(await features.fill(), true);
    await assertGathers(features);
    assert.deepEqual(made, inFileOrder);
    assert.deepEqual(progress.at(-1), { done: 40, reused: 0, executions: 3 });
    assert.equal(released, 1);
    await features.rest();
    await assertGathers(features);
    assert.equal(made.length, 3, "without a disk, the memory is kept");
    await features.close();
  });

  it("reads them from disk where memory does not suffice, and finds them there later", async () => {
    const cold = store({ cache: await openCache(), memoryLimit: 100 });
    assert.equal(await cold.fill(), true);
    await assertGathers(cold);
    assert.deepEqual(made, inFileOrder);
    await cold.close();
    const warm = store({ cache: await openCache(), memoryLimit: 100 });
    assert.equal(await warm.fill(), true);
    await assertGathers(warm);
    assert.equal(made.length, 3);
    assert.deepEqual(progress.at(-1), { done: 40, reused: 40, executions: 3 });
    await warm.close();
  });

  it("gives its memory back when it rests, and reads from disk", async () => {
    const features = store({ cache: await openCache() });
    await features.fill();
    await features.rest();
    await assertGathers(features);
    assert.equal(made.length, 3);
    await features.close();
  });

  it("keeps those of some samples and makes the others anew where samples are augmented", async () => {
    for (const cache of [undefined, await openCache()]) {
      made = [];
      const features = store({ kept: Uint32Array.from([1, 7, 30]), cache, memoryLimit: cache === undefined ? total : 10 });
      assert.equal(await features.fill(), true);
      assert.deepEqual(made, [[1, 7, 30]]);
      assert.deepEqual([...(await features.gather([30, 1]))[0].data], [30, -30, 1, -1]);
      assert.equal(made.length, 1);
      for (const epoch of [0, 1]) assert.deepEqual([...(await features.gather([5, 2], epoch))[0].data], [5, -5, 2, -2]);
      assert.deepEqual(made, [[1, 7, 30], [5, 2], [5, 2]]); // prettier-ignore
      await features.close();
    }
  });

  it("computes them whenever they are read where there is neither memory nor disk", async () => {
    const features = store({ memoryLimit: 100 });
    assert.equal(await features.fill(), true);
    assert.deepEqual([made, progress, released], [[], [], 0]);
    await assertGathers(features);
    await assertGathers(features);
    assert.deepEqual(made, [[39, 0, 17, 17, 5], [39, 0, 17, 17, 5]]); // prettier-ignore
    await features.close();
    assert.equal(released, 1);
  });

  it("goes on without the disk where it fills up, with memory and without", async () => {
    for (const memoryLimit of [total, 100]) {
      const cache = await openCache();
      assert.ok(cache !== undefined);
      let appended = 0;
      const append = cache.append.bind(cache);
      cache.append = (records) => {
        appended += 1;
        if (appended === 2) throw new Error("no space");
        append(records);
      };
      complaints = [];
      const features = store({ cache, memoryLimit });
      assert.equal(await features.fill(), true);
      assert.equal(complaints.length, 1);
      await assertGathers(features);
      assert.equal((await openCache())?.count, 0, "what was written is given back");
      await features.close();
    }
  });

  it("computes what it cannot read any more", async () => {
    const features = store({ cache: await openCache(), memoryLimit: 100 });
    await features.fill();
    await truncate(join(folder, "key.features"), 64);
    await assertGathers(features);
    assert.equal(complaints.length, 1);
    assert.match(String(complaints[0]), /was cut short while it was in use/);
    assert.equal(made.length, 4);
    await features.close();
  });

  it("keeps what was computed before a stop", async () => {
    const first = store({ cache: await openCache(), stopRequested: () => made.length >= 2 });
    assert.equal(await first.fill(), false);
    await first.close();
    const second = store({ cache: await openCache() });
    assert.equal(await second.fill(), true);
    await assertGathers(second);
    assert.deepEqual(made, inFileOrder);
    assert.equal(progress.at(-1)?.reused, 32);
    await second.close();
  });

  it("keeps nothing of records of another form, and opens nothing beyond the limit", async () => {
    const first = store({ cache: await openCache() });
    await first.fill();
    await first.close();
    const other = await CachedFeatures.open(folder, "key", { values: values.slice(0, 1), count: samples, limit: 1e6 });
    assert.equal(other?.count, 0);
    other?.close();
    assert.equal(await openCache(total - 1), undefined);
  });

  it("leaves what another run has written but not yet made count", async () => {
    const first = (await openCache()) as CachedFeatures;
    first.append(new Uint8Array(16 * 16).fill(7));
    const second = (await openCache()) as CachedFeatures;
    first.append(new Uint8Array(16 * 16).fill(9));
    const record = new Uint8Array(16);
    first.read(2, record);
    assert.deepEqual([...new Set(record)], [7]);
    first.close();
    second.close();
  });
});
