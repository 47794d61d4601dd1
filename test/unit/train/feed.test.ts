// Runs whose samples a feed makes: the same bits as without, and its failures as the run's own. The feed works in this process here; behind a
// worker it is tested with the built one.

import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { startFeed } from "../../../core/worker/feed-client.js";
import type { Feed, FeedJob } from "../../../core/train/feed.js";
import { Feeding } from "../../../core/train/feeding.js";
import { failure } from "../../support/failure.js";
import { blobs, classifier, flatClassifier, weightBytes, Workspace } from "../../support/training.js";

/** A feed without a worker around it. */
class NearFeed implements Feed {
  static readonly jobs: FeedJob[] = [];
  static running = 0;
  #feeding: Promise<Feeding> | undefined;

  open(job: FeedJob): void {
    NearFeed.jobs.push(job);
    NearFeed.running += 1;
    this.#feeding = Feeding.open(job);
    this.#feeding.catch(() => undefined);
  }

  async make(request: Parameters<Feed["make"]>[0]): ReturnType<Feed["make"]> {
    return (await (await this.#feeding)?.make(request)) ?? [];
  }

  drop(): void {
    void this.#feeding?.then((feeding) => feeding.drop()).catch(() => undefined);
  }

  async close(): Promise<void> {
    NearFeed.running -= 1;
    await this.#feeding?.then((feeding) => feeding.close()).catch(() => undefined);
  }
}

describe("a run with a feed", () => {
  let space: Workspace;
  const fed = { feed: true, cache: false, startFeed: () => new NearFeed() };
  const split = { validation: 0.2, test: 0.2 };
  const frozen = { freeze: ["fc1*"], data: { split } };
  const augmented = { freeze: ["fc1*"], data: { split, transform: [{ reshape: [2, 2] }], augment: [{ shift: [0.5, 0.5] }] } };

  beforeEach(async () => {
    space = await Workspace.create();
    await space.writeGraph(classifier());
    await space.writeTable(blobs(90, 4, 3));
    NearFeed.jobs.length = 0;
  });
  afterEach(async () => {
    assert.equal(NearFeed.running, 0, "no feed outlives its run");
    await space.remove();
  });

  it("gives the bytes of a run without where features are made once, and runs the prefix as often", async () => {
    const plain = await space.train(frozen, { feed: false, cache: false });
    const expected = weightBytes(await space.tensors());
    const run = await space.train(frozen, fed);
    assert.deepEqual(weightBytes(await space.tensors()), expected);
    assert.equal(run.record.prefix.executions, plain.record.prefix.executions);
    assert.deepEqual(run.result.metrics, plain.result.metrics);
    assert.equal(NearFeed.jobs[0].prefix, undefined, "the prefix runs beside the feed where nothing else does");
  });

  it("gives them where samples are augmented and the prefix runs in the feed", async () => {
    await space.writeGraph(flatClassifier());
    const plain = await space.train(augmented, { feed: false, cache: false });
    const expected = weightBytes(await space.tensors());
    const run = await space.train(augmented, fed);
    assert.deepEqual(weightBytes(await space.tensors()), expected);
    assert.equal(run.record.prefix.executions, plain.record.prefix.executions);
    assert.ok(NearFeed.jobs[0].prefix !== undefined);
  });

  it("goes on after a stop in the middle of an epoch as if there had been none", async () => {
    await space.writeGraph(flatClassifier());
    await space.train(augmented, { feed: false, cache: false });
    const expected = weightBytes(await space.tensors());
    const stopped = await space.train(augmented, { ...fed, stop: (events) => events.filter(({ event }) => event === "step").length >= 3 });
    assert.equal(stopped.result.reason, "stopped");
    await space.train(augmented, { ...fed, resume: stopped.result.run });
    assert.deepEqual(weightBytes(await space.tensors()), expected);
  });

  it("says in every step and epoch how long it waited", async () => {
    const { events } = await space.train({}, fed);
    const waited = events.flatMap((event) => (event.event === "step" || event.event === "epoch" ? [event.waited] : []));
    assert.ok(waited.length > 0 && waited.every((ms) => Number.isInteger(ms) && ms >= 0));
  });

  it("refuses data that changed after the run had read it", async () => {
    const startFeed = (): Feed => {
      const feed = new NearFeed();
      const open = feed.open.bind(feed);
      feed.open = (job) => open({ ...job, contentHash: "of something else" });
      return feed;
    };
    await failure("data/changed", () => space.train(frozen, { ...fed, startFeed }));
  });

  it("fails as the feed fails", async () => {
    const startFeed = (): Feed => {
      const feed = new NearFeed();
      const open = feed.open.bind(feed);
      feed.open = (job) => open({ ...job, data: { ...job.data, csv: space.path("gone.csv") } });
      return feed;
    };
    await failure("data/no-file", () => space.train(frozen, { ...fed, startFeed }));
  });

  it("fails clearly where the feed's worker crashes", async () => {
    const entry = await space.writeFile("worker.cjs", "setTimeout(() => process.exit(3), 50)");
    const error = await failure("run/worker-ended", () => space.train(frozen, { ...fed, startFeed: () => startFeed({ entry }) }));
    assert.match(error.message, /the feed worker ended before it had answered: exit status 3/);
  });

  it("starts one by itself where steps need samples made and the runtime leaves a core, not for a little to read", async () => {
    const { startFeed } = fed;
    await space.train(frozen, { cache: false, startFeed });
    assert.equal(NearFeed.jobs.length, 0);
    await space.writeGraph(flatClassifier());
    await space.train(augmented, { cache: false, startFeed });
    assert.equal(NearFeed.jobs.length, availableParallelism() > 1 ? 1 : 0);
  });
});
