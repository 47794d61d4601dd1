// The bounded queue of what was asked ahead of time.

import assert from "node:assert/strict";
import { Lookahead } from "../../../core/train/lookahead.js";
import type { MakeRequest } from "../../../core/train/feed.js";

describe("asking ahead", () => {
  let asked: MakeRequest[];
  let drops: number;
  const request = (index: number, epoch?: number): MakeRequest => ({ indices: [index], ...(epoch === undefined ? {} : { epoch }) });
  const queue = (limit: number, make = (r: MakeRequest) => Promise.resolve(r.indices[0] * 10)): Lookahead<number> =>
    new Lookahead({
      make: (r) => {
        asked.push(r);
        return make(r);
      },
      drop: () => (drops += 1),
      limit,
    });
  const requests = [1, 2, 3, 4, 5].map((index) => request(index, 0));

  beforeEach(() => {
    [asked, drops] = [[], 0];
  });

  it("answers in order, asks each once and never more than the bound ahead", async () => {
    const ahead = queue(2);
    ahead.expect(requests);
    assert.equal(asked.length, 2);
    for (const [i, wanted] of requests.entries()) {
      assert.equal(await ahead.take(wanted), wanted.indices[0] * 10);
      assert.equal(asked.length, Math.min(5, i + 3));
    }
    assert.deepEqual(asked, requests);
    assert.equal(drops, 0);
  });

  it("answers what was not expected too, and lets go of what was", async () => {
    const ahead = queue(3);
    ahead.expect(requests);
    assert.equal(await ahead.take(request(9, 0)), 90);
    assert.equal(drops, 1);
    assert.equal(await ahead.take(requests[0]), 10);
    assert.deepEqual(
      asked.map(({ indices }) => indices[0]),
      [1, 2, 3, 9, 1],
    );
  });

  it("tells epochs apart", async () => {
    const ahead = queue(1, ({ epoch }) => Promise.resolve(epoch ?? -1));
    ahead.expect([request(1, 4)]);
    assert.equal(await ahead.take(request(1)), -1);
    ahead.expect([request(1, 4)]);
    assert.equal(await ahead.take(request(1, 4)), 4);
  });

  it("fails where the failed answer is taken, not before", async () => {
    const ahead = queue(3, ({ indices: [index] }) => (index === 2 ? Promise.reject(new Error("unreadable")) : Promise.resolve(index)));
    ahead.expect(requests);
    assert.equal(await ahead.take(requests[0]), 1);
    await assert.rejects(ahead.take(requests[1]), /unreadable/);
    assert.equal(await ahead.take(requests[2]), 3);
  });

  it("draws no further than it must from what is expected", () => {
    let drawn = 0;
    const endless = function* (): Generator<MakeRequest> {
      for (;;) yield request(drawn++);
    };
    queue(4).expect(endless());
    assert.equal(drawn, 4);
  });
});
