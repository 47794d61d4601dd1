// The same recipe gives the same bytes: run after run, with a cold cache, a warm one and none, and after a broken one.

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { blobs, classifier, weightBytes, Workspace, type Finished } from "../../support/training.js";

const frozenTrunk = { freeze: ["*", "!fc3.*"], data: { split: { validation: 0.2, test: 0.2 } } };

describe("determinism and the cache of features", () => {
  let space: Workspace;

  beforeEach(async () => {
    space = await Workspace.create();
    await space.writeGraph(classifier());
    await space.writeTable(blobs(90, 4, 3));
  });
  afterEach(() => space.remove());

  const cacheFolder = (): string => space.path(join(".frostline", "cache"));
  const cacheFiles = async (ending: string): Promise<readonly string[]> => (await readdir(cacheFolder())).filter((name) => name.endsWith(ending));

  async function weightsOf(recipe: Readonly<Record<string, unknown>> = frozenTrunk, options: Parameters<Workspace["train"]>[1] = {}) {
    const finished = await space.train(recipe, options);
    return { ...finished, weights: weightBytes(await space.tensors()) };
  }

  const reused = ({ events }: Finished): number => Math.max(...events.flatMap((e) => (e.event === "cache" ? [e.reused] : [])));

  it("gives the same bytes with a cold cache, a warm one and none, and runs the prefix only where nothing is kept", async () => {
    const cold = await weightsOf();
    const warm = await weightsOf();
    const none = await weightsOf(frozenTrunk, { cache: false });
    assert.deepEqual(warm.weights, cold.weights);
    assert.deepEqual(none.weights, cold.weights);
    assert.deepEqual(cold.record.prefix, { executions: 6, byPhase: { train: 6 } });
    assert.deepEqual(warm.record.prefix, { executions: 0, byPhase: { train: 0 } });
    assert.equal(none.record.prefix.executions, 6);
    assert.deepEqual([reused(cold), reused(warm), reused(none)], [0, 90, 0]);
    assert.deepEqual(cold.result.metrics, warm.result.metrics);
  });

  it("keeps nothing on disk with cache: false", async () => {
    await weightsOf(frozenTrunk, { cache: false });
    assert.deepEqual(await readdir(space.path(".frostline")), ["runs"]);
  });

  it("gives other bytes for another seed, and for another order", async () => {
    const first = await weightsOf();
    const other = await weightsOf({ ...frozenTrunk, seed: 1 });
    const fixed = await weightsOf({ ...frozenTrunk, shuffle: false });
    assert.notEqual(other.weights["fc3.weight"], first.weights["fc3.weight"]);
    assert.notEqual(fixed.weights["fc3.weight"], first.weights["fc3.weight"]);
    assert.equal(other.weights["fc1.weight"], first.weights["fc1.weight"]);
  });

  it("computes again from the first chunk that was changed or cut off", async () => {
    const cold = await weightsOf();
    const [name] = await cacheFiles(".features");
    const path = join(cacheFolder(), name);
    const bytes = await readFile(path);
    bytes[bytes.length / 2] ^= 1;
    await writeFile(path, bytes);
    const mended = await weightsOf();
    assert.deepEqual(mended.weights, cold.weights);
    assert.deepEqual([mended.record.prefix.executions, reused(mended)], [4, 32]);
    await truncate(path, Math.floor(bytes.length / 2));
    const longer = await weightsOf();
    assert.deepEqual(longer.weights, cold.weights);
    assert.deepEqual([longer.record.prefix.executions, reused(longer)], [4, 32]);
    const [description] = await cacheFiles(".json");
    await writeFile(join(cacheFolder(), description), "{ not json");
    const all = await weightsOf();
    assert.deepEqual(all.weights, cold.weights);
    assert.equal(all.record.prefix.executions, 6);
    assert.equal((await weightsOf()).record.prefix.executions, 0);
  });

  it("computes again where data, transform or the frozen weights are others, and not where only the head is", async () => {
    assert.equal((await weightsOf()).record.prefix.executions, 6);
    assert.equal((await weightsOf({ ...frozenTrunk, optimizer: { type: "adam" }, seed: 4 })).record.prefix.executions, 0);
    const scaled = { ...frozenTrunk, data: { ...frozenTrunk.data, transform: [{ scale: { from: [0, 1], to: [0, 2] } }] } };
    assert.equal((await weightsOf(scaled)).record.prefix.executions, 6);
    await space.writeTable(blobs(90, 4, 3, 2));
    assert.equal((await weightsOf()).record.prefix.executions, 6);
    assert.equal((await cacheFiles(".features")).length, 3);
  });

  it("removes the least recently used features when the limit is reached, and keeps nothing that is larger than it", async () => {
    // 90 samples of 6 float32 values are 2,160 bytes.
    const limited = { ...frozenTrunk, cache: { bytes: 5000 } };
    const scaledBy = (to: number) => ({ ...limited, data: { ...frozenTrunk.data, transform: [{ scale: { from: [0, 1], to: [0, to] } }] } });
    await weightsOf(limited);
    const [oldest] = await cacheFiles(".features");
    await weightsOf(scaledBy(2));
    const second = (await cacheFiles(".features")).find((name) => name !== oldest) ?? "";
    await utimes(join(cacheFolder(), second), 1, 1);
    await weightsOf(scaledBy(3));
    const left = await cacheFiles(".features");
    assert.equal(left.length, 2);
    assert.ok(left.includes(oldest));
    assert.ok(!left.includes(second));
    assert.equal((await cacheFiles(".json")).length, 2);
    const small = await weightsOf({ ...scaledBy(4), cache: { bytes: 100 } });
    assert.equal(small.record.prefix.executions, 6);
    assert.deepEqual(await cacheFiles(".features"), left);
  });

  it("warns and goes on where the cache cannot be written", async () => {
    const cold = await weightsOf();
    await rm(cacheFolder(), { recursive: true });
    await writeFile(cacheFolder(), "in the way");
    const blocked = await weightsOf();
    const warning = blocked.events.find((e) => e.event === "warning");
    assert.equal(warning?.code, "run/cache");
    assert.match(warning?.message ?? "", /cannot be kept/);
    assert.equal(blocked.result.reason, "completed");
    assert.deepEqual(blocked.weights, cold.weights);
  });

  it("needs no cache where nothing is frozen before what trains", async () => {
    await mkdir(space.path(".frostline"));
    const { record, events } = await weightsOf({ freeze: [] });
    assert.equal(record.prefix.executions, 0);
    assert.ok(!events.some((e) => e.event === "cache"));
    assert.deepEqual(await readdir(space.path(".frostline")), ["runs"]);
  });
});
