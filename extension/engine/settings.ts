// The settings of a person and of a workspace, as the engine's requests have them.

import type { TrainRequest } from "../../core/worker/contract.js";
import type { Isolation } from "./service.js";

/** Reads one setting below `frostline.`; undefined where it is not there. */
export type ReadSetting = (key: string) => unknown;

/** Where runs are to compute, as the settings say. */
export function isolationSetting(read: ReadSetting): Isolation {
  return read("engine.isolation") === "process" ? "process" : "thread";
}

/** What runs take from the settings, where their recipes say nothing. Values that a setting cannot have count as not set. */
export function requestSettings(read: ReadSetting): Pick<TrainRequest, "defaults" | "cacheFolder" | "runsFolder" | "spinning"> {
  const provider = read("engine.provider");
  const threads = read("engine.threads");
  const limit = read("cache.limit");
  const [cacheFolder, runsFolder] = [folder(read("cache.folder")), folder(read("runs.folder"))];
  return {
    defaults: {
      ...(typeof provider === "string" && provider !== "auto" ? { provider } : {}),
      ...(typeof threads === "number" && Number.isInteger(threads) && threads > 0 ? { threads } : {}),
      ...(typeof limit === "number" && limit >= 0 ? { cacheBytes: Math.round(limit * 1e9) } : {}),
    },
    ...(cacheFolder === undefined ? {} : { cacheFolder }),
    ...(runsFolder === undefined ? {} : { runsFolder }),
    // The editor and everything else in it needs the cores between two operators.
    spinning: false,
  };
}

function folder(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}
