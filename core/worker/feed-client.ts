// The starter's side of the role `feed`.

import type { Feed } from "../train/feed.js";
import { moving } from "./connection.js";
import { feedDrop, feedMake, feedOpen } from "./contract.js";
import { WorkerLink, type WorkerOptions } from "./link.js";

/** Starts a feed; it loads in the background, and what it is asked waits for it. */
export function startFeed(options: WorkerOptions): Feed {
  const link = new WorkerLink("feed", options);
  return {
    open: (job) => link.notify(feedOpen, moving(job, job.prefix === undefined ? [] : [job.prefix.model])),
    make: async (request) => (await link.request(feedMake, request)) ?? [],
    drop: () => link.notify(feedDrop, {}),
    close: () => link.close(),
  };
}
