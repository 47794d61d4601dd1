// The `feed` role: makes samples, or features of them, for one run, in the order in which they are asked for.

import type { MessageConnection } from "vscode-jsonrpc/node";
import { Feeding } from "../train/feeding.js";
import * as errors from "../errors.js";
import { answering, moving } from "./connection.js";
import { feedDrop, feedMake, feedOpen } from "./contract.js";
import type { RoleServer } from "./entry.js";

export function serve(connection: MessageConnection): RoleServer {
  let opening: Promise<Feeding> | undefined;
  connection.onNotification(feedOpen, (job) => {
    opening = Feeding.open(job);
    // What is wrong is told by the answers.
    opening.catch(() => undefined);
  });
  connection.onRequest(
    feedMake,
    answering(async (request) => {
      if (opening === undefined) throw errors.feedNotOpen();
      const made = await (await opening).make(request);
      return made === undefined ? null : moving(made, made.map(({ data }) => data)); // prettier-ignore
    }),
  );
  connection.onNotification(feedDrop, () => void opening?.then((feeding) => feeding.drop()).catch(() => undefined));
  return { stop: async () => opening?.then((feeding) => feeding.close()).catch(() => undefined) };
}
